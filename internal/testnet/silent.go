package testnet

import (
	"crypto/x509"
	"testing"
)

// Silent accepts connections and says nothing on them.
type Silent struct{ At }

// Start listens until the test ends.
func (s Silent) Start(t testing.TB) *Origin {
	t.Helper()
	s.fill(t)
	scheme := "https"
	if s.Plain {
		scheme = "http"
	}
	return s.listen(t, scheme, nil, (*conn).drain)
}

// SilentAfterTLS completes the handshake and then says nothing.
type SilentAfterTLS struct{ At }

// Start listens until the test ends.
func (s SilentAfterTLS) Start(t testing.TB) *Origin {
	t.Helper()
	return s.start(t, (*conn).drain)
}

// SilentAfterHelloRequest reads a request, sends a HelloRequest, and never
// answers anything, whatever comes.
type SilentAfterHelloRequest struct {
	At
	Complete bool // complete the renegotiation before falling silent
}

// Start listens until the test ends.
func (s SilentAfterHelloRequest) Start(t testing.TB) *Origin {
	t.Helper()
	s.fill(t)
	return s.startTLS12(t, func(c *conn, secured *TLS12Conn) {
		if _, err := c.readRequest(); err != nil {
			c.ended(err)
			return
		}
		c.note(HelloRequested, "")
		if err := secured.SendHelloRequest(); err == nil {
			s.watch(c, secured)
		}
		c.drain()
	})
}

func (s SilentAfterHelloRequest) watch(c *conn, secured *TLS12Conn) {
	began, err := secured.AwaitClientHello()
	switch {
	case err != nil:
		c.note(Failed, err.Error())
	case !began:
		c.note(Refused, "")
	case !s.Complete:
		c.note(ClientBegan, "")
	default:
		h, err := secured.AwaitRenegotiation(HandshakeOptions{
			RequestClientCert: true, CAs: []*x509.Certificate{s.CA.Leaf},
		})
		if err != nil {
			c.note(Failed, err.Error())
			return
		}
		c.note(Renegotiated, h.Subject())
	}
}
