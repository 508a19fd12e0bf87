package rules

import (
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var stoppedSiteStillHandshakes = explain.Rule{
	ID:       "stopped-site-still-handshakes",
	Title:    "The site is stopped, yet its TLS handshake still succeeds",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The part of the server that does TLS still has the certificate of a site that no longer serves. A client sees a valid certificate and then a 404 or 503 that no application wrote.",
		Looks: "The handshake completes for the name; the answer comes within about a round trip, is tiny, says `Server: Microsoft-HTTPAPI/2.0` instead of `Microsoft-IIS/...`, and usually `Connection: close`. There is nothing in the site's own log; the HTTPERR log may have a line.",
		Why:   "In HTTP.sys the table of certificates (`sslcert`) does not know the state of IIS sites: stopping a site removes its URLs, not its certificate, and not the listener as long as anything else on the machine uses the port. nginx and others do the same when a default server keeps the certificate.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "IIS and HTTP.sys", "Start the site again; or, if it should be gone, remove its certificate mapping; or keep HTTP.sys off that address altogether:", `%windir%\system32\inetsrv\appcmd start site "NAME"`, "netsh http show sslcert", "netsh http delete sslcert hostnameport=app.example:443", "netsh http add iplisten ipaddress=192.0.2.10"),
			fix(explain.Origin, "nginx", "Refuse names that have no server block inside the handshake:", "server { listen 192.0.2.10:443 ssl default_server; ssl_reject_handshake on; }"),
			fix(explain.Origin, "HAProxy", "Refuse names for which there is no certificate, and remove the certificate of the stopped site:", "bind 192.0.2.10:443 ssl crt /etc/haproxy/certs/ strict-sni"),
			fix(explain.Origin, "Apache", "Remove the virtual host, or its `SSLCertificateFile`, together with the site; without a matching virtual host the first one answers:", "a2dissite NAME", "systemctl reload apache2"),
			fix(explain.Gateway, "Fanlight", "A stopped site of Fanlight refuses the connection, or the name inside the handshake (`when_stopped: refuse`, the default). For an origin: stop the site in front of it as well:", "fanlight sites stop SITE"),
		},
		Confirm: "On Windows `netsh http show servicestate` lists the URLs that are registered: if none fits the name, no site claims the request, while `netsh http show sslcert` still lists its certificate.",
		LookAlikes: []explain.Alike{
			{ID: "a real 404", Difference: "carries the application's or IIS's own Server header and takes the application's time"},
			{ID: "an application on HTTP.sys", Difference: "without a Server header of its own it also shows Microsoft-HTTPAPI/2.0; its other pages work"},
			{ID: "request-filter-rejected", Difference: "other requests to the same name are answered"},
			{ID: "a site with `when_stopped: page`", Difference: "answers 503 on purpose, with an incident id"},
		},
		References: []string{"serverfault.com question 909918 (HTTP.sys mappings outlive sites)", "Microsoft Learn: netsh http, IP Listen List"},
	},
	Needs: []explain.Need{{
		What: answerUnread,
		Met:  func(c *flow.Conn) bool { return c.Keys != flow.No || len(c.Exchanges) > 0 },
	}},
	Check: checkStoppedSite,
}

const answerUnread = "a capture with keys: the answer after the handshake cannot be read"

func checkStoppedSite(p *explain.Pass) {
	sites := stoppedSites(p.Trace)
	known := func(c *flow.Conn) int {
		if c.TLS == nil || c.TLS.Done != flow.Yes || c.Self == flow.Server {
			return -1
		}
		return stoppedFor(p.Trace, sites, c)
	}
	for _, c := range p.Trace.Conns {
		if i := known(c); i >= 0 {
			reportStoppedByFact(p, c, &p.Trace.Facts[i])
		}
	}
	for _, c := range p.Conns() { // needs keys, unlike the above
		if c.TLS == nil || c.TLS.Done != flow.Yes || known(c) >= 0 {
			continue
		}
		for _, x := range c.Exchanges {
			if x.Incident == "" && kernelAnswer(x) && answeredAtOnce(c, x) && !answersElsewhere(p, c, x) {
				reportKernelAnswer(p, c, x)
			}
		}
	}
	suspectStoppedSites(p)
}

// suspectStoppedSites says once for each name that an answer should be read, if
// every connection to it ended like that of a stopped site.
func suspectStoppedSites(p *explain.Pass) {
	type target struct {
		server netip.AddrPort
		name   string
	}
	first, other := map[target]*flow.Conn{}, map[target]bool{}
	for _, c := range p.Trace.Conns {
		if c.TLS == nil || c.TLS.Done != flow.Yes {
			continue
		}
		t := target{c.Server, c.TLS.SNI}
		switch {
		case !tinyAnswerUnread(c):
			other[t] = true
		case first[t] == nil:
			first[t] = c
		}
	}
	for _, c := range p.Trace.Conns {
		if c.TLS == nil {
			continue
		}
		if t := (target{c.Server, c.TLS.SNI}); first[t] == c && !other[t] {
			p.CannotTell(c.ID, answerUnread)
		}
	}
}

// tinyAnswerUnread tells that nobody could read what a server sent that closed
// at once, and that it was hardly more than a handshake.
func tinyAnswerUnread(c *flow.Conn) bool {
	const handshakeAndPage = 8 << 10
	d, known := between(c, find(c, 0, flow.Unknown, flow.TLSDone), closing(c))
	return c.Keys == flow.No && len(c.Exchanges) == 0 && c.Close.By == flow.Server && known && d < time.Second &&
		(!c.Counted || c.ServerBytes <= handshakeAndPage) && find(c, 0, flow.Unknown, flow.HelloRequest) < 0
}

