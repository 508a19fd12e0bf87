package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var wsOverH2Unsupported = explain.Rule{
	ID:       "ws-over-h2-unsupported",
	Title:    "A WebSocket was asked for over HTTP/2, and a hop cannot do that",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server's SETTINGS say that it takes WebSockets inside HTTP/2 (extended CONNECT, RFC 8441). The browser believed it and sent CONNECT with :protocol websocket. The server, or a hop behind it, cannot do it and refused.",
		Looks: "CONNECT on an HTTP/2 stream, then RST_STREAM or 400, 405, 501 or 502. The browser's socket closes with code 1006; pages load, live updates and hot reload do not. With HTTP/1.1 alone the socket works.",
		Why:   "HAProxy (2.4 and later) says that it can, and passes the CONNECT on to an origin that speaks HTTP/2 without it: nginx, Apache without H2WebSockets, many application servers. Chromium then sees REFUSED_STREAM, tries three times, and gives up.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "HAProxy", "Speak HTTP/1.1 to that origin; HAProxy then makes an Upgrade of it:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem alpn http/1.1"),
			fix(explain.Gateway, "HAProxy", "Or do not say that it can, in the global section:", "h2-workaround-bogus-websocket-clients"),
			fix(explain.Origin, "Apache", "Take WebSockets over HTTP/2 (2.4.58 and later), with mod_proxy_wstunnel or upgrade=websocket behind it:", "H2WebSockets on"),
			fix(explain.Gateway, "Fanlight", "It carries sockets of clients over HTTP/2 by itself, and asks origins over HTTP/1.1 that do not say that they can. For one that says so and cannot, on the route:", `http: "1.1"`),
		},
		Confirm: "Open the page in a browser that is started without HTTP/2 (`chromium --disable-http2`): the socket works. Or `curl -i --http1.1 -m 3 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' URL`: 101.",
		LookAlikes: []explain.Alike{
			{ID: "ws-upgrade-headers-lost", Difference: "HTTP/1.1: the Upgrade field got lost"},
			{ID: "h2-forbidden-header", Difference: "Upgrade: websocket was sent as a field inside HTTP/2"},
			{ID: "a refused WebSocket", Difference: "401, 403 or 404: the application says no"},
			{ID: "h2-refused-or-throttled-streams", Difference: "ordinary requests are refused too"},
		},
		References: []string{"RFC 8441 sections 3 and 4", "haproxy/haproxy#1364, #3355", "seen with Chromium 156, HAProxy 2.6 and nghttpd: REFUSED_STREAM; with Apache 2.4 and H2WebSockets on: 502"},
	},
	Needs: needsHeaders(),
	Hides: []string{"h2-refused-or-throttled-streams", "origin-closed-without-answer", "client-gave-up", "no-usable-origin", "h2-goaway-race"},
	Check: checkWSOverH2,
}

func checkWSOverH2(p *explain.Pass) {
	for _, c := range p.Conns() {
		var lost []*flow.Exchange
		end, how := -1, ""
		for _, x := range c.Exchanges {
			if i, why := socketRefused(c, x); i >= 0 {
				lost, end, how = append(lost, x), i, why
			}
		}
		if len(lost) == 0 {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Likely,
			Cause:      fmt.Sprintf("%s asked %s for the WebSocket of %s over HTTP/2, %s, and got %s.", caller(c), peer(c), lost[0].Target, times(len(lost)), how),
			Evidence: []explain.Evidence{explain.At(c, findOf(c, lost[0], flow.Request), "CONNECT, protocol websocket"),
				explain.At(c, end, how)},
			Missing: []string{"the SETTINGS of the server, and what its origin answered"},
		}
		blameAll(p, &f, c, lost)
		if classic := overHTTP1(p, c, lost[0]); classic != nil {
			f.Confidence, f.Missing = explain.Proof, nil
			f.Cause += " Over HTTP/1.1 the same one was made."
			f.Evidence = append(f.Evidence, explain.About(classic, "the WebSocket over HTTP/1.1"))
			p.ReportAs(explain.Warning, f)
			continue
		}
		p.Report(f)
	}
}

// socketRefused is the event with which the server refused x, a WebSocket over
// HTTP/2, as one that cannot do it does; -1 if that is not what happened.
func socketRefused(c *flow.Conn, x *flow.Exchange) (i int, how string) {
	asking := findOf(c, x, flow.Request)
	if x.Stream == 0 || x.Method != "CONNECT" || x.Tunnel != "" || asking < 0 || c.Events[asking].Attr(flow.KeyProtocol) != "websocket" {
		return -1, ""
	}
	switch x.Status {
	case 400, 405, 426, 501, 502, 505:
		return findOf(c, x, flow.Response), fmt.Sprintf("status %d", x.Status)
	case 0:
		i = findOf(c, x, flow.StreamReset)
		if i >= 0 && c.Events[i].From == flow.Server && c.Events[i].Text != "HTTP_1_1_REQUIRED" {
			return i, "RST_STREAM with " + c.Events[i].Text
		}
	}
	return -1, ""
}

// overHTTP1 is the connection on which the same WebSocket was made by an Upgrade
// of HTTP/1.1, nil if there is none.
func overHTTP1(p *explain.Pass, c *flow.Conn, x *flow.Exchange) *flow.Conn {
	for _, d := range p.Trace.Conns {
		for _, y := range d.Exchanges {
			if d.Client.Addr() == c.Client.Addr() && y.Stream == 0 && y.Tunnel == "websocket" && y.Target == x.Target && sameName(y.Host, x.Host) {
				return d
			}
		}
	}
	return nil
}
