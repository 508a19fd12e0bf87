package httpconn

import (
	"time"

	"fanlight/internal/httpwire"
)

// h2Reader is what only the goroutine that reads uses.
type h2Reader struct {
	first     [256]byte // an idle connection waits with this instead of a buffer
	buf       *[]byte   // nil while idle
	r, w      int
	frames    httpwire.FrameReader
	fields    httpwire.HPACKDecoder
	offset    int64  // of the frame that is read
	block     []byte // of a field block that is not complete
	blockOf   httpwire.Frame
	fragments int
	since     time.Time // when the first bytes of a frame or block that is not complete came
	lastIdle  time.Time // since when there is no stream
	looked    time.Time // at the limits of streams, the last time
	deadline  time.Time
	trailers  httpwire.H2Head // also for blocks of which nothing is wanted
}

// readPreface takes the client's preface.
func (c *h2Conn) readPreface() bool {
	c.lastIdle = time.Now()
	for c.w-c.r < len(httpwire.H2ClientPreface) {
		if c.buf != nil && !prefaceBegins((*c.buf)[c.r:c.w]) {
			break
		}
		if !c.settleOutput() || !c.fill() {
			return false
		}
	}
	if !prefaceBegins((*c.buf)[c.r:c.w]) {
		c.refuseConn(&httpwire.H2Error{Code: httpwire.CodeProtocol, Name: httpwire.H2PrefaceMissing})
		return false
	}
	c.r += len(httpwire.H2ClientPreface)
	c.offset = int64(len(httpwire.H2ClientPreface))
	return true
}

func prefaceBegins(b []byte) bool {
	n := min(len(b), len(httpwire.H2ClientPreface))
	return string(b[:n]) == httpwire.H2ClientPreface[:n]
}

// fill waits for more bytes; false at the end of the connection.
func (c *h2Conn) fill() bool {
	if c.since.IsZero() && (c.r < c.w || c.frames.InBlock()) {
		c.since = time.Now()
	}
	for {
		now := time.Now()
		if now.Sub(c.looked) >= c.tick { // no read may have waited that long, of a client that sends in drops
			c.look(now)
		}
		c.setDeadline(now)
		switch {
		case c.closing() && c.drain == h2Open:
			c.look(now)
			continue
		case c.over():
			return c.leaveNow()
		}
		n, err := c.readSome()
		if n > 0 {
			return true
		}
		c.deadline = time.Time{}
		if !c.readEnded(err) {
			return false
		}
		now = time.Now()
		c.look(now)
		if phase, limit, from := c.waitsFor(); limit > 0 && now.Sub(from) >= limit {
			c.timedOut(phase, limit)
			return false
		}
	}
}

// over reports that a graceful end has come to its end.
func (c *h2Conn) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drain == h2Leaving && len(c.open) == 0
}

// leaveNow is the end of a graceful end.
func (c *h2Conn) leaveNow() bool {
	c.nc.SetWhy(siteStopped)
	c.mu.Lock()
	c.out.finish()
	c.mu.Unlock()
	c.linger()
	return false
}

// readSome reads into the small buffer while nothing is under way.
func (c *h2Conn) readSome() (int, error) {
	if c.r == c.w && c.quiet() {
		c.releaseIn()
		n, err := c.nc.Read(c.first[:])
		if n > 0 {
			c.takeIn()
			c.w = copy(*c.buf, c.first[:n])
		}
		return n, err
	}
	if c.buf == nil {
		c.takeIn()
	}
	if c.r > 0 {
		c.w = copy(*c.buf, (*c.buf)[c.r:c.w])
		c.r = 0
	}
	n, err := c.nc.Read((*c.buf)[c.w:])
	c.w += n
	return n, err
}

func (c *h2Conn) takeIn() { c.buf, c.r, c.w = c.srv.Buffers.body.get(), 0, 0 }

func (c *h2Conn) releaseIn() {
	c.srv.Buffers.body.put(c.buf)
	c.buf, c.r, c.w = nil, 0, 0
}

// quiet reports that no stream is open.
func (c *h2Conn) quiet() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open) == 0
}

// setDeadline bounds the next read: by the limit of the connection, or by the
// next look at the streams.
func (c *h2Conn) setDeadline(now time.Time) {
	_, limit, from := c.waitsFor()
	var due time.Time
	if limit > 0 {
		due = from.Add(limit)
	}
	c.mu.Lock()
	switch {
	case len(c.open) > 0:
		c.lastIdle = now
		if left := c.deadline.Sub(now); left > c.tick/2 && left <= c.tick {
			due = c.deadline // near enough, and it need not be set again
		} else if next := now.Add(c.tick); limit <= 0 || next.Before(due) {
			due = next
		}
	case c.drain == h2Warned:
		due = c.drained.Add(h2Notice)
	case len(c.parked) > 0:
		due = now.Add(h2Rest)
	}
	c.mu.Unlock()
	if c.deadline.IsZero() || !c.deadline.Equal(due) {
		c.deadline = due
		_ = c.nc.SetReadDeadline(due) // fails only on a closed connection; the read says so
	}
}

// waitsFor tells what the connection, not a stream of it, is waiting for since
// when, and for how long it may.
func (c *h2Conn) waitsFor() (phase string, limit time.Duration, from time.Time) {
	quiet := c.quiet()
	switch {
	case c.offset == 0:
		return "request-head", c.srv.Limits.HeadTimeout, c.lastIdle
	case !c.since.IsZero() && (quiet || c.frames.InBlock()):
		return "request-head", c.srv.Limits.HeadTimeout, c.since
	case quiet:
		return "idle", c.srv.Limits.IdleTimeout, c.lastIdle
	}
	return "", 0, time.Time{}
}

// timedOut ends a connection on which nothing is asked, or not to the end.
func (c *h2Conn) timedOut(phase string, limit time.Duration) {
	c.srv.timedOut(c.log, 0, phase, limit)
	c.nc.SetWhy("timeout: " + phase) // the first reason is kept
	c.quit(httpwire.CodeNone, "timeout: "+phase)
}
