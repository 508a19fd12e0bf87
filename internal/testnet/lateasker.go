package testnet

import (
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
)

// LateAsker is an origin on TLS 1.2 that asks for a client certificate by
// renegotiation once it has read a request for /secure or below, and answers
// LateAnswer as JSON. A client that answers no_renegotiation gets a 403.
type LateAsker struct {
	At
	RequireCert bool // without a certificate 403
	Times       int  // renegotiations a request; 0 is 1
	DuringBody  bool // ask after the head, while the body is still arriving
}

// LateAnswer is the body of a LateAsker's response.
type LateAnswer struct {
	Certificate string `json:"client_certificate"` // subject, or "none"
	Trusted     bool   `json:"trusted"`
	Asked       int    `json:"asked"` // renegotiations completed for this request
	BodyBytes   int    `json:"body_bytes"`
}

// Start listens until the test ends.
func (l LateAsker) Start(t testing.TB) *Origin {
	t.Helper()
	l.fill(t)
	return l.startTLS12(t, func(c *conn, secured *TLS12Conn) {
		for l.exchange(c, secured) {
		}
	})
}

func (l LateAsker) exchange(c *conn, secured *TLS12Conn) bool {
	req, err := c.readHead()
	if err != nil {
		c.ended(err)
		return false
	}
	answer := LateAnswer{Certificate: "none"}
	status := http.StatusOK
	ask := func(now bool) bool {
		if !now || !strings.HasPrefix(req.Target, "/secure") {
			return true
		}
		var goOn bool
		status, goOn = l.ask(c, secured, &answer)
		return goOn
	}
	if !ask(l.DuringBody) {
		return false
	}
	if err := c.readBody(req); err != nil {
		c.ended(err)
		return false
	}
	if !ask(!l.DuringBody) {
		return false
	}
	answer.BodyBytes = len(req.Body)
	return c.respond(req, status, toJSON(answer), serverField, jsonField) && !c.endAsked(req)
}

func (l LateAsker) ask(c *conn, secured *TLS12Conn, answer *LateAnswer) (status int, goOn bool) {
	opts := HandshakeOptions{RequestClientCert: true, CAs: []*x509.Certificate{l.CA.Leaf}}
	for range max(l.Times, 1) {
		c.note(HelloRequested, "")
		h, err := secured.Renegotiate(opts)
		if err != nil {
			c.note(Failed, err.Error())
			return 0, false
		}
		if h.Refused {
			c.note(Refused, "")
			return http.StatusForbidden, true
		}
		c.note(Renegotiated, h.Subject())
		answer.Certificate, answer.Trusted = h.Subject(), len(h.Chain) > 0 && h.VerifyError == nil
		answer.Asked++
	}
	if l.RequireCert && !answer.Trusted {
		return http.StatusForbidden, true
	}
	return http.StatusOK, true
}
