package httpconn

import (
	"errors"
	"io"
	"os"
	"strconv"

	"fanlight/internal/httpwire"
)

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
		if !waited && c.served > 0 { // the first has been awaited since the connection began
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
	case c.interrupted(err):
		c.setReadDeadline(c.srv.Limits.HeadTimeout)
		return true
	case c.stoppedWait(err):
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.srv.timedOut(c.log, 0, "request-head", c.srv.Limits.HeadTimeout)
		c.refuse(408, "the request head did not arrive within "+c.srv.Limits.HeadTimeout.String())
	case errors.Is(err, io.EOF):
		c.nc.SetWhy("client closed inside a request head")
	default:
		c.nc.SetWhy(readFault(err))
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
	limit, status, cause := c.srv.Limits.exceededBy(err)
	switch {
	case limit != "":
		c.refuseLimit(limit, status, cause)
	case errors.As(err, &syntax) && syntax.Name == httpwire.UnsupportedVersion:
		c.refuse(505, "request is not of HTTP/1", syntax.Irregularity)
	case errors.As(err, &syntax):
		c.refuse(400, "request cannot be read: "+syntax.Name, syntax.Irregularity)
	default:
		c.refuse(400, "request cannot be read: "+err.Error())
	}
}

// exceededBy names the limit that an error of reading a head is about, the
// status and the cause; limit is empty if it is about none.
func (l *Limits) exceededBy(err error) (limit string, status int, cause string) {
	switch {
	case errors.Is(err, httpwire.ErrTargetTooLong):
		return "target-bytes", 414, "request target longer than " + bound(l.TargetBytes, " bytes")
	case errors.Is(err, httpwire.ErrHeadTooLarge):
		return "header-bytes", 431, "request head larger than " + bound(l.HeadBytes, " bytes")
	case errors.Is(err, httpwire.ErrTooManyFields):
		return "header-fields", 431, "request has more header fields than " + bound(l.HeadFields, "")
	}
	return "", 0, ""
}

// bound names a limit; one that is not set is httpwire's.
func bound(n int, unit string) string {
	if n == 0 {
		return "allowed"
	}
	return strconv.Itoa(n) + unit
}
