package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var renegotiationUnfinished = explain.Rule{
	ID:       "renegotiation-unfinished",
	Title:    "The server asked for a new handshake and did not finish it",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server sent a HelloRequest, the client began the second handshake as it was asked to, and the server never completed it.",
		Looks: "Records of type 22 in both directions after the request, then silence or a close from the server; no response.",
		Why:   "The server checks the certificate against a revocation list it cannot reach, does not accept it and says nothing, or is broken at that place. A middle box that does not know renegotiation may also swallow the second handshake.",
		Fixes: append(askEarlier(),
			fix(explain.Origin, "", "Look at the server's log of that second; check that it reaches the revocation lists (CRL, OCSP) of the client certificate's issuer.", "certutil -urlfetch -verify client.cer"),
			fix(explain.Gateway, "Fanlight", "Check which certificate is sent; the wait is bounded by the route's first_byte timeout:", "tls: {client_certificate: {pfx: client.pfx, password_file: client.pw}}", "timeouts: {first_byte: 60s}"),
		),
		Confirm: "`openssl s_client -connect ORIGIN:443 -tls1_2 -cert client.pem -key client.key`, then type the request.",
		LookAlikes: []explain.Alike{
			{ID: "renegotiation-unanswered", Difference: "the client never began"},
			{ID: "client-certificate-not-sent", Difference: "the second handshake was done without a certificate, and refused"},
		},
		References: []string{"RFC 5246 section 7.4.1.1", "RFC 5746 (renegotiation indication)"},
	},
	Hides:   []string{"gateway-timeout", "slow-origin", "client-gave-up", "origin-closed-without-answer", "keepalive-race"},
	Silence: true,
	Check:   checkRenegotiationUnfinished,
}

func checkRenegotiationUnfinished(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, r := range renegotiations(c) {
			if r.began < 0 || r.done >= 0 || r.refused >= 0 || !r.failed() || r.leftByClient() {
				continue
			}
			f := explain.Finding{
				Confidence: explain.Proof,
				Cause: fmt.Sprintf("%s asked for a second handshake while %s was waiting for its response; %s began it, and the server did not complete it.",
					peer(c), asked(r.x), caller(c)),
				Evidence: r.evidence(explain.At(c, r.began, "second handshake begun")),
			}
			if r.x == nil {
				f.Confidence = explain.Likely
				f.Missing = []string{"keys, to see that no response came"}
			}
			if i := r.stop(); i >= 0 {
				f.Evidence = append(f.Evidence, explain.At(c, i, "end of the waiting"))
			}
			if d, known := r.silence(); known {
				f.Evidence = append(f.Evidence, timerNote(d, renegotiat)...)
			}
			report(p, f, c, r.x)
		}
	}
}

// leftByClient tells that the client ended the waiting, and not because of an
// alert of the server: what that says cannot be read without keys.
func (r *renegotiation) leftByClient() bool {
	i := find(r.conn, r.began, flow.Server, flow.Alert)
	said := i >= 0 && r.conn.Events[i].Text != "close_notify"
	return r.conn.Close.By == flow.Client && r.stopIsClose() && !said
}

// stopIsClose tells that no deadline is known to have ended the waiting.
func (r *renegotiation) stopIsClose() bool {
	return find(r.conn, r.asked, flow.Unknown, flow.Timeout) < 0
}
