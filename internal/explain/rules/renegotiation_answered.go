package rules

import (
	"fmt"

	"fanlight/internal/explain"
)

var renegotiationAnswered = explain.Rule{
	ID:       "renegotiation-answered",
	Title:    "The server asked for a new handshake after the request, and got it",
	Severity: explain.Note,
	Doc: explain.Page{
		Means: "The server sent a HelloRequest after it had read the request, the client side answered, and the exchange went on. Nothing is wrong; it is worth knowing because another client or gateway may not answer.",
		Looks: "A second handshake between request and response: one to two more round trips for that request.",
		Why:   "IIS with `SslNegotiateCert` on a path, Apache with SSLVerifyClient in a Location.",
		Fixes: append(askEarlier(),
			fix(explain.Gateway, "Fanlight", "To answer with a certificate:", "tls: {client_certificate: {pfx: client.pfx, password_file: client.pw}}"),
		),
		Confirm: "The record of the connection shows hello-request, renegotiating and renegotiated between request and response.",
		LookAlikes: []explain.Alike{
			{ID: "renegotiation-unanswered", Difference: "nobody answered"},
			{ID: "client-certificate-not-sent", Difference: "answered without a certificate, and refused for it"},
		},
		References: []string{"RFC 5246 section 7.4.1.1", "RFC 5746"},
	},
	Hides: []string{"slow-origin"},
	Check: checkRenegotiationAnswered,
}

func checkRenegotiationAnswered(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, r := range renegotiations(c) {
			if r.done < 0 || r.x != nil && r.x.Status == 0 {
				continue
			}
			with := ""
			if text, known := r.certificateAnswer(); known && text == "none" {
				with = " without a certificate"
			} else if known {
				with = " with the certificate " + text
			}
			f := explain.Finding{
				Confidence: explain.Proof,
				Cause: fmt.Sprintf("%s asked for a second handshake while %s was waiting for its response, and %s answered%s.",
					peer(c), asked(r.x), caller(c), with),
				Evidence: r.evidence(explain.At(c, r.done, "second handshake complete")),
			}
			if d, known := between(c, r.asked, r.done); known {
				f.Cause += fmt.Sprintf(" It took %s.", explain.Span(d))
			}
			p.Blame(&f, c, r.x)
			p.Report(f)
		}
	}
}
