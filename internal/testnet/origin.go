package testnet

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// At says where and how a peer listens. The zero value is TLS on a free port of
// 127.0.0.1, with a certificate for localhost of a new CA.
type At struct {
	Addr  string // default 127.0.0.1:0
	CA    *CA    // issues the server's certificate and is trusted for clients'
	Leaf  Leaf
	Plain bool              // no TLS; ignored by peers that renegotiate
	Tune  func(*tls.Config) // of peers that do not renegotiate, which use crypto/tls
}

// Origin is a listening peer.
type Origin struct {
	Addr string // as bound
	CA   *CA

	scheme   string
	listener net.Listener
	secure   func(net.Conn) (net.Conn, error)
	script   func(*conn)
	serving  sync.WaitGroup

	mu      sync.Mutex
	log     journal
	conns   map[int]net.Conn
	opened  int
	closing chan struct{} // closed by Close
}

// conn is one accepted connection and the script's view of it.
type conn struct {
	net.Conn
	origin *Origin
	number int
	raw    net.Conn
	r      *bufio.Reader
}

// start listens with TLS by crypto/tls, or without any, and runs the script on
// each connection.
func (at At) start(t testing.TB, script func(*conn)) *Origin {
	t.Helper()
	at.fill(t)
	if at.Plain {
		return at.listen(t, "http", nil, script)
	}
	config := &tls.Config{Certificates: []tls.Certificate{at.CA.Issue(t, at.Leaf).TLS()}}
	if at.Tune != nil {
		at.Tune(config)
	}
	return at.listen(t, "https", func(raw net.Conn) (net.Conn, error) {
		_ = raw.SetDeadline(time.Now().Add(time.Minute))
		defer raw.SetDeadline(time.Time{})
		secured := tls.Server(raw, config)
		return secured, secured.Handshake()
	}, script)
}

// startTLS12 listens with TLS by TLS12Server.
func (at At) startTLS12(t testing.TB, script func(*conn, *TLS12Conn)) *Origin {
	t.Helper()
	at.fill(t)
	server := &TLS12Server{Certificate: at.CA.Issue(t, at.Leaf).TLS(), Protocols: []string{"http/1.1"}}
	return at.listen(t, "https", func(raw net.Conn) (net.Conn, error) {
		secured := server.Conn(raw)
		_, err := secured.Handshake(HandshakeOptions{})
		return secured, err
	}, func(c *conn) { script(c, c.Conn.(*TLS12Conn)) })
}

func (at *At) fill(t testing.TB) {
	t.Helper()
	if at.Addr == "" {
		at.Addr = "127.0.0.1:0"
	}
	if at.CA == nil {
		at.CA = NewCA(t, "testnet CA")
	}
}

func (at At) listen(t testing.TB, scheme string, secure func(net.Conn) (net.Conn, error), script func(*conn)) *Origin {
	t.Helper()
	listener, err := net.Listen("tcp", at.Addr)
	must(t, err)
	o := &Origin{
		Addr: listener.Addr().String(), CA: at.CA, scheme: scheme,
		listener: listener, secure: secure, script: script, conns: map[int]net.Conn{}, closing: make(chan struct{}),
	}
	o.serving.Go(o.accept)
	t.Cleanup(o.Close)
	return o
}

// URL is the address of a path on this origin.
func (o *Origin) URL(path string) string { return o.scheme + "://" + o.Addr + path }

// Pool trusts the origin's certificate.
func (o *Origin) Pool() *x509.CertPool { return o.CA.Pool() }

// Close ends the listener and every connection and waits for both. It may be
// called again.
func (o *Origin) Close() {
	o.mu.Lock()
	if !o.isClosing() {
		close(o.closing)
	}
	for _, raw := range o.conns {
		raw.Close()
	}
	o.mu.Unlock()
	o.listener.Close()
	o.serving.Wait()
}

func (o *Origin) isClosing() bool {
	select {
	case <-o.closing:
		return true
	default:
		return false
	}
}

func (o *Origin) accept() {
	for {
		raw, err := o.listener.Accept()
		if err != nil {
			return
		}
		if c := o.admit(raw); c != nil {
			o.serving.Go(func() { o.serve(c) })
		}
	}
}

func (o *Origin) admit(raw net.Conn) *conn {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.isClosing() {
		raw.Close()
		return nil
	}
	o.opened++
	o.conns[o.opened] = raw
	return &conn{Conn: raw, origin: o, number: o.opened, raw: raw}
}

func (o *Origin) serve(c *conn) {
	defer func() {
		c.raw.Close()
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.conns, c.number)
	}()
	c.note(Opened, "")
	if o.secure != nil {
		secured, err := o.secure(c.raw)
		if err != nil {
			c.note(HandshakeFailed, err.Error())
			return
		}
		c.Conn = secured
	}
	c.r = bufio.NewReader(c.Conn)
	o.script(c)
}

// End is how a peer closes a connection; the zero value is the peer's habit.
type End int

const (
	Orderly End = iota + 1 // close_notify, then FIN
	FIN                    // FIN without close_notify
	RST
)

func (e End) String() string { return [...]string{"", "orderly", "fin", "rst"}[e] }

func (c *conn) end(how End) {
	c.note(Closed, "by origin: "+how.String())
	switch how {
	case Orderly:
		c.Close()
	case RST:
		if tcp, ok := c.raw.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // fails on a dead socket only
		}
	}
	c.raw.Close()
}

// pause gives false if the origin was closed meanwhile.
func (c *conn) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-c.origin.closing:
		return false
	}
}

// linger sends FIN and reads on until the client closes, so that no reset
// overtakes what was written.
func (c *conn) linger() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // close_notify; over plain TCP already the FIN
	}
	if tcp, ok := c.raw.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	c.drain()
}

// drain discards what comes until the connection ends. It looks below TLS and
// so cannot tell whether a close_notify came.
func (c *conn) drain() {
	_, err := io.Copy(io.Discard, c.raw)
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	c.ended(err)
}

// ended notes how the client's direction ended.
func (c *conn) ended(err error) {
	var alert tls.AlertError
	how := fmt.Sprint(err)
	switch {
	case errors.Is(err, io.EOF):
		how = "orderly"
	case errors.Is(err, io.ErrUnexpectedEOF):
		how = "fin"
	case errors.Is(err, syscall.ECONNRESET):
		how = "rst"
	case errors.As(err, &alert):
		how = alert.Error()
	case errors.Is(err, net.ErrClosed):
		return // Origin.Close
	}
	c.note(Closed, "by client: "+how)
}
