package tap

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"time"

	"fanlight/internal/flow"
)

// Secure is a TLS connection over a Conn. Close says close_notify, then ends
// the TCP connection.
type Secure struct {
	*tls.Conn
	tap       *Conn
	one       [1]byte // what Settled reads into
	over, cut bool    // the reader's: the end came; it came without close_notify
}

// Server runs the server side of a handshake, which the end of ctx ends, as a
// timeout. On a failure the caller records TLSFailed and closes c.
func Server(ctx context.Context, c *Conn, config *tls.Config) (*Secure, error) {
	return handshake(ctx, c, tls.Server(c, config))
}

// Client runs the client side of a handshake, with the rules of Server.
func Client(ctx context.Context, c *Conn, config *tls.Config) (*Secure, error) {
	return handshake(ctx, c, tls.Client(c, config))
}

// handshake leaves the deadlines of c cleared. crypto/tls would close the
// connection when ctx ends, before its record is complete; deadlines do not.
func handshake(ctx context.Context, c *Conn, t *tls.Conn) (*Secure, error) {
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline) // fails only on a closed connection; the handshake says so
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.SetDeadline(time.Unix(1, 0)) // fails only when it is closed already
		close(interrupted)
	})
	err := t.HandshakeContext(context.WithoutCancel(ctx))
	if !stop() {
		<-interrupted
		if err == nil {
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Time{}) // fails only on a closed connection; the next read says so
	c.HandshakeDone(t.ConnectionState())
	return &Secure{Conn: t, tap: c}, nil
}

// Tap is the connection below.
func (s *Secure) Tap() *Conn { return s.tap }

// Protocol is what ALPN agreed upon, empty if nothing.
func (s *Secure) Protocol() string { return s.ConnectionState().NegotiatedProtocol }

// CanAwait and AwaitInput are those of the connection below: behind a read that
// a deadline ended, nothing that could be read waits inside TLS.
func (s *Secure) CanAwait() bool { return s.tap.CanAwait() }

// AwaitInput is that of the connection below.
func (s *Secure) AwaitInput() error { return s.tap.AwaitInput() }

// SetWhy keeps the reason of a close that only we know.
func (s *Secure) SetWhy(why string) { s.tap.SetWhy(why) }

// Abort closes with a reset.
func (s *Secure) Abort() error { return s.tap.Abort() }

// CloseWrite says close_notify and ends our direction.
func (s *Secure) CloseWrite() error {
	s.ends()
	if err := s.Conn.CloseWrite(); err != nil {
		return err
	}
	return s.tap.CloseWrite()
}

// Read reads plain bytes. At the peer's close_notify it waits a moment for the
// FIN that mostly follows: our own end must not come before it in the record.
func (s *Secure) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		s.cut = s.cut || s.tap.drained && !s.over
		s.over = true
		s.tap.awaitEnd()
	}
	return n, err
}

// Write is that of crypto/tls, but for a write that meets the beginning of a
// renegotiation: crypto/tls refuses it with an error that means nothing where it
// had looked a moment too early whether the handshake is complete. Nothing was
// written then, and a further try waits for the handshake's end.
func (s *Secure) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	for tries := 0; n == 0 && err != nil && tries < 3 && s.tap.watch != nil && err.Error() == "tls: internal error"; tries++ {
		n, err = s.Conn.Write(p)
	}
	return n, err
}

// CutShort reports, after Read gave io.EOF, that the peer ended without
// close_notify, which crypto/tls lets pass between two records.
func (s *Secure) CutShort() bool { return s.cut }

// Settled reports, without reading from the network, that nothing the peer sent
// waits inside TLS, where Quiet does not see it. For the one who reads.
func (s *Secure) Settled() bool {
	s.tap.dry = true
	defer func() { s.tap.dry = false }()
	n, err := s.Conn.Read(s.one[:])
	return n == 0 && errors.Is(err, errDry)
}

// errDry is temporary, so that crypto/tls goes on reading after it.
var errDry error = dry{}

type dry struct{}

func (dry) Error() string   { return "nothing is read from the network now" }
func (dry) Timeout() bool   { return true }
func (dry) Temporary() bool { return true }

// Close says close_notify and closes. A peer that does not read cannot hold it
// up: crypto/tls bounds the alert's write.
func (s *Secure) Close() error {
	s.ends()
	return s.Conn.Close()
}

// ends records our end before close_notify tells the peer, whose own end would
// otherwise seem to come first.
func (s *Secure) ends() {
	if s.tap.log == nil {
		return
	}
	s.tap.Poll()
	s.tap.selfEnds(flow.FIN)
}

// Alerted records an alert of the peer that came encrypted and is known only
// from crypto/tls's error.
func (c *Conn) Alerted(name string) {
	c.log.Add(flow.Event{At: time.Now(), Kind: flow.Alert, From: c.self.Other(), Text: name, Attrs: flow.Attrs(flow.KeyLevel, "fatal")})
}
