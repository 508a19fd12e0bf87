package httpconn

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// Server serves HTTP/1.1 and HTTP/2 on connections that are handed to it. Its fields are
// set before the first connection.
type Server struct {
	Limits   Limits
	Buffers  *Buffers
	Recorder *flow.Recorder
	// Refuse tells that a request is answered by the server itself and gives
	// the incident's id, which is sent and recorded.
	Refuse func(log *flow.Log, x flow.ExchangeID, status int, cause string) (incident string)
	// Fired hears which limit ended or refused something, by the name that its
	// event has. May be nil; it is called with locks held and must not wait.
	Fired func(limit string)
	// Panicked hears of a panic in a handler, which costs its connection and
	// nothing else. May be nil.
	Panicked func(value any, stack []byte)

	resting atomic.Int64
}

// Resting is the number of connections that have been idle for a while and hold
// little memory.
func (s *Server) Resting() int { return int(s.resting.Load()) }

// Conn is one client connection.
type Conn struct {
	srv     *Server
	nc      Transport
	log     *flow.Log
	scheme  string
	handler Handler
	closing func() bool // reports that no further request may be read
	over    func()      // hears of the end

	first      [512]byte // an idle connection waits with this instead of a buffer; most heads fit
	buf        *[]byte   // read buffer; nil while idle
	r, w       int       // unread bytes are buf[r:w]
	out        *[]byte   // write buffer; nil while nothing is pending
	outN       int
	head       httpwire.Head
	headEnd    int // where the head in use ends in buf
	served     int
	answer     sync.Mutex  // Respond and an interim response of a body's reader
	closeAfter atomic.Bool // this exchange is the last
	broken     atomic.Bool // no further exchange, and nothing to linger for
	unwritable atomic.Bool // a write failed: what follows would not be what the client expects there
	extended   bool        // a read was interrupted by closing and went on
	abandoned  bool        // a handler that panicked may still use the buffers
	rester
	x exchange
}

// ServeConn carries a connection until it ends and closes it: with HTTP/2 where
// the Transport's Protocol is h2, else with HTTP/1.1. closing may be nil; when it
// reports true, idle connections should be interrupted with Interrupt by the
// caller.
func (s *Server) ServeConn(nc Transport, log *flow.Log, scheme string, h Handler, closing func() bool) {
	over := make(chan struct{})
	s.Carry(nc, log, scheme, h, closing, func() { close(over) })
	<-over
}

// Carry is ServeConn that calls over when the connection has ended, and may
// return before: a connection that rests is gone on with in another goroutine.
func (s *Server) Carry(nc Transport, log *flow.Log, scheme string, h Handler, closing func() bool, over func()) {
	if closing == nil {
		closing = func() bool { return false }
	}
	if speaksH2(nc) {
		s.serveH2(nc, log, scheme, h, closing)
		over()
		return
	}
	c := &Conn{srv: s, nc: nc, log: log, scheme: scheme, handler: h, closing: closing, over: over, rester: rester{waiter: waiterOf(nc)}}
	c.x.c = c
	c.run()
}

func (c *Conn) run() {
	for c.serveNext() {
	}
	if c.resting {
		go c.rest()
		return
	}
	c.end()
	c.over()
}

// speaksH2 reports whether HTTP/2 was agreed upon by ALPN.
func speaksH2(nc Transport) bool {
	p, ok := nc.(interface{ Protocol() string })
	return ok && p.Protocol() == "h2"
}

func (c *Conn) end() {
	if !c.abandoned {
		c.releaseIn()
		c.srv.Buffers.send.put(c.out)
		c.out = nil
	}
	_ = c.nc.Close() // the connection is over either way
	c.log.Flush()
}

// serveNext serves one request and reports whether another may follow.
func (c *Conn) serveNext() bool {
	if !c.awaitRequest() || !c.readHead() {
		return false
	}
	x := &c.x
	if !x.begin() {
		return false
	}
	if !c.handle() {
		return false
	}
	c.served++
	x.end()
	switch {
	case c.broken.Load():
		return false
	case c.closing():
		c.nc.SetWhy(siteStopped)
	case c.closeAfter.Load():
		c.nc.SetWhy("no further request")
	default:
		return true
	}
	c.lingeringClose()
	return false
}

const siteStopped = "site stopped"

// handle lets the handler answer; false if it panicked. Goroutines of its may
// still use the connection then, which is cut off with what belongs to it.
func (c *Conn) handle() (ok bool) {
	defer func() {
		if ok {
			return
		}
		value := recover()
		c.abandoned = true
		c.nc.SetWhy(fmt.Sprint("handler panicked: ", value))
		c.x.abandon()
		if f := c.srv.Panicked; f != nil {
			f(value, debug.Stack())
		}
	}()
	c.handler.Handle(&c.x)
	return true
}

// awaitRequest waits until the first byte of a request is there.
func (c *Conn) awaitRequest() bool {
	if c.r < c.w {
		return true
	}
	c.releaseIn()
	limit, phase := c.srv.Limits.IdleTimeout, "idle"
	if c.served == 0 {
		limit, phase = c.srv.Limits.HeadTimeout, "request-head"
	}
	c.boundIdle(limit)
	if c.closing() {
		c.nc.SetWhy(siteStopped)
		return false
	}
	n, err := c.nc.Read(c.first[:])
	if n == 0 {
		if !c.rests(err) {
			c.idleEnded(err, phase, limit)
		}
		return false
	}
	c.buf = c.srv.Buffers.head.get()
	c.r, c.w = 0, copy(*c.buf, c.first[:n])
	return true
}

func (c *Conn) idleEnded(err error, phase string, limit time.Duration) {
	switch {
	case c.closing():
		c.nc.SetWhy(siteStopped)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.nc.SetWhy("timeout: " + phase)
		c.srv.timedOut(c.log, 0, phase, limit)
	default:
		c.nc.SetWhy(readFault(err))
	}
}

// readFault says why a read failed, empty if the record shows it anyway: the
// client's FIN or reset.
func readFault(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return ""
	}
	return "read: " + err.Error()
}

// setReadDeadline bounds the reads from now on; 0 takes the bound away.
func (c *Conn) setReadDeadline(d time.Duration) {
	_ = c.nc.SetReadDeadline(after(d)) // fails only on a closed connection; the read says so
}

func after(d time.Duration) (at time.Time) {
	if d > 0 {
		at = time.Now().Add(d)
	}
	return at
}

// interrupted reports that a read was cut short by a stopping site that took
// the connection for idle, although its request was already on its way. It is
// true only once: the second interruption is meant.
func (c *Conn) interrupted(err error) bool {
	if c.extended || !errors.Is(err, os.ErrDeadlineExceeded) || !c.closing() {
		return false
	}
	c.extended = true
	return true
}

func (c *Conn) releaseIn() {
	c.srv.Buffers.head.put(c.buf)
	c.buf, c.r, c.w = nil, 0, 0
	c.head.Reset()
	c.x.req, c.x.chunks = Request{}, httpwire.ChunkReader{}
}

// stoppedWait reports, and keeps as the reason of the close, that a stopping
// site ended a wait: no timeout fired.
func (c *Conn) stoppedWait(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) || !c.closing() {
		return false
	}
	c.nc.SetWhy(siteStopped)
	return true
}
