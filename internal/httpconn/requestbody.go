package httpconn

import (
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

func (x *exchange) bodyEnds(now time.Time) {
	x.bodyDone.Store(true)
	x.c.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.RequestDone, From: flow.Client, Bytes: x.bodyRead})
}

func (x *exchange) Buffered() (body []byte, all bool) {
	switch {
	case x.req.Length == 0:
		return nil, true
	case x.req.Length < 0 || x.bodyRead > 0 || x.expecting.Load():
		return nil, false
	}
	c := x.c
	if int64(c.w-c.r) < x.req.Length {
		return nil, false
	}
	body = (*c.buf)[c.r : c.r+int(x.req.Length)]
	c.r += len(body)
	x.bodyRead = x.req.Length
	x.bodyEnds(time.Now())
	return body, true
}

func (x *exchange) ReadBody(p []byte) (int, error) {
	if x.bodyErr != nil {
		return 0, x.bodyErr
	}
	switch {
	case x.stopped.Load():
		return 0, ErrStopped
	case len(p) == 0:
		return 0, nil
	}
	if x.bodyDone.Load() {
		return 0, io.EOF
	}
	x.reading.Store(true)
	if err := x.sendContinue(); err != nil {
		return 0, err
	}
	n, err := x.decodeBody(p)
	x.bodyRead += int64(n)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		x.bodyEnds(time.Now())
		if n > 0 {
			return n, nil
		}
		return 0, io.EOF
	}
	x.bodyErr = err
	x.c.closeAfter.Store(true)
	return n, err
}

func (x *exchange) StopBody() {
	if x.bodyDone.Load() {
		return // nobody waits for it, and the connection is as good as before
	}
	x.c.closeAfter.Store(true)
	x.stopped.Store(true)
	_ = x.c.nc.SetReadDeadline(time.Unix(1, 0)) // fails only when it is closed already
}

// bodyDeadline bounds a read of the body; a stop that came before stays.
func (c *Conn) bodyDeadline() {
	limit, byRate := c.x.patience()
	c.x.hurried = byRate
	c.setReadDeadline(limit)
	if c.x.stopped.Load() {
		_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // fails only when it is closed already
	}
}

// patience is how long the next part of the body may take: BodyTimeout, or less
// for a client that has kept us waiting for longer than a body of BodyRate would
// have. Only waiting for the client counts, not the time in which an origin takes
// no more. One who is behind by more than half of BodyTimeout may become so by
// all of it.
func (x *exchange) patience() (limit time.Duration, byRate bool) {
	l := &x.c.srv.Limits
	if l.BodyRate <= 0 || l.BodyTimeout <= 0 {
		return l.BodyTimeout, false
	}
	earned := time.Duration(float64(x.bodyRead) / float64(l.BodyRate) * float64(time.Second))
	behind := x.waited - earned
	if behind <= l.BodyTimeout/2 {
		return l.BodyTimeout, false
	}
	return max(l.BodyTimeout-behind, time.Millisecond), true
}

func (x *exchange) sendContinue() error {
	if !x.expecting.CompareAndSwap(true, false) {
		return nil
	}
	return x.Interim(100, nil)
}

// decodeBody gives io.EOF together with the last bytes.
func (x *exchange) decodeBody(p []byte) (int, error) {
	if x.framing.Kind == httpwire.Chunked {
		return x.readChunked(p)
	}
	left := x.req.Length - x.bodyRead
	if int64(len(p)) > left {
		p = p[:left]
	}
	n, err := x.c.readSome(p)
	if err != nil {
		return 0, x.bodyFault(err)
	}
	if int64(n) == left {
		return n, io.EOF
	}
	return n, nil
}

// readSome gives buffered bytes first, then reads from the connection.
func (c *Conn) readSome(p []byte) (int, error) {
	if c.r < c.w {
		n := copy(p, (*c.buf)[c.r:c.w])
		c.r += n
		return n, nil
	}
	return c.readMore(p)
}

// readMore waits for more of a body on the connection.
func (c *Conn) readMore(p []byte) (int, error) {
	for {
		c.bodyDeadline()
		began := time.Now()
		n, err := c.nc.Read(p)
		c.x.waited += time.Since(began)
		if n > 0 {
			return n, nil
		}
		if c.x.stopped.Load() || !c.interrupted(err) {
			return 0, err
		}
	}
}

func (x *exchange) readChunked(p []byte) (int, error) {
	c := x.c
	n := 0
	for n == 0 {
		if c.r == c.w {
			if err := c.refill(); err != nil {
				return 0, x.bodyFault(err)
			}
		}
		data, used, done, err := x.chunks.Next((*c.buf)[c.r:min(c.w, c.r+len(p))])
		c.r += used
		n = copy(p, data)
		if irr := x.chunks.Irregular(); err != nil || len(irr) > 0 {
			return 0, x.chunkFault(err, irr)
		}
		if done {
			return n, io.EOF
		}
	}
	return n, nil
}

// refill reads into the part of the buffer that the head, still in use, does
// not take.
func (c *Conn) refill() error {
	start := c.headEnd
	if len(*c.buf)-start < 1024 {
		fresh := make([]byte, headBuffer) // the head keeps the old one alive
		c.buf, c.headEnd, start = &fresh, 0, 0
	}
	c.r, c.w = start, start
	n, err := c.readMore((*c.buf)[start:])
	c.w += n
	return err
}

func (x *exchange) chunkFault(err error, irr []httpwire.Irregularity) error {
	var syntax *httpwire.SyntaxError
	if errors.As(err, &syntax) {
		irr = append(irr, syntax.Irregularity)
	}
	for _, i := range irr {
		x.c.irregular(x.id, i)
	}
	if len(irr) == 0 {
		return &BodyFault{Status: 400, Cause: "request body cannot be read: " + err.Error()}
	}
	return &BodyFault{Status: 400, Cause: "request body is irregular: " + irr[0].Name}
}

func (x *exchange) bodyFault(err error) error {
	switch {
	case x.stopped.Load():
		return ErrStopped
	case x.c.stoppedWait(err):
		x.c.broken.Store(true)
		return &BodyFault{Cause: siteStopped, Gone: true}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return x.bodyTimeout()
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	x.c.broken.Store(true)
	return &BodyFault{Cause: "read request body: " + err.Error(), Gone: true}
}

// bodyTimeout records that the client was silent for too long, or too slow in all.
func (x *exchange) bodyTimeout() error {
	l := &x.c.srv.Limits
	cause := "the request body did not arrive within " + l.BodyTimeout.String()
	phase := "request-body"
	if x.hurried {
		phase = "request-body-rate"
		cause = "the request body came slower than " + strconv.FormatInt(l.BodyRate, 10) + " bytes a second, " + l.BodyTimeout.String() + " behind that rate"
	}
	x.c.srv.timedOut(x.c.log, x.id, phase, l.BodyTimeout)
	return &BodyFault{Status: 408, Cause: cause}
}

// BodyFault is a request body that cannot be carried on, by the client's fault.
type BodyFault struct {
	Status int    // to answer with, if the client is still there
	Cause  string //
	Gone   bool   // the client has left
}

func (e *BodyFault) Error() string { return e.Cause }

// Unwrap makes errors.Is(err, ErrBody) true.
func (e *BodyFault) Unwrap() error { return ErrBody }
