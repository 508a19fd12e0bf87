// Package tap wraps live connections so that each phase becomes an event,
// without delaying them.
package tap

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fanlight/internal/flow"
)

// Conn is a TCP connection that records what passes. Reads and writes may run
// concurrently with each other, as with any net.Conn; Close, Abort, SetWhy and
// Poll with everything.
type Conn struct {
	net.Conn
	log            *flow.Log
	self           flow.Side
	watch          *watch // nil: no TLS, or nothing left to see
	received, sent atomic.Int64
	raw            syscall.RawConn // nil: not a socket, Poll sees nothing

	mu        sync.Mutex
	why       string
	peerEnded bool // FIN or RST of the peer was seen
	selfEnded bool
	closed    bool
}

// Accepted wraps a connection that a listener accepted: self is the server.
// secure says whether TLS is expected.
func Accepted(rec *flow.Recorder, nc net.Conn, secure bool) *Conn {
	now := time.Now()
	log := rec.Open(now, flow.Opening{
		Self: flow.Server, Source: "live", Keys: flow.Yes, Scheme: scheme(secure),
		Client: addrPort(nc.RemoteAddr()), Server: addrPort(nc.LocalAddr()),
	})
	log.Add(flow.Event{At: now, Kind: flow.Established})
	return newConn(nc, log, flow.Server, secure)
}

func newConn(nc net.Conn, log *flow.Log, self flow.Side, secure bool) *Conn {
	c := &Conn{Conn: nc, log: log, self: self}
	if sc, ok := nc.(syscall.Conn); ok {
		c.raw, _ = sc.SyscallConn() // without it Poll sees nothing
	}
	if secure {
		c.watch = newWatch(c)
	}
	return c
}

func scheme(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// Log is the record of this connection; nil without recording.
func (c *Conn) Log() *flow.Log { return c.log }

// Local is the address of our end.
func (c *Conn) Local() netip.AddrPort { return addrPort(c.Conn.LocalAddr()) }

// Remote is the address of the peer.
func (c *Conn) Remote() netip.AddrPort { return addrPort(c.Conn.RemoteAddr()) }

// Bytes are the counts on the wire so far.
func (c *Conn) Bytes() (received, sent int64) { return c.received.Load(), c.sent.Load() }

func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.received.Add(int64(n))
		if w := c.watch; w != nil {
			if werr := w.read(p[:n]); werr != nil {
				return 0, werr
			}
		}
	}
	if err != nil {
		c.ended(err)
	}
	return n, err
}

func (c *Conn) Write(p []byte) (int, error) {
	if w := c.watch; w != nil {
		w.write(p) // before the write: what the peer answers must come later
	}
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	if err != nil {
		c.ended(err)
	}
	return n, err
}

// ended records the end of the peer's direction when err shows it.
func (c *Conn) ended(err error) {
	var kind flow.Kind
	switch {
	case errors.Is(err, io.EOF):
		kind = flow.FIN
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		kind = flow.RST
	default:
		return // a deadline or our own Close says nothing about the peer
	}
	c.mu.Lock()
	known := c.peerEnded || c.closed
	c.peerEnded = true
	c.mu.Unlock()
	if !known {
		c.log.Add(flow.Event{At: time.Now(), Kind: kind, From: c.self.Other()})
	}
}

// PeerGone reports whether the peer has ended its direction or reset.
func (c *Conn) PeerGone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peerEnded
}

// SetWhy keeps the reason of a close that only we know; the first one stays.
func (c *Conn) SetWhy(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == "" {
		c.why = why
	}
}

// CloseWrite ends our direction and leaves the other open.
func (c *Conn) CloseWrite() error {
	t, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	c.selfEnds(flow.FIN)
	return t.CloseWrite()
}

func (c *Conn) selfEnds(kind flow.Kind) {
	c.mu.Lock()
	known := c.selfEnded
	c.selfEnded = true
	c.mu.Unlock()
	if !known {
		c.log.Add(flow.Event{At: time.Now(), Kind: kind, From: c.self})
	}
}

// Abort closes with a reset.
func (c *Conn) Abort() error {
	if t, ok := c.Conn.(interface{ SetLinger(int) error }); ok && !c.isClosed() {
		_ = t.SetLinger(0) // fails only when the connection is gone already
		c.selfEnds(flow.RST)
	}
	return c.Close()
}

func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Close ends the connection, records its last event and hands the record over.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.closed = true
	why := c.why
	c.mu.Unlock()
	c.selfEnds(flow.FIN)
	err := c.Conn.Close()
	received, sent := c.Bytes()
	client, server := sent, received
	if c.self == flow.Server {
		client, server = received, sent
	}
	if c.log != nil {
		c.log.Add(flow.Event{At: time.Now(), Kind: flow.Closed, Text: why, Attrs: flow.Attrs(
			flow.KeyClientBytes, strconv.FormatInt(client, 10), flow.KeyServerBytes, strconv.FormatInt(server, 10))})
		c.log.Flush()
	}
	return err
}

// HandshakeDone records the end of the TLS handshake. Call it once, right
// after tls.Conn.HandshakeContext returned without an error.
func (c *Conn) HandshakeDone(s tls.ConnectionState) {
	if c.log != nil {
		c.log.Add(flow.Event{At: time.Now(), Kind: flow.TLSDone, Text: versionName(s.Version), Attrs: flow.Attrs(
			flow.KeyCipher, tls.CipherSuiteName(s.CipherSuite),
			flow.KeyALPN, s.NegotiatedProtocol,
			flow.KeyResumed, flow.SeenIf(s.DidResume).String())})
	}
	if s.Version >= tls.VersionTLS13 || c.self == flow.Server {
		c.watch = nil // nothing more can be seen in record headers
		return
	}
	c.watch.handshakeDone()
}

// OnHelloRequest sets what happens when the server asks for a renegotiation:
// an error returned ends the connection's reads with it. Set it before the
// handshake is done.
func (c *Conn) OnHelloRequest(f func() error) {
	if c.watch != nil {
		c.watch.onHelloRequest = f
	}
}

// IsTimeout reports whether err is a deadline that fired.
func IsTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
