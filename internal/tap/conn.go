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
	look           look
	dry, drained   bool   // the reader's: Read gives errDry; it gave io.EOF
	ahead          []byte // the reader's: came with a preface and is not read yet

	reading, writing deadline
	question         question
	gathered         gathering

	mu         sync.Mutex
	why        string
	peer, mine ending
	closed     bool
}

// ending is what was recorded of the end of one side.
type ending struct{ fin, rst bool }

// add notes an end; false if there is nothing new in it.
func (e *ending) add(kind flow.Kind) bool {
	switch {
	case e.rst, e.fin && kind == flow.FIN:
		return false
	case kind == flow.RST:
		e.rst = true
	default:
		e.fin = true
	}
	return true
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
	if secure && (log != nil || self == flow.Client) { // a server's is for the record alone
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
	if c.dry {
		return 0, errDry
	}
	n, err := c.take(p)
	if n > 0 {
		c.received.Add(int64(n))
		if w := c.watch; w != nil {
			if werr := w.read(p[:n]); werr != nil {
				return 0, werr
			}
		}
	}
	if err != nil {
		c.drained = c.drained || errors.Is(err, io.EOF)
		c.ended(err)
	}
	return n, err
}

func (c *Conn) read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err == nil || n > 0 || !c.reading.early(err, c.Conn.SetReadDeadline) {
			return n, err
		}
	}
}

func (c *Conn) Write(p []byte) (int, error) {
	if w := c.watch; w != nil {
		w.write(p) // before the write: what the peer answers must come later
	}
	if c.gathered.on.Load() {
		return c.gather(p)
	}
	return c.writeNow(p)
}

func (c *Conn) writeNow(p []byte) (int, error) {
	if err := c.gathered.broken(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	for err != nil && c.writing.early(err, c.Conn.SetWriteDeadline) {
		var more int
		more, err = c.Conn.Write(p[n:])
		n += more
	}
	c.sent.Add(int64(n))
	if err != nil {
		c.ended(err)
	}
	return n, err
}

// ended records the end of the peer's direction when err shows it. A deadline
// or our own Close says nothing about the peer.
func (c *Conn) ended(err error) {
	switch {
	case errors.Is(err, io.EOF):
		c.peerEnds(flow.FIN)
	case errors.Is(err, syscall.ECONNRESET):
		c.peerEnds(flow.RST)
	case errors.Is(err, syscall.EPIPE):
		if c.mayWrite() { // else we ended our direction ourselves
			c.peerEnds(flow.RST)
		}
	}
}

func (c *Conn) mayWrite() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.mine.fin
}

func (c *Conn) peerEnds(kind flow.Kind) {
	c.mu.Lock()
	fresh := !c.closed && c.peer.add(kind)
	c.mu.Unlock()
	if fresh {
		c.log.Add(flow.Event{At: time.Now(), Kind: kind, From: c.self.Other()})
	}
}

// PeerGone reports whether the peer has ended its direction or reset.
func (c *Conn) PeerGone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peer.fin || c.peer.rst
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

// finWait is how long a FIN may lag behind a close_notify.
const finWait = 20 * time.Millisecond

func (c *Conn) awaitEnd() {
	if c.log == nil || c.Poll() {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(finWait)) // fails only when it is closed already
	_, _ = c.Read(make([]byte, 1))                 // records the end, if it comes
}

// selfEnds records the end of our direction; after the peer's reset there is
// none on the wire.
func (c *Conn) selfEnds(kind flow.Kind) {
	c.mu.Lock()
	fresh := !c.peer.rst && c.mine.add(kind)
	c.mu.Unlock()
	if fresh {
		c.log.Add(flow.Event{At: time.Now(), Kind: kind, From: c.self})
	}
}

// Abort closes with a reset.
func (c *Conn) Abort() error {
	return c.close(flow.RST)
}

// Close ends the connection, records its last event and hands the record over,
// also what was added since an earlier Close, which gives net.ErrClosed.
func (c *Conn) Close() error { return c.close(flow.FIN) }

func (c *Conn) close(kind flow.Kind) error {
	if c.log != nil && c.mayWrite() {
		c.Poll() // an end of the peer that nobody has read came before ours
	}
	c.mu.Lock()
	again := c.closed
	c.closed = true
	why := c.why
	c.mu.Unlock()
	defer c.log.Flush()
	if again {
		return net.ErrClosed
	}
	if t, ok := c.Conn.(interface{ SetLinger(int) error }); ok && kind == flow.RST {
		_ = t.SetLinger(0) // fails only when the connection is gone already
	}
	c.selfEnds(kind)
	err := c.Conn.Close()
	if c.log != nil {
		c.log.Add(flow.Event{At: time.Now(), Kind: flow.Closed, Text: why, Attrs: c.counts()})
	}
	return err
}

func (c *Conn) counts() []flow.Attr {
	received, sent := c.Bytes()
	client, server := sent, received
	if c.self == flow.Server {
		client, server = received, sent
	}
	return flow.Attrs(flow.KeyClientBytes, strconv.FormatInt(client, 10), flow.KeyServerBytes, strconv.FormatInt(server, 10))
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
	switch {
	case c.watch == nil:
	case s.Version >= tls.VersionTLS13 || c.self == flow.Server:
		c.watch = nil // nothing more can be seen in record headers
	default:
		c.watch.handshakeDone()
	}
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
