package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var originHandshakeFailed = explain.Rule{
	ID:       "origin-handshake-failed",
	Title:    "The gateway could not complete TLS with the origin",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The connection to the origin was made, but its TLS handshake failed, so no request was sent. Where a more precise cause is known, that one is shown instead of this page.",
		Looks: "The client gets 502 from nginx, 503 from HAProxy and Envoy, 500 or 502 from Apache, 525 or 526 from Cloudflare. nginx logs `SSL_do_handshake() failed` or `upstream SSL certificate verify error`, Apache AH00898 `Error during SSL Handshake with remote server`, HAProxy state SC in the line of the request.",
		Why:   "Anything that makes a handshake fail: certificate, name, version, cipher, a missing client certificate, a reset.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Check the route's `tls:` against what the origin expects (`ca`, `name`, `min`, `max`, `client_certificate`). See the handshake step by step:", "fanlight probe https://ORIGIN:PORT/"),
			fix(explain.Gateway, "nginx", "Its error log names the alert. What it checks and sends:", "proxy_ssl_server_name on;", "proxy_ssl_name app.internal;", "proxy_ssl_trusted_certificate /etc/nginx/origin-ca.pem;"),
			fix(explain.Gateway, "HAProxy", "See the reason in the log of the server's line; what it checks and sends:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem sni req.hdr(host)"),
			fix(explain.Origin, "", "Look at the origin's log of that second: alert internal_error (80) is an error of its own, often a certificate or key it could not load."),
		},
		Confirm: "`openssl s_client -connect ORIGIN:PORT -servername NAME` from the gateway's machine fails the same way.",
		LookAlikes: []explain.Alike{
			{ID: "port-closed", Difference: "the connection itself was refused"},
			{ID: "origin-closed-without-answer", Difference: "the handshake was complete, the request got no answer"},
		},
		References: []string{"RFC 8446 section 6.2 (error alerts)", "seen with nginx 1.22 (502), HAProxy 2.6 (503, after four tries) and Apache 2.4.71 (500)"},
	},
	Check: checkOriginHandshake,
}

func checkOriginHandshake(p *explain.Pass) {
	for _, c := range p.Conns() {
		i := handshakeFailed(c)
		if i < 0 || c.Self == flow.Server {
			continue
		}
		if c.Self != flow.Client {
			reportBehindGateway(p, c, i)
			continue
		}
		e := &c.Events[i]
		report(p, explain.Finding{
			Confidence: explain.Proof,
			Cause:      fmt.Sprintf("The TLS handshake with %s failed%s.", peer(c), because(e.Text)),
			Evidence:   []explain.Evidence{explain.At(c, i, "handshake failed "+e.Attr(flow.KeyFault))},
		}, c, nil)
	}
}

// reportBehindGateway explains a failed handshake of a capture, if it is that of a
// gateway which answered a client with an error meanwhile.
func reportBehindGateway(p *explain.Pass, c *flow.Conn, failed int) {
	front, x := answeredMeanwhile(p, c)
	if x == nil {
		return
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("The TLS handshake of the gateway %s with %s failed (%s), and it answered %s with %d.",
			c.Client.Addr(), peer(c), c.Events[failed].Text, asked(x), x.Status),
		Evidence: []explain.Evidence{explain.At(c, failed, c.Events[failed].Text), explain.At(front, findOf(front, x, flow.Response), clientGot(x))},
	}
	p.Blame(&f, c, nil)
	p.Blame(&f, front, x)
	p.Report(f)
}

// answeredMeanwhile is the one exchange that the machine at the client's end of c
// answered, as a server, with an error of a gateway after c had begun and failed;
// nil if there is none, or more than one.
func answeredMeanwhile(p *explain.Pass, c *flow.Conn) (front *flow.Conn, only *flow.Exchange) {
	h := hello(c)
	if h < 0 {
		return nil, nil
	}
	begun := c.Events[h].At
	for _, other := range p.Trace.Conns {
		if other == c || !sameHost(other.Server, c.Client.Addr()) {
			continue
		}
		for _, x := range other.Exchanges {
			if x.Responded.IsZero() || begun.Before(x.Started) || begun.After(x.Responded) || !gatewayError(x.Status) {
				continue
			}
			if only != nil {
				return nil, nil
			}
			front, only = other, x
		}
	}
	return front, only
}

// gatewayError tells the statuses with which gateways say that the origin could
// not be reached.
func gatewayError(status int) bool {
	return status >= 500 && status <= 504 && status != 501 || status == 525 || status == 526
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}
