package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var renegotiationRefused = explain.Rule{
	ID:       "renegotiation-refused",
	Title:    "The server asked for a new handshake after the request, and the client side refused",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "After it had read the request, the server sent a HelloRequest, as a rule to ask for a client certificate. The client side declined at once, and the request failed.",
		Looks: "A record of type 22 from the server after the request, then an alert (no_renegotiation, 100) or a close from the client. Go says `tls: no renegotiation`, Envoy `OPENSSL_internal:NO_RENEGOTIATION`; a gateway answers 502 within milliseconds. Only certain URLs do it.",
		Why:   "Go, BoringSSL (Envoy) and rustls refuse renegotiation unless told otherwise, rustls always. Fanlight refuses it where the route says `renegotiation: never`.",
		Fixes: append([]explain.Fix{
			fix(explain.Gateway, "Fanlight", "Let the route answer once an exchange (the default), with a certificate if the origin wants one:", "tls: {max: \"1.2\", renegotiation: once, client_certificate: {pfx: client.pfx, password_file: client.pw}}"),
			fix(explain.Gateway, "Envoy", "In the upstream TLS context:", "allow_renegotiation: true"),
			fix(explain.Gateway, "Caddy", "In the reverse_proxy transport:", "tls_renegotiation once"),
		}, askEarlier()...),
		Confirm: "`openssl s_client -connect ORIGIN:443 -tls1_2 -no_renegotiation`, then type the request: it fails the same way; without that option it works.",
		LookAlikes: []explain.Alike{
			{ID: "renegotiation-unanswered", Difference: "the client says nothing and the server waits"},
			{ID: "renegotiation-limit", Difference: "a first renegotiation was answered, the next one refused"},
			{ID: "client-certificate-not-sent", Difference: "the handshake is done, without a certificate"},
			{ID: "origin-closed-without-answer", Difference: "no HelloRequest came before the close"},
			{ID: "post-handshake-auth-not-offered", Difference: "TLS 1.3: there is no renegotiation, and the server could not ask"},
		},
		References: []string{"RFC 5246 section 7.2.2 (no_renegotiation)", "Go crypto/tls, RenegotiationSupport", "envoyproxy/envoy#3551", "caddyserver/caddy#4785"},
	},
	Hides: []string{"gateway-timeout", "slow-origin", "client-gave-up", "origin-closed-without-answer", "keepalive-race", "origin-handshake-failed"},
	Check: checkRenegotiationRefused,
}

func checkRenegotiationRefused(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, r := range renegotiations(c) {
			if r.done >= 0 || r.finishedBefore || r.refused < 0 && !r.left() || !r.failed() {
				continue
			}
			confidence, i, what := explain.Proof, r.refused, "refused"
			if i < 0 {
				confidence, i, what = explain.Likely, closing(c), "closed by the client"
			}
			report(p, explain.Finding{
				Confidence: confidence,
				Cause: fmt.Sprintf("%s asked for a second handshake while %s was waiting for its response, and %s refused%s.",
					peer(c), asked(r.x), caller(c), ownWish(c)),
				Evidence: r.evidence(explain.At(c, i, what)),
			}, c, r.x)
		}
	}
}

// ownWish says whose decision a refusal on our own origin connection was.
func ownWish(c *flow.Conn) string {
	if c.Self == flow.Client {
		return ", as the route's `renegotiation: never` asks for"
	}
	return ""
}
