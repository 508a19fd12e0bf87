package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var handshakeWaitsForUser = explain.Rule{
	ID:       "handshake-waits-for-user",
	Title:    "The handshake waited for somebody to choose a certificate",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server asked for a client certificate, and the client took seconds to send one: a person was choosing it, typing a PIN or looking for a smart card. The server waits only so long.",
		Looks: "A pause of seconds between CertificateRequest and the client's Certificate, of a different length each time. Where the server lost patience: a close in the middle of the handshake, nginx `client timed out ... while SSL handshaking`, and the browser shows an error after the choice.",
		Why:   "A dialog of the browser or of the card's software. Each new connection may ask again.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Let the browser choose by itself: policy AutoSelectCertificateForUrls in Chrome and Edge.", `reg add HKLM\SOFTWARE\Policies\Google\Chrome\AutoSelectCertificateForUrls /v 1 /d "{\"pattern\":\"https://app.example\",\"filter\":{}}"`),
			fix(explain.Origin, "nginx", "Wait longer:", "client_header_timeout 300s;"),
			fix(explain.Origin, "Apache", "Wait longer, with mod_reqtimeout:", "RequestReadTimeout handshake=300"),
			fix(explain.Origin, "HAProxy", "Wait longer:", "timeout client 300s"),
			fix(explain.Origin, "", "Ask for the certificate on a host of its own, so that one choice serves."),
		},
		Confirm: "The pause goes away with a certificate that is chosen by policy, or with `curl --cert`.",
		LookAlikes: []explain.Alike{
			{ID: "revocation-check-stall", Difference: "the server waits, after the client's certificate came"},
			{ID: "client-certificate-not-sent", Difference: "the client answers at once with none"},
		},
		References: []string{"Chromium policy AutoSelectCertificateForUrls", "Apache: mod_reqtimeout", "seen with nginx 1.22 (client_header_timeout), Apache 2.4 (RequestReadTimeout) and HAProxy 2.6 (timeout client): each ends with a plain FIN"},
	},
	Hides: []string{"origin-handshake-failed", "no-certificate-for-binding", "client-gave-up"},
	Check: checkHandshakeWait,
}

// humanPause is longer than programs take. A handshake that was completed after
// longPause is worth a word; after less it is how such sign-ins go.
const (
	humanPause = 2 * time.Second
	longPause  = 10 * time.Second
)

func checkHandshakeWait(p *explain.Pass) {
	for _, c := range p.Conns() {
		asking := find(c, 0, flow.Server, flow.CertificateRequest)
		if c.TLS == nil || asking < 0 || c.Self == flow.Client || find(c, 0, flow.Server, flow.HelloRequest) >= 0 {
			continue
		}
		next := answerOrClose(c, asking)
		if next < 0 {
			continue
		}
		if d, known := between(c, asking, next); known && d >= humanPause && !disturbed(c, asking, next) {
			reportWait(p, c, asking, next, d)
		}
	}
}

// answerOrClose is the client's certificate, or the close by which the server
// ended the wait for it, whichever came first; -1 if neither did. A person who
// chooses when the server has left completes the handshake with nobody.
func answerOrClose(c *flow.Conn, asking int) int {
	sent := find(c, asking+1, flow.Client, flow.Certificate)
	end := closing(c)
	if end < asking || sent >= 0 && sent < end {
		return sent
	}
	if done := find(c, 0, flow.Unknown, flow.TLSDone); c.Close.By != flow.Server || done >= 0 && done < end {
		return -1
	}
	return end
}

func reportWait(p *explain.Pass, c *flow.Conn, asking, next int, d time.Duration) {
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause:      fmt.Sprintf("%s was asked for a certificate by %s and took %s to answer, as when a person has to choose.", caller(c), peer(c), explain.Span(d)),
		Evidence:   []explain.Evidence{explain.At(c, asking, "certificate asked for"), explain.At(c, next, "client certificate")},
	}
	p.Blame(&f, c, nil)
	if c.Events[next].Kind == flow.Certificate {
		if d < longPause {
			return
		}
		p.ReportAs(explain.Note, f)
		return
	}
	f.Cause = fmt.Sprintf("%s was asked for a certificate by %s and had not answered after %s; the server ended the handshake.", caller(c), peer(c), explain.Span(d))
	f.Evidence[1] = explain.At(c, next, "closed by the server")
	if late := find(c, next, flow.Client, flow.Certificate); late >= 0 {
		f.Evidence = append(f.Evidence, explain.At(c, late, "the certificate came when the server had left"))
	}
	p.Report(f)
}
