package httpconn

import (
	"errors"
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

var (
	errResponded = errors.New("respond: the response has begun already")
	errConnect   = errors.New("respond: success of CONNECT is a tunnel")
	errNotOpen   = errors.New("write response body: the response has not begun or is over")
	errTooLong   = errors.New("write response body: longer than declared")
)

func (x *exchange) Interim(status int, fields []byte) error {
	c := x.c
	c.answer.Lock()
	defer c.answer.Unlock()
	if c.head.Minor == 0 || x.responded {
		return nil // HTTP/1.0 has no interim responses (RFC 9110 section 15.2)
	}
	c.log.Add(flow.Event{At: time.Now(), Exchange: x.id, Kind: flow.Interim, From: flow.Server, Status: status, Header: fields})
	var scratch [64]byte
	return errors.Join(
		c.append(httpwire.AppendStatusLine(scratch[:0], status, httpwire.StatusText(status))),
		c.append(fields), c.append(crlf), c.flush())
}

var (
	crlf      = []byte("\r\n")
	lastChunk = []byte("0\r\n")
)

func (x *exchange) Respond(status int, reason string, fields []byte, length int64) error {
	c := x.c
	c.answer.Lock()
	defer c.answer.Unlock()
	switch {
	case x.responded || x.finished:
		return errResponded
	case x.req.Method == "CONNECT" && status/100 == 2:
		return errConnect
	}
	x.responded = true
	x.noBody = x.req.Method == "HEAD" || status == 204 || status == 304
	x.length = length
	x.chunked = length < 0 && !x.noBody && c.head.Minor >= 1
	if length < 0 && !x.noBody && !x.chunked {
		c.closeAfter.Store(true) // HTTP/1.0: the end of the connection ends the body
	}
	if !x.bodyDone.Load() && (x.expecting.Load() || !x.reading.Load() && x.req.Length > drainBytes) {
		c.closeAfter.Store(true) // a body may or may not follow, or is too long to read away
	}
	return x.writeHead(status, reason, fields)
}

// framingMost is more than the status line without its reason, the framing
// fields and the empty line can take.
const framingMost = 128

// writeHead puts the head into the write buffer, and into the record as it is
// there.
func (x *exchange) writeHead(status int, reason string, fields []byte) error {
	c := x.c
	need := len(reason) + len(fields) + framingMost
	if c.outN+need > sendBuffer {
		if err := c.flush(); err != nil {
			return err
		}
	}
	fits := need <= sendBuffer
	var b []byte
	switch {
	case !fits:
		b = make([]byte, 0, need)
	case c.out == nil:
		c.out = c.srv.Buffers.send.get()
		fallthrough
	default:
		b = (*c.out)[:c.outN]
	}
	b = httpwire.AppendStatusLine(b, status, reason)
	start := len(b)
	b = x.appendFraming(append(b, fields...), status)
	c.log.Add(flow.Event{At: time.Now(), Exchange: x.id, Kind: flow.Response, From: flow.Server, Status: status, Text: reason, Header: b[start:]})
	b = append(b, crlf...)
	if !fits {
		return c.writeAll(b)
	}
	c.outN = len(b)
	return nil
}

func (x *exchange) appendFraming(b []byte, status int) []byte {
	switch {
	case x.chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case x.length >= 0 && status != 204:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, x.length, 10)
		b = append(b, crlf...)
	}
	switch {
	case x.c.closeAfter.Load() || x.c.closing():
		x.c.closeAfter.Store(true)
		b = append(b, "Connection: close\r\n"...)
	case x.c.head.Minor == 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return b
}

func (x *exchange) Write(p []byte) (int, error) {
	if err := x.admit(p); err != nil {
		return 0, err
	}
	if x.noBody || len(p) == 0 {
		return len(p), nil
	}
	c := x.c
	x.sent += int64(len(p))
	if !x.chunked {
		return written(p, c.append(p))
	}
	var scratch [24]byte
	if err := c.append(httpwire.AppendChunkHead(scratch[:0], len(p))); err != nil {
		return 0, err
	}
	if err := c.append(p); err != nil {
		return 0, err
	}
	return written(p, c.append(crlf))
}

func written(p []byte, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush sends what was written so far; for bodies that arrive slowly.
func (x *exchange) Flush() error { return x.c.flush() }

func (x *exchange) Finish(trailers []byte) error {
	if x.finished {
		return nil
	}
	if why, err := x.short(); err != nil {
		x.Truncate(why)
		return err
	}
	err := x.finish(trailers)
	if err != nil {
		x.done(flow.Truncated)
		return err
	}
	now := time.Now()
	x.c.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.ResponseDone, From: flow.Server, Bytes: x.sent})
	x.doneAt(now, flow.Complete)
	return nil
}

func (x *exchange) finish(trailers []byte) error {
	c := x.c
	if x.chunked {
		if err := errors.Join(c.append(lastChunk), c.append(trailers), c.append(crlf)); err != nil {
			return err
		}
	}
	return c.flush()
}

// Truncate does nothing once the exchange is finished.
func (x *exchange) Truncate(why string) {
	if x.finished {
		return
	}
	c := x.c
	left := c.broken.Swap(true) // the client is gone: the record says how
	if !left {
		c.nc.SetWhy(why)
	}
	if !x.tooLong {
		_ = c.flush() // what there is may help the client; the end comes either way
	}
	x.done(x.partialOutcome())
	if x.responded || !left {
		_ = c.nc.Abort() // the connection is over either way
	}
}

func (x *exchange) partialOutcome() string {
	if x.responded {
		return flow.Truncated
	}
	return flow.NoResponse
}
