package httpconn

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// Server serves HTTP/1.1 on connections that are handed to it. Its fields are
// set before the first connection.
type Server struct {
	Limits   Limits
	Buffers  *Buffers
	Recorder *flow.Recorder
	// Refuse tells that a request is answered by the server itself and gives
	// the incident's id, which is sent and recorded.
	Refuse func(log *flow.Log, x flow.ExchangeID, status int, cause string) (incident string)
}

// Conn is one client connection.
type Conn struct {
	srv     *Server
	nc      Transport
	log     *flow.Log
	scheme  string
	handler Handler
	closing func() bool // reports that no further request may be read

	first      [1]byte // an idle connection waits with this instead of a buffer
	buf        *[]byte // read buffer; nil while idle
	r, w       int     // unread bytes are buf[r:w]
	out        *[]byte // write buffer; nil while nothing is pending
	outN       int
	head       httpwire.Head
	headEnd    int // where the head in use ends in buf
	served     int
	answer     sync.Mutex  // Respond and an interim response of a body's reader
	closeAfter atomic.Bool // this exchange is the last
	broken     atomic.Bool // the connection cannot be used any more
	extended   bool        // a read was interrupted by closing and went on
	x          exchange
}

// ServeConn carries a connection until it ends and closes it. closing may be
// nil; when it reports true, idle connections should be interrupted with
// Interrupt by the caller.
func (s *Server) ServeConn(nc Transport, log *flow.Log, scheme string, h Handler, closing func() bool) {
	c := &Conn{srv: s, nc: nc, log: log, scheme: scheme, handler: h, closing: closing}
	if c.closing == nil {
		c.closing = func() bool { return false }
	}
	c.x.c = c
	for c.serveNext() {
	}
	c.end()
}

func (c *Conn) end() {
	c.releaseIn()
	c.srv.Buffers.send.put(c.out)
	c.out = nil
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
	c.handler.Handle(x)
	c.served++
	x.end()
	if c.broken.Load() {
		return false
	}
	if c.closeAfter.Load() || c.closing() {
		c.nc.SetWhy("no further request")
		c.lingeringClose()
		return false
	}
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
	c.setReadDeadline(limit)
	if c.closing() {
		c.nc.SetWhy("site stopped")
		return false
	}
	n, err := c.nc.Read(c.first[:])
	if n == 0 {
		c.idleEnded(err, phase, limit)
		return false
	}
	c.buf = c.srv.Buffers.head.get()
	(*c.buf)[0] = c.first[0]
	c.r, c.w = 0, 1
	return true
}

func (c *Conn) idleEnded(err error, phase string, limit time.Duration) {
	switch {
	case c.closing():
		c.nc.SetWhy("site stopped")
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.nc.SetWhy("timeout: " + phase)
		c.log.Add(timeoutEvent(0, phase, limit))
	case errors.Is(err, io.EOF):
	case err != nil:
		c.nc.SetWhy("read: " + err.Error())
	}
}

func (c *Conn) setReadDeadline(d time.Duration) {
	if d > 0 {
		_ = c.nc.SetReadDeadline(time.Now().Add(d)) // fails only on a closed connection; the read says so
	}
}

func (c *Conn) releaseIn() {
	c.srv.Buffers.head.put(c.buf)
	c.buf, c.r, c.w = nil, 0, 0
	c.head.Reset()
}

// readHead reads and checks a request head; on a fault it answers and reports
// false.
func (c *Conn) readHead() bool {
	limits := httpwire.Limits{HeadBytes: c.srv.Limits.HeadBytes, TargetBytes: c.srv.Limits.TargetBytes, Fields: c.srv.Limits.HeadFields}
	for waited := false; ; waited = true {
		if c.r < c.w {
			n, err := c.head.ParseRequest((*c.buf)[c.r:c.w], limits)
			if err != nil {
				c.refuseHead(err)
				return false
			}
			if n > 0 {
				c.r += n
				c.headEnd = c.r
				return true
			}
		}
		if !waited {
			c.setReadDeadline(c.srv.Limits.HeadTimeout)
		}
		if !c.fill() {
			return false
		}
	}
}

// fill reads more of a request head behind what is there.
func (c *Conn) fill() bool {
	if c.w == len(*c.buf) {
		c.makeRoom()
	}
	n, err := c.nc.Read((*c.buf)[c.w:])
	c.w += n
	if n > 0 {
		return true
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && c.closing() && !c.extended:
		// The site's stop interrupted what it took for an idle connection.
		c.extended = true
		c.setReadDeadline(c.srv.Limits.HeadTimeout)
		return true
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.log.Add(timeoutEvent(0, "request-head", c.srv.Limits.HeadTimeout))
		c.refuse(408, "the request head did not arrive within "+c.srv.Limits.HeadTimeout.String())
	case errors.Is(err, io.EOF):
		c.nc.SetWhy("client closed inside a request head")
	default:
		c.nc.SetWhy("read: " + err.Error())
	}
	return false
}

// makeRoom moves the head to the start of the buffer or doubles the buffer;
// ParseRequest refuses what exceeds the limit before it is outgrown.
func (c *Conn) makeRoom() {
	old := *c.buf
	if c.r > 0 {
		copy(old, old[c.r:c.w])
		c.w -= c.r
		c.r = 0
		return
	}
	bigger := make([]byte, 2*len(old))
	copy(bigger, old)
	c.srv.Buffers.head.put(c.buf)
	c.buf = &bigger
}

