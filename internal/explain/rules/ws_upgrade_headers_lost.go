package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var wsUpgradeHeadersLost = explain.Rule{
	ID:       "ws-upgrade-headers-lost",
	Title:    "The WebSocket request lost its Upgrade header on the way",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "Upgrade and Connection are for one hop only: a gateway drops them unless it knows what to do with them. The origin then sees a plain GET with the rest of the WebSocket fields and refuses it, or answers it like any page.",
		Looks: "On the origin's side a request with `Sec-WebSocket-Key`, but without `Upgrade: websocket`. The client gets 400, 426, 404 or 200 in place of 101; the browser's socket closes with code 1006.",
		Why:   "A gateway that is not set up for WebSocket on that path, or that speaks HTTP/1.0 to its origin.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "nginx", "Pass the upgrade on, in the location:", "proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;", `proxy_set_header Connection "upgrade";`),
			fix(explain.Gateway, "Apache", "Pass the upgrade on (2.4.47 and later; before that mod_proxy_wstunnel):", "ProxyPass /ws http://192.0.2.20:8080/ws upgrade=websocket"),
			fix(explain.Gateway, "IIS ARR", "Install the WebSocket Protocol feature and switch it on for the site:", "Install-WindowsFeature Web-WebSockets"),
			fix(explain.Gateway, "Fanlight", "It passes upgrades on by itself; HAProxy does so too. Put either in place of the hop that does not."),
		},
		Confirm: "`curl -i --http1.1 -m 3 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' URL`: 101 straight at the origin, something else through the gateway.",
		LookAlikes: []explain.Alike{
			{ID: "ws-idle-cut", Difference: "the upgrade works, the connection ends later"},
			{ID: "a refused WebSocket", Difference: "the Upgrade header arrives, and the application says no: 403 for a wrong Origin, 401"},
			{ID: "ws-over-h2-unsupported", Difference: "HTTP/2: the browser asked by CONNECT"},
		},
		References: []string{"RFC 6455 section 4.1 (opening handshake)", "RFC 9110 section 7.6.1 (Connection)", "nginx: WebSocket proxying", "seen with nginx 1.22 and Apache 2.4 in front of Go"},
	},
	Hides: []string{"client-gave-up"},
	Check: checkUpgradeLost,
}

func checkUpgradeLost(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			if x.HTTP == "2" || x.Status == 101 || x.Status == 0 || x.Tunnel != "" || asksWebSocket(x) {
				continue
			}
			_, keyed := flow.Get(x.RequestHeader, "Sec-WebSocket-Key")
			_, fx := p.Front(c, x)
			if keyed && (fx == nil || asksWebSocket(fx)) { // else it was lost before that hop
				reportUpgradeLost(p, c, x)
			}
		}
	}
}

func asksWebSocket(x *flow.Exchange) bool {
	return says(x.RequestHeader, "Upgrade", "websocket") && says(x.RequestHeader, "Connection", "upgrade")
}

func reportUpgradeLost(p *explain.Pass, c *flow.Conn, x *flow.Exchange) {
	lost := "Upgrade: websocket"
	if says(x.RequestHeader, "Upgrade", "websocket") {
		lost = "Connection: upgrade"
	}
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("%s has the fields of a WebSocket request, but no %s: a hop before %s dropped it, and the answer was %d.",
			asked(x), lost, server(c), x.Status),
		Evidence: append([]explain.Evidence{explain.At(c, findOf(c, x, flow.Request), "Sec-WebSocket-Key without "+lost)}, responseEvidence(c, x)...),
	}
	if front, fx := p.Front(c, x); fx != nil && asksWebSocket(fx) {
		f.Evidence = append(f.Evidence, explain.At(front, findOf(front, fx, flow.Request), "the client had sent it"))
	}
	p.Blame(&f, c, x)
	p.Report(f)
}
