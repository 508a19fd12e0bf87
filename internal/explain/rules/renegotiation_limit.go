package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var renegotiationLimit = explain.Rule{
	ID:       "renegotiation-limit",
	Title:    "The server asked for a new handshake again in the same exchange, and was cut off",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "One renegotiation for the request was answered; the server then asked for another before it had responded. The route allows one an exchange, so the connection was ended.",
		Looks: "Two HelloRequests between one request and its missing response; the first was followed by a complete handshake.",
		Why:   "The server asks again because the answer did not satisfy it (no certificate, or one it does not accept), or because two modules of it ask one after the other; or it is hostile: handshakes cost the one who is asked for them.",
		Fixes: append([]explain.Fix{
			fix(explain.Gateway, "Fanlight", "Give the route the certificate the origin asks for; or, for an origin you trust, do not count:", "tls: {client_certificate: {pfx: client.pfx, password_file: client.pw}}", "tls: {renegotiation: freely}"),
		}, askEarlier()...),
		Confirm: "`openssl s_client -connect ORIGIN:443 -tls1_2 -cert client.pem -key client.key`, then type the request, and count the handshakes.",
		LookAlikes: []explain.Alike{
			{ID: "renegotiation-refused", Difference: "already the first one was refused"},
		},
		References: []string{"RFC 5246 section 7.4.1.1", "Go crypto/tls, RenegotiateOnceAsClient", "seen with Apache 2.4: once for the certificate, once more for the cipher suite of its error page"},
	},
	Hides: []string{"renegotiation-answered", "renegotiation-refused", "gateway-timeout", "client-gave-up", "origin-closed-without-answer", "keepalive-race", "client-certificate-not-sent"},
	Check: checkRenegotiationLimit,
}

func checkRenegotiationLimit(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, r := range renegotiations(c) {
			if !r.finishedBefore || r.done >= 0 || !r.failed() || r.refused < 0 && c.Close.By != flow.Client {
				continue
			}
			end := r.refused
			if end < 0 {
				end = closing(c)
			}
			report(p, explain.Finding{
				Confidence: explain.Proof,
				Cause: fmt.Sprintf("%s asked for a second handshake %d times while %s was waiting for its response; %s answered the first and ended the connection at the next.",
					peer(c), r.nth+1, asked(r.x), caller(c)),
				Evidence: r.evidence(explain.At(c, end, "cut off")),
			}, c, r.x)
		}
	}
}