func (c *Conn) refuseHead(err error) {
	var syntax *httpwire.SyntaxError
	switch {
	case errors.Is(err, httpwire.ErrTargetTooLong):
		c.refuse(414, "request target longer than "+strconv.Itoa(c.srv.Limits.TargetBytes)+" bytes")
	case errors.Is(err, httpwire.ErrHeadTooLarge):
		c.refuse(431, "request head larger than "+strconv.Itoa(c.srv.Limits.HeadBytes)+" bytes")
	case errors.Is(err, httpwire.ErrTooManyFields):
		c.refuse(431, "request has more than "+strconv.Itoa(c.srv.Limits.HeadFields)+" header fields")
	case errors.As(err, &syntax) && syntax.Name == httpwire.UnsupportedVersion:
		c.irregular(0, syntax.Irregularity)
		c.refuse(505, "request is not of HTTP/1")
	case errors.As(err, &syntax):
		c.irregular(0, syntax.Irregularity)
		c.refuse(400, "request cannot be read: "+syntax.Irregularity.Name)
	default:
		c.refuse(400, "request cannot be read: "+err.Error())
	}
}

func (c *Conn) irregular(x flow.ExchangeID, irr httpwire.Irregularity) {
	c.log.Add(flow.Event{At: time.Now(), Exchange: x, Kind: flow.Irregular, From: flow.Client, Text: irr.Name,
		Attrs: flow.Attrs(flow.KeyOffset, strconv.Itoa(irr.Offset))})
}

// refuse answers a request that never became an exchange and closes.
func (c *Conn) refuse(status int, cause string) {
	id := c.srv.Recorder.NextExchange()
	now := time.Now()
	c.log.Add(flow.Event{At: now, Exchange: id, Kind: flow.Request, From: flow.Client, Attrs: flow.Attrs(flow.KeyScheme, c.scheme)})
	incident := c.srv.Refuse(c.log, id, status, cause)
	c.writeRefusal(id, status, incident)
	c.lingeringClose()
}

func (c *Conn) writeRefusal(id flow.ExchangeID, status int, incident string) {
	body, fields := ErrorPage(status, incident, "")
	reason := httpwire.StatusText(status)
	b := httpwire.AppendStatusLine(nil, status, reason)
	b = append(b, fields...)
	b = httpwire.AppendField(b, "Content-Length", strconv.Itoa(len(body)))
	b = httpwire.AppendField(b, "Connection", "close")
	b = append(append(b, "\r\n"...), body...)
	now := time.Now()
	c.log.Add(flow.Event{At: now, Exchange: id, Kind: flow.Response, From: flow.Server, Status: status, Text: reason, Header: fields})
	err := c.flush()
	if err == nil {
		err = c.writeAll(b)
	}
	done := flow.Refused
	if err != nil {
		done = flow.NoResponse
	}
	c.log.Add(flow.Event{At: time.Now(), Exchange: id, Kind: flow.ExchangeDone, Text: done})
	c.nc.SetWhy("request refused with " + strconv.Itoa(status))
}

// lingering bounds how long and how much is read of a client that still sends
// when we are done with it: closing at once would reset the connection and
// could destroy the response on its way (RFC 9112 section 9.6).
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 1 << 20
)

func (c *Conn) lingeringClose() {
	if c.flush() != nil || c.nc.CloseWrite() != nil {
		return
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(lingerTime))
	buf := c.srv.Buffers.body.get()
	defer c.srv.Buffers.body.put(buf)
	for read := 0; read < lingerBytes; {
		n, err := c.nc.Read(*buf)
		if err != nil {
			return
		}
		read += n
	}
}

// append puts bytes into the write buffer, flushing when it is full.
func (c *Conn) append(p []byte) error {
	if c.out == nil {
		c.out = c.srv.Buffers.send.get()
	}
	if c.outN+len(p) > len(*c.out) {
		if err := c.flush(); err != nil {
			return err
		}
		if len(p) >= sendBuffer {
			return c.writeAll(p)
		}
		if c.out == nil {
			c.out = c.srv.Buffers.send.get()
		}
	}
	c.outN += copy((*c.out)[c.outN:], p)
	return nil
}

func (c *Conn) flush() error {
	if c.outN == 0 {
		return nil
	}
	err := c.writeAll((*c.out)[:c.outN])
	c.srv.Buffers.send.put(c.out)
	c.out, c.outN = nil, 0
	return err
}

func (c *Conn) writeAll(p []byte) error {
	if d := c.srv.Limits.Write; d > 0 {
		_ = c.nc.SetWriteDeadline(time.Now().Add(d)) // fails only on a closed connection; the write says so
	}
	_, err := c.nc.Write(p)
	if err != nil {
		c.broken.Store(true)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.nc.SetWhy("timeout: write to client")
			c.log.Add(timeoutEvent(c.x.id, "write", c.srv.Limits.Write))
		}
	}
	return err
}

func timeoutEvent(x flow.ExchangeID, phase string, limit time.Duration) flow.Event {
	return flow.Event{At: time.Now(), Exchange: x, Kind: flow.Timeout, Text: phase,
		Attrs: flow.Attrs(flow.KeyLimit, strconv.FormatInt(limit.Milliseconds(), 10))}
}

// text views bytes of the connection's buffer as a string; it is valid as long
// as the bytes are.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// methodText avoids a view for the methods that are known.
func methodText(b []byte) string {
	switch string(b) {
	case "GET":
		return "GET"
	case "POST":
		return "POST"
	case "HEAD":
		return "HEAD"
	case "PUT":
		return "PUT"
	case "DELETE":
		return "DELETE"
	case "OPTIONS":
		return "OPTIONS"
	case "PATCH":
		return "PATCH"
	case "CONNECT":
		return "CONNECT"
	}
	return strings.Clone(text(b))
}