func reportStoppedByFact(p *explain.Pass, c *flow.Conn, fact *flow.Event) {
	var x *flow.Exchange
	evidence := []explain.Evidence{
		explain.Fact(fmt.Sprintf("site %s is %s", fact.Text, fact.Attr(flow.KeyState))),
		explain.At(c, find(c, 0, flow.Unknown, flow.TLSDone), "handshake complete for "+c.TLS.SNI),
	}
	if len(c.Exchanges) > 0 {
		x = c.Exchanges[0]
		evidence = append(evidence, responseEvidence(c, x)...)
	}
	report(p, explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("Site %s is %s, yet %s completed a TLS handshake for %s.",
			fact.Text, fact.Attr(flow.KeyState), peer(c), c.TLS.SNI),
		Evidence: evidence,
	}, c, x)
}

// stoppedSites gives the last known state of each site that does not serve and
// shows no page of its own, as indexes into the facts.
func stoppedSites(t *flow.Trace) []int {
	last := map[string]int{}
	var order []string
	for i := range t.Facts {
		e := &t.Facts[i]
		if e.Kind != flow.SiteState {
			continue
		}
		if _, seen := last[e.Text]; !seen {
			order = append(order, e.Text)
		}
		last[e.Text] = i
	}
	var out []int
	for _, name := range order {
		e := &t.Facts[last[name]]
		state := e.Attr(flow.KeyState)
		if (state == "stopped" || state == "absent" || state == "failed") && e.Attr(flow.KeyWhenStopped) != "page" {
			out = append(out, last[name])
		}
	}
	return out
}

// stoppedFor is the fact about the stopped site that c went to by address and
// name, or -1.
func stoppedFor(t *flow.Trace, sites []int, c *flow.Conn) int {
	for _, i := range sites {
		for addr, names := range bindings(t.Facts[i].Attr(flow.KeyBinds)) {
			if addr == c.Server && covers(names, c.TLS.SNI) {
				return i
			}
		}
	}
	return -1
}

// bindings reads "ADDR:PORT NAME ... ADDR:PORT NAME ...", with commas or
// semicolons anywhere between.
func bindings(s string) iter.Seq2[netip.AddrPort, []string] {
	return func(yield func(netip.AddrPort, []string) bool) {
		var addr netip.AddrPort
		var names []string
		for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' || r == ',' || r == ';' }) {
			next, err := netip.ParseAddrPort(strings.TrimPrefix(word, "http://"))
			if err != nil {
				names = append(names, word)
				continue
			}
			if addr.IsValid() && !yield(addr, names) {
				return
			}
			addr, names = next, nil
		}
		if addr.IsValid() {
			yield(addr, names)
		}
	}
}

// covers tells that one of the names is name, or a wildcard for it. A binding
// without names stands for all.
func covers(names []string, name string) bool {
	if len(names) == 0 {
		return true
	}
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
		if _, parent, found := strings.Cut(name, "."); found && strings.EqualFold(n, "*."+parent) {
			return true
		}
	}
	return false
}

// kernelAnswer tells that HTTP.sys answered for want of a site.
func kernelAnswer(x *flow.Exchange) bool {
	return (x.Status == 404 || x.Status == 503) &&
		strings.HasPrefix(header(x.ResponseHeader, "Server"), "Microsoft-HTTPAPI/")
}

// answeredAtOnce tells that x was answered within about a round trip, as far as
// times are known.
func answeredAtOnce(c *flow.Conn, x *flow.Exchange) bool {
	wait, known := x.Wait()
	if !known {
		return true
	}
	rtt, known := roundTrip(c)
	if !known {
		rtt, _ = between(c, find(c, 0, flow.Unknown, flow.ClientHello), find(c, 0, flow.Unknown, flow.ServerHello))
	}
	return wait <= 3*rtt+50*time.Millisecond
}

// answersElsewhere tells that the same name on the same server has other pages
// that work: then somebody claims its requests.
func answersElsewhere(p *explain.Pass, c *flow.Conn, x *flow.Exchange) bool {
	for _, other := range p.Trace.Conns {
		if other.Server != c.Server {
			continue
		}
		for _, y := range other.Exchanges {
			if y != x && y.Host == x.Host && y.Status != 0 && !kernelAnswer(y) {
				return true
			}
		}
	}
	return false
}

func reportKernelAnswer(p *explain.Pass, c *flow.Conn, x *flow.Exchange) {
	why := "no site there claims the request: it is stopped, or its binding has another name or address"
	if x.Status == 503 {
		why = "the site's application pool is stopped or disabled"
	}
	report(p, explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s completed the TLS handshake for %s, and then HTTP.sys itself answered %d within a round trip: %s.",
			peer(c), named(c, x), x.Status, why),
		Evidence: append([]explain.Evidence{explain.At(c, find(c, 0, flow.Unknown, flow.TLSDone), "handshake complete")},
			responseEvidence(c, x)...),
		Missing: []string{"the state of the site on that server (`netsh http show servicestate`)"},
	}, c, x)
}

func responseEvidence(c *flow.Conn, x *flow.Exchange) []explain.Evidence {
	i := findOf(c, x, flow.Response)
	if i < 0 {
		return nil
	}
	text := fmt.Sprintf("answered %d", x.Status)
	if s := header(x.ResponseHeader, "Server"); s != "" {
		text += " by " + s
	}
	if wait, known := x.Wait(); known {
		text += " after " + explain.Span(wait)
	}
	return []explain.Evidence{explain.At(c, i, text)}
}

// named is the name a connection was made for.
func named(c *flow.Conn, x *flow.Exchange) string {
	switch {
	case c.TLS != nil && c.TLS.SNI != "":
		return c.TLS.SNI
	case x != nil && x.Host != "":
		return x.Host
	}
	return "no name"
}
