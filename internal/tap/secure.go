package tap

import (
	"context"
	"crypto/tls"
	"time"

	"fanlight/internal/flow"
)

// Secure is a TLS connection over a Conn. Close says close_notify, then ends
// the TCP connection.
type Secure struct {
	*tls.Conn
	tap *Conn
}

// Server runs the server side of a handshake. The deadline bounds it. On a
// failure the caller records TLSFailed and closes c.
func Server(ctx context.Context, c *Conn, config *tls.Config) (*Secure, error) {
	return handshake(ctx, c, tls.Server(c, config))
}

// Client runs the client side of a handshake.
func Client(ctx context.Context, c *Conn, config *tls.Config) (*Secure, error) {
	return handshake(ctx, c, tls.Client(c, config))
}

func handshake(ctx context.Context, c *Conn, t *tls.Conn) (*Secure, error) {
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	c.HandshakeDone(t.ConnectionState())
	return &Secure{Conn: t, tap: c}, nil
}

// Tap is the connection below.
func (s *Secure) Tap() *Conn { return s.tap }

// SetWhy keeps the reason of a close that only we know.
func (s *Secure) SetWhy(why string) { s.tap.SetWhy(why) }

// Abort closes with a reset.
func (s *Secure) Abort() error { return s.tap.Abort() }

// CloseWrite says close_notify and ends our direction.
func (s *Secure) CloseWrite() error {
	if err := s.Conn.CloseWrite(); err != nil {
		return err
	}
	return s.tap.CloseWrite()
}

// Close says close_notify and closes. A peer that does not read cannot hold it
// up: crypto/tls bounds the alert's write.
func (s *Secure) Close() error { return s.Conn.Close() }

// Alerted records an alert of the peer that came encrypted and is known only
// from crypto/tls's error.
func (c *Conn) Alerted(name string) {
	c.log.Add(flow.Event{At: time.Now(), Kind: flow.Alert, From: c.self.Other(), Text: name, Attrs: flow.Attrs(flow.KeyLevel, "fatal")})
}
