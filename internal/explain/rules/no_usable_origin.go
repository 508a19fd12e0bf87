package rules

import (
	"fmt"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var noUsableOrigin = explain.Rule{
	ID:       "no-usable-origin",
	Title:    "The gateway had no server to give the request to",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The 503 was written by the gateway itself. It knows servers for this request, but takes none of them to be usable: they are marked down, switched off, full, or could not be connected to. The application never saw the request.",
		Looks: "503 at once, or after the time that requests may wait in a queue. HAProxy's page says `No server is available to handle this request.`, its log has `<NOSRV>` or state `SC` or `sQ`. Envoy says `no healthy upstream`, flag `UH`. nginx logs `no live upstreams` and answers 502. HTTPERR has `AppOffline`, `QueueFull` or `ConnLimit`. Apache's page is that of any 503; its error log has `AH01114` and then `AH01170: All workers are in error state`.",
		Why:   "The health check fails although the application works: wrong path, no Host header or name, a redirect or 401 where 200 is expected, a certificate it does not accept. Or all servers are stopped, or each has as many requests as it may.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "See which origins are left out, since when, and why; one that was switched off by hand is used again with `enable`:", "fanlight origins", "fanlight origins enable 10.0.0.5:8443"),
			fix(explain.Gateway, "Fanlight", "Check as clients ask, with the host name, and accept what is a sign of life:", "health: {path: /health, host: app.example, status: 200-399}"),
			fix(explain.Gateway, "Fanlight", "If origins are full: allow more at a time, or let more wait, or longer:", "pool: {connections: 500, queue: 1000, queue_timeout: 10s}"),
			fix(explain.Gateway, "HAProxy", "See which servers are down, and what the last check said:", `echo "show servers state" | socat stdio /run/haproxy/admin.sock`, `echo "show stat" | socat stdio /run/haproxy/admin.sock | cut -d, -f1,2,18,37,57`),
			fix(explain.Gateway, "HAProxy", "Check as clients ask, with the host name, and accept what is a sign of life:", "option httpchk", "http-check send meth GET uri /health hdr Host app.example", "http-check expect status 200-399"),
			fix(explain.Gateway, "HAProxy", "If servers are full: allow more at a time, on the server line:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem maxconn 500"),
			fix(explain.Gateway, "Apache", "A member of a balancer that failed once is left alone for a minute; try again sooner:", "BalancerMember http://192.0.2.20:8080 retry=5"),
			fix(explain.Gateway, "Envoy", "See which hosts are healthy:", "curl -s http://127.0.0.1:9901/clusters | grep -E 'health_flags|rq_active'"),
			fix(explain.Origin, "", "Do by hand what the check does, from the gateway's machine:", "curl -v -m 5 --resolve app.example:443:192.0.2.20 https://app.example/health"),
			fix(explain.Origin, "IIS", "Start the pool; the event log says why it stopped:", `%windir%\system32\inetsrv\appcmd start apppool POOL`),
		},
		Confirm: "The gateway's own log line of that second: it names no server.",
		LookAlikes: []explain.Alike{
			{ID: "port-closed", Difference: "the gateway's attempt to connect is in the record, and was refused"},
			{ID: "stopped-site-still-handshakes", Difference: "the page of HTTP.sys or of a default site"},
			{ID: "an application's own 503", Difference: "has the application's headers; the gateway asked it"},
		},
		References: []string{"HAProxy configuration manual, session state at disconnection", "Envoy: response flags UH, UO", "Microsoft Learn: error logging in HTTP APIs"},
	},
	Needs: needsHeaders(),
	Check: checkNoOrigin,
}

func checkNoOrigin(p *explain.Pass) {
	for _, c := range p.Conns() {
		var f *explain.Finding
		for _, x := range c.Exchanges {
			if own := refusedHere(c, x); own != nil {
				p.Blame(own, c, x)
				p.Report(*own)
				continue
			}
			if x.Status != 503 || x.Incident != "" || !innermost(p, x) || triedToConnect(p, c, x) {
				continue
			}
			if f == nil {
				f = noOrigin(p, c, x)
			}
			if f != nil {
				p.Blame(f, c, x)
			}
		}
		if f != nil {
			p.Report(*f)
		}
	}
}

