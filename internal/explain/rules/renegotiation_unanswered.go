package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var renegotiationUnanswered = explain.Rule{
	ID:       "renegotiation-unanswered",
	Title:    "The server asked for a new handshake after the request, and nobody answered",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "After it had read the request, the server sent a HelloRequest: it wants a second handshake inside the connection, as a rule to ask for a client certificate. The client side said nothing, and the server waits for the answer until a timer ends it.",
		Looks: "Up to TLS 1.2, and visible without keys: a short record of type 22 from the server after the request, then neither type 22 nor type 21 from the client, no response, and a close after 60 or 120 s. A gateway in front answers 502 or 504, or its client leaves (499). Only certain URLs do it. HTTPERR shows `Timer_SslRenegotiation`.",
		Why:   "RFC 5246 allows a client to ignore a HelloRequest, and some gateways, WAFs and libraries do. On the server's side: IIS with `SslNegotiateCert` on a path, Apache with SSLVerifyClient in a Location.",
		Fixes: append(askEarlier(),
			fix(explain.Gateway, "Fanlight", "Put Fanlight in front of that origin: it answers, with the configured certificate or with none:", "tls: {max: \"1.2\", renegotiation: once, client_certificate: {pfx: client.pfx, password_file: client.pw}}"),
			fix(explain.Gateway, "nginx", "As a gateway nginx answers a HelloRequest since 1.13.0. Give it a certificate:", "proxy_ssl_certificate /etc/nginx/client.pem;", "proxy_ssl_certificate_key /etc/nginx/client.key;"),
			fix(explain.Gateway, "HAProxy", "As a gateway: whether it answers depends on its version and TLS library; asking in the first handshake avoids the question."),
		),
		Confirm: "`openssl s_client -connect ORIGIN:443 -tls1_2`, then type the request for that URL: the second handshake shows. The same URL without a gateway in between works.",
		LookAlikes: []explain.Alike{
			{ID: "renegotiation-refused", Difference: "the client answers with an alert, or closes at once"},
			{ID: "renegotiation-unfinished", Difference: "the client answered, the server did not go on"},
			{ID: "renegotiation-body-deadlock", Difference: "the client is still sending its body"},
			{ID: "gateway-timeout", Difference: "no HelloRequest: the application is slow"},
			{ID: "post-handshake-auth-not-offered", Difference: "TLS 1.3 has no renegotiation"},
			{ID: "renegotiation-answered", Difference: "the client answered, and the exchange went on"},
		},
		References: []string{"RFC 5246 section 7.4.1.1 (HelloRequest)", "rustls/rustls#1999", "envoyproxy/envoy#3551", "apache/trafficserver#10385", "Microsoft Learn: HTTP.sys TimeoutManager"},
	},
	Hides:   []string{"gateway-timeout", "slow-origin", "client-gave-up", "origin-closed-without-answer", "keepalive-race", "stopped-site-still-handshakes"},
	Silence: true,
	Check:   checkRenegotiationUnanswered,
}

func checkRenegotiationUnanswered(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, r := range renegotiations(c) {
			if r.began >= 0 || r.done >= 0 || r.refused >= 0 || r.nth > 0 || r.left() || r.duringBody() || !r.failed() && !r.refusedLate() {
				continue
			}
			d, known := r.silence()
			if known && d < time.Second {
				continue
			}
			reportUnansweredRenegotiation(p, r, d, known)
		}
	}
}

// refusedLate tells that the server waited for the second handshake, and then
// refused the request: it answers 4xx or 5xx after at least a second.
func (r *renegotiation) refusedLate() bool {
	if r.x == nil || r.x.Status < 400 {
		return false
	}
	d, known := between(r.conn, r.asked, findOf(r.conn, r.x, flow.Response))
	return known && d >= time.Second
}

func reportUnansweredRenegotiation(p *explain.Pass, r renegotiation, d time.Duration, known bool) {
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s asked for a second handshake while %s was waiting for its response, and %s never answered.",
			peer(r.conn), asked(r.x), caller(r.conn)),
		Evidence: r.evidence(),
	}
	if i := r.stop(); i >= 0 {
		f.Evidence = append(f.Evidence, explain.At(r.conn, i, "end of the waiting"))
	}
	if known {
		f.Cause = fmt.Sprintf("%s asked for a second handshake while %s was waiting for its response; %s did not answer, and nothing more happened for %s.",
			peer(r.conn), asked(r.x), caller(r.conn), explain.Span(d))
		f.Evidence = append(f.Evidence, timerNote(d, renegotiat)...)
	}
	if known && d >= 10*time.Second && r.x != nil {
		f.Confidence = explain.Proof
	}
	if r.x == nil {
		f.Missing = []string{"keys, to name the request and to see that no response came"}
	}
	report(p, f, r.conn, r.x)
}
