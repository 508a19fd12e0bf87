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
		Means: "The connection to the origin was made, but its TLS handshake failed, so no request was sent. This page is shown where no more precise cause is known.",
		Looks: "The client gets 502 (other gateways: 503, 525, 526). nginx logs `SSL_do_handshake() failed` or `upstream SSL certificate verify error`.",
		Why:   "Anything that makes a handshake fail: certificate, name, version, cipher, a missing client certificate, a reset.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Check the route's `tls:` against what the origin expects (`ca`, `name`, `min`, `max`, `client_certificate`). See the handshake step by step:", "fanlight probe https://ORIGIN:PORT/"),
			fix(explain.Origin, "", "Look at the origin's log of that second."),
		},
		Confirm: "`openssl s_client -connect ORIGIN:PORT -servername NAME` from the gateway's machine fails the same way.",
		LookAlikes: []explain.Alike{
			{ID: "port-closed", Difference: "the connection itself was refused"},
			{ID: "origin-closed-without-answer", Difference: "the handshake was complete, the request got no answer"},
		},
		References: []string{"RFC 8446 section 6.2 (error alerts)"},
	},
	Check: checkOriginHandshake,
}

func checkOriginHandshake(p *explain.Pass) {
	for _, c := range p.Conns() {
		i := handshakeFailed(c)
		if i < 0 || c.Self != flow.Client {
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

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}
