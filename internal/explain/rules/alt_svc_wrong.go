package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var altSvcWrong = explain.Rule{
	ID:       "alt-svc-wrong",
	Title:    "The site names another port or host for itself, and nothing is there",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "By the field Alt-Svc a site tells clients where else it can be reached, and for how long they may remember that. The client went there, and it did not work. It tries again with each visit until the time is over, also after the site was mended.",
		Looks: "A response with `Alt-Svc: h3=\":8443\"; ma=86400`, then an attempt at that port that is refused, gets no answer, or fails in its handshake. Browsers go back to the first address after a while; curl with --alt-svc fails with 7. Chrome lists it as broken in chrome://net-export.",
		Why:   "The field was copied from an origin through a gateway that has no such port; the port was changed or its firewall closed while clients remember the old one (ma is in seconds, a day is usual); a container that publishes TCP only.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "nginx", "Do not pass on what the origin says of itself:", "proxy_hide_header Alt-Svc;"),
			fix(explain.Gateway, "HAProxy", "Do not pass on what the origin says of itself:", "http-response del-header alt-svc"),
			fix(explain.Origin, "nginx", "Make clients forget it:", "add_header Alt-Svc clear always;"),
			fix(explain.Origin, "Apache", "Make clients forget it:", `Header always set Alt-Svc "clear"`),
			fix(explain.Origin, "IIS", "Take the advertisement back:", `reg add HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters /v EnableAltSvc /t REG_DWORD /d 0 /f`),
			fix(explain.Network, "", "Or open the port that is named."),
			fix(explain.Client, "", "To get through for now: a private window, or a new profile, which remembers nothing."),
		},
		Confirm: "`curl -sI URL | grep -i alt-svc` shows what is named; `curl -v --connect-to ::HOST:PORT URL` tries it (over TCP).",
		LookAlikes: []explain.Alike{
			{ID: "quic-udp-blocked", Difference: "the same port as the site's, and UDP alone fails"},
			{ID: "quic-handshake-failed", Difference: "the same port as the site's, and QUIC answers"},
			{ID: "port-closed", Difference: "nobody named that port in the record"},
		},
		References: []string{"RFC 7838 sections 2.1, 2.4 and 3", "RFC 9114 section 3.1", "cloudflare/quiche#330", "seen with curl 7.88 --alt-svc, and Chromium 156"},
	},
	Hides:   []string{"quic-udp-blocked", "quic-handshake-failed", "port-closed", "syn-unanswered", "alpn-no-overlap", "accepted-but-silent", "certificate-name-mismatch", "private-ca-not-trusted-here"},
	Silence: true,
	Check:   checkAltSvc,
}

func checkAltSvc(p *explain.Pass) {
	told := map[string]bool{}
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			alternatives := header(x.ResponseHeader, "Alt-Svc")
			if alternatives == "" || x.Responded.IsZero() {
				continue
			}
			for _, named := range altServices(alternatives) {
				d, why, i := triedInVain(p, c, x, named)
				if key := named.text + fmt.Sprint(pairOf(c)); d != nil && !told[key] {
					told[key] = true
					reportAltSvc(p, c, x, named, d, why, i)
				}
			}
		}
	}
}

// altService is an alternative that a site names for itself.
type altService struct {
	text string // as it was written
	host string // empty: the same
	port int
}

// altServices reads an Alt-Svc field (RFC 7838, section 3), without parameters.
func altServices(field string) (out []altService) {
	for part := range strings.SplitSeq(field, ",") {
		text, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		_, authority, found := strings.Cut(text, "=")
		authority = strings.Trim(authority, `" `)
		colon := strings.LastIndexByte(authority, ':')
		if !found || colon < 0 {
			continue
		}
		if port, err := strconv.Atoi(authority[colon+1:]); err == nil {
			out = append(out, altService{text, strings.ToLower(authority[:colon]), port})
		}
	}
	return out
}

// triesFor is how long after a response a client's attempt is tied to it.
const triesFor = 10 * time.Minute

// triedInVain is the connection on which the client of c tried an alternative
// that x named, and what went wrong there, which event i shows. Nil: it did not
// try, or it works. An alternative at the port of c itself is no business of this rule.
func triedInVain(p *explain.Pass, c *flow.Conn, x *flow.Exchange, named altService) (d *flow.Conn, why string, i int) {
	if named.port == int(c.Server.Port()) && (named.host == "" || sameName(named.host, x.Host)) {
		return nil, "", -1
	}
	for _, d := range p.Trace.Conns {
		after := d.Started.Sub(x.Responded)
		if d == c || d.Client.Addr() != c.Client.Addr() || int(d.Server.Port()) != named.port || after < 0 || after > triesFor {
			continue
		}
		if named.host == "" && d.Server.Addr() != c.Server.Addr() || d.TLS != nil && d.TLS.SNI != "" && !sameName(d.TLS.SNI, x.Host) && !sameName(d.TLS.SNI, named.host) {
			continue
		}
		if why, i := servedNothing(d); why != "" {
			return d, why, i
		}
	}
	return nil, "", -1
}

// servedNothing says in words why a connection served for nothing, and the event that
// shows it; empty if it served.
func servedNothing(d *flow.Conn) (why string, i int) {
	if i := find(d, 0, flow.Unknown, flow.ConnectFailed); i >= 0 {
		return "the connection failed (" + d.Events[i].Text + ")", i
	}
	if isQUIC(d) && !anyOf(d, flow.Server) && d.ServerBytes == 0 {
		return "no answer came over UDP", hello(d)
	}
	if d.TLS != nil && d.TLS.Done != flow.Yes {
		if i := find(d, 0, flow.Unknown, flow.TLSFailed, flow.Alert); i >= 0 {
			return "the handshake failed (" + d.Events[i].Text + ")", i
		}
	}
	for _, x := range d.Exchanges {
		if x.Status == 421 {
			return "it answered 421", findOf(d, x, flow.Response)
		}
	}
	return "", -1
}

// servedElsewhere tells that the client of d was answered elsewhere after it had begun d.
func servedElsewhere(p *explain.Pass, d *flow.Conn) bool {
	for _, c := range p.Trace.Conns {
		if c == d || c.Client.Addr() != d.Client.Addr() {
			continue
		}
		for _, x := range c.Exchanges {
			if x.Status != 0 && !x.Responded.Before(d.Started) {
				return true
			}
		}
	}
	return false
}

func reportAltSvc(p *explain.Pass, c *flow.Conn, x *flow.Exchange, named altService, d *flow.Conn, why string, i int) {
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s answered %s with Alt-Svc %s. Then %s went there, %s later, and %s.",
			peer(c), asked(x), named.text, caller(c), explain.Span(d.Started.Sub(x.Responded)), why),
		Evidence: []explain.Evidence{explain.At(c, findOf(c, x, flow.Response), "Alt-Svc: "+header(x.ResponseHeader, "Alt-Svc")),
			explain.At(d, i, fmt.Sprintf("at port %d: %s", named.port, why))},
		Missing: []string{"that the client went there because of this field, and not for another reason"},
	}
	p.Blame(&f, d, nil)
	p.Blame(&f, c, nil)
	if servedElsewhere(p, d) {
		f.Cause += " It was served all the same, at another address or port."
		p.ReportAs(explain.Warning, f)
		return
	}
	p.Report(f)
}