// refusedHere is the finding of an exchange for which this door itself had no
// origin, nil if it had.
func refusedHere(c *flow.Conn, x *flow.Exchange) *explain.Finding {
	if !c.Has(flow.Decision) {
		return nil
	}
	for i := range c.Events {
		e := &c.Events[i]
		why, refused := strings.CutPrefix(e.Text, "refuse: ")
		if e.Kind != flow.Decision || e.Exchange != x.ID || !refused || e.Attr(flow.KeyBy) != "balance" {
			continue
		}
		return &explain.Finding{
			Confidence: explain.Proof,
			Cause:      fmt.Sprintf("Fanlight had no origin to give %s to: %s.", asked(x), why),
			Evidence:   []explain.Evidence{explain.At(c, i, why)},
		}
	}
	return nil
}

// noOrigin is the finding that x gives, nil if none.
func noOrigin(p *explain.Pass, c *flow.Conn, x *flow.Exchange) *explain.Finding {
	answer := findOf(c, x, flow.Response)
	f := &explain.Finding{
		Confidence: explain.Likely,
		Missing:    []string{"the gateway's log, or a capture between it and its servers: were they down, full, or not to be reached"},
	}
	if who := noServerPage(x); who != "" {
		f.Cause = fmt.Sprintf("The 503 to %s has the form of the page that %s sends when it has no server for a request. The application was not asked.", asked(x), who)
		f.Evidence = []explain.Evidence{explain.At(c, answer, "503 with the headers and the length of "+who+"'s own page")}
	} else if d := failedBefore(p, c, x); d != nil {
		f.Cause = fmt.Sprintf("%s answered %s with 503 and did not even try: shortly before, it had failed to connect to %s, and it still takes that server to be down.", peer(c), asked(x), d.Server)
		f.Evidence = []explain.Evidence{
			explain.At(d, find(d, 0, flow.Unknown, flow.ConnectFailed), "the gateway's failed attempt to connect to "+d.Server.String()),
			explain.At(c, answer, "503 without another attempt"),
		}
		f.Missing = []string{"the gateway's log of that second"}
	} else {
		return nil
	}
	if wait, known := x.Wait(); known {
		f.Evidence = append(f.Evidence, explain.Fact("it came after "+explain.Span(wait)))
	}
	return f
}

// failedBefore is the connection that the gateway behind c failed to make last,
// not long before x, if it had none at all while it answered x.
func failedBefore(p *explain.Pass, c *flow.Conn, x *flow.Exchange) *flow.Conn {
	var failed *flow.Conn
	for _, d := range p.Trace.Conns {
		if d == c || d.Client.Addr() != c.Server.Addr() || !d.Client.IsValid() || d.Client.Addr() == c.Client.Addr() || d.Started.After(x.Started) {
			continue
		}
		if i := find(d, 0, flow.Unknown, flow.ConnectFailed); i < 0 {
			if !d.Close.Ended || d.Started.Add(d.Close.After).After(x.Started) {
				return nil // it could have asked there
			}
		} else if x.Started.Sub(d.Started) < remembered && (failed == nil || d.Started.After(failed.Started)) {
			failed = d
		}
	}
	return failed
}

// remembered is how long gateways take a server to be down by default: nginx
// 10 s, Apache 60 s.
const remembered = time.Minute

// noServerPage names the gateway whose page for "no server" x was answered
// with: as HAProxy 2.6 was seen to write it, and by the length of Envoy's words
// "no healthy upstream".
func noServerPage(x *flow.Exchange) string {
	server, named := flow.Get(x.ResponseHeader, "Server")
	length := header(x.ResponseHeader, "Content-Length")
	switch {
	case !named && length == "107" && strings.EqualFold(header(x.ResponseHeader, "Cache-Control"), "no-cache") && header(x.ResponseHeader, "Date") == "":
		return "HAProxy"
	case strings.EqualFold(server, "envoy") && length == "19":
		return "Envoy"
	}
	return ""
}

// triedToConnect tells that the gateway that answered x failed to connect, or to
// agree on TLS, somewhere while it had it: then that is the cause.
func triedToConnect(p *explain.Pass, c *flow.Conn, x *flow.Exchange) bool {
	for _, d := range p.Trace.Conns {
		if d == c || d.Client.Addr() != c.Server.Addr() || !d.Client.IsValid() {
			continue
		}
		i := find(d, 0, flow.Unknown, flow.ConnectFailed)
		if i < 0 {
			i = unansweredSYN(d)
		}
		if i < 0 && d.TLS != nil && d.TLS.Done != flow.Yes {
			i = find(d, 0, flow.Unknown, flow.TLSFailed, flow.Alert)
		}
		if i < 0 || d.Events[i].At.Before(x.Started) {
			continue
		}
		if x.Responded.IsZero() || !d.Events[i].At.After(x.Responded) {
			return true
		}
	}
	return false
}
