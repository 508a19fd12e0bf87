package httpconn

import (
	"errors"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// exchange is the one exchange a Conn carries at a time.
type exchange struct {
	c   *Conn
	id  flow.ExchangeID
	req Request

	framing   httpwire.Framing
	bodyRead  int64 // payload bytes given out
	bodyDone  atomic.Bool
	bodyErr   error
	chunks    httpwire.ChunkReader
	expecting atomic.Bool // 100-continue was asked for and not sent
	stopped   atomic.Bool // StopBody was called

	responded bool
	finished  bool
	noBody    bool // the response has no body by HEAD, 204 or 304
	chunked   bool
	length    int64 // declared
	sent      int64
	tunnelled bool
}

func (x *exchange) Request() *Request   { return &x.req }
func (x *exchange) ID() flow.ExchangeID { return x.id }
func (x *exchange) Log() *flow.Log      { return x.c.log }
func (x *exchange) Responded() bool     { return x.responded }
func (x *exchange) Trailers() []byte    { return x.chunks.Trailers() }

func (x *exchange) CloseAfter(why string) {
	x.c.closeAfter.Store(true)
	x.c.nc.SetWhy(why)
}

func (x *exchange) reset(c *Conn) {
	x.c, x.id = c, c.srv.Recorder.NextExchange()
	x.framing, x.bodyRead, x.bodyErr, x.chunks = httpwire.Framing{}, 0, nil, httpwire.ChunkReader{}
	x.bodyDone.Store(false)
	x.expecting.Store(false)
	x.stopped.Store(false)
	x.responded, x.finished, x.tunnelled = false, false, false
	x.noBody, x.chunked, x.length, x.sent = false, false, 0, 0
}

// tolerated are irregularities of a request that cannot be read in two ways.
func tolerated(name string) bool {
	return name == httpwire.NonASCIITarget
}

// begin sets up the exchange for the head that was read, or refuses it.
func (x *exchange) begin() bool {
	c := x.c
	h := &c.head
	x.reset(c)
	x.req = Request{Head: h, Method: methodText(h.Bytes(h.Method)), Target: text(h.Bytes(h.Target)), Host: text(h.Authority())}
	now := time.Now()
	if c.log != nil {
		// The request line is text behind text in the buffer, whatever blanks
		// a client put between.
		line := h.Buf[h.Method.Start:h.Target.End]
		c.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.Request, From: flow.Client, Text: text(line),
			Header: h.FieldLines(), Attrs: []flow.Attr{{Key: flow.KeyHTTP, Value: minorText(h.Minor)}}})
	}
	for _, irr := range h.Irregular {
		if !tolerated(irr.Name) {
			c.irregular(x.id, irr)
			return x.refuse(400, "request is irregular: "+irr.Name)
		}
	}
	return x.beginBody(now)
}

func (x *exchange) beginBody(now time.Time) bool {
	c, h := x.c, &x.c.head
	x.req.Path, _ = httpwire.CleanPath(h.Bytes(h.Target))
	if x.req.Path == "" && x.req.Method != "CONNECT" {
		return x.refuse(400, "request target cannot be used as a path")
	}
	x.framing = h.RequestFraming()
	switch x.framing.Kind {
	case httpwire.NoBody:
		x.req.Length = 0
	case httpwire.ContentLength:
		x.req.Length = x.framing.Length
	default:
		x.req.Length = -1
	}
	if x.req.Length == 0 {
		x.bodyEnds(now)
	}
	if h.HasToken("Connection", "upgrade") {
		x.req.Upgrade = text(h.Get("Upgrade"))
	}
	x.expecting.Store(h.Minor >= 1 && !x.bodyDone.Load() && h.HasToken("Expect", "100-continue"))
	if !h.KeepAlive() {
		c.closeAfter.Store(true)
	}
	return true
}

func minorText(minor int) string {
	if minor == 0 {
		return "1.0"
	}
	return "1.1"
}

// refuse answers a request that may not be carried; the connection ends.
func (x *exchange) refuse(status int, cause string) bool {
	incident := x.c.srv.Refuse(x.c.log, x.id, status, cause)
	x.c.writeRefusal(x.id, status, incident)
	x.c.lingeringClose()
	return false
}

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
	if x.bodyDone.Load() {
		return 0, io.EOF
	}
	if err := x.sendContinue(); err != nil {
		return 0, err
	}
	n, err := x.readBody(p)
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
	x.c.closeAfter.Store(true)
	x.stopped.Store(true)
	_ = x.c.nc.SetReadDeadline(time.Unix(1, 0)) // fails only when it is closed already
}

// bodyDeadline bounds a read of the body; a stop that came before stays.
func (c *Conn) bodyDeadline() {
	c.setReadDeadline(c.srv.Limits.BodyTimeout)
	if c.x.stopped.Load() {
		_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // fails only when it is closed already
	}
}

func (x *exchange) sendContinue() error {
	if !x.expecting.CompareAndSwap(true, false) {
		return nil
	}
	return x.Interim(100, nil)
}

// readBody gives io.EOF together with the last bytes.
func (x *exchange) readBody(p []byte) (int, error) {
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
	c.bodyDeadline()
	n, err := c.nc.Read(p)
	if n > 0 {
		return n, nil
	}
	return 0, err
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
	c.bodyDeadline()
	n, err := c.nc.Read((*c.buf)[start:])
	c.w += n
	if n > 0 {
		return nil
	}
	return err
}

func (x *exchange) chunkFault(err error, irr []httpwire.Irregularity) error {
	name := ""
	for _, i := range irr {
		x.c.irregular(x.id, i)
		name = i.Name
	}
	if name == "" && err != nil {
		name = err.Error()
	}
	return &BodyFault{Status: 400, Cause: "request body is irregular: " + name}
}

func (x *exchange) bodyFault(err error) error {
	switch {
	case x.stopped.Load():
		return ErrStopped
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.c.log.Add(timeoutEvent(x.id, "request-body", x.c.srv.Limits.BodyTimeout))
		return &BodyFault{Status: 408, Cause: "the request body did not arrive within " + x.c.srv.Limits.BodyTimeout.String()}
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	x.c.broken.Store(true)
	return &BodyFault{Cause: "read request body: " + err.Error(), Gone: true}
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

func (x *exchange) Interim(status int, fields []byte) error {
	c := x.c
	c.answer.Lock()
	defer c.answer.Unlock()
	if c.head.Minor == 0 || x.responded {
		return nil // HTTP/1.0 has no interim responses (RFC 9110 section 15.2)
	}
	c.log.Add(flow.Event{At: time.Now(), Exchange: x.id, Kind: flow.Interim, From: flow.Server, Status: status, Header: fields})
	return errors.Join(
		c.append(httpwire.AppendStatusLine(nil, status, httpwire.StatusText(status))),
		c.append(fields), c.append(crlf), c.flush())
}

var crlf = []byte("\r\n")

func (x *exchange) Respond(status int, reason string, fields []byte, length int64) error {
	c := x.c
	c.answer.Lock()
	defer c.answer.Unlock()
	if x.responded {
		return errors.New("respond: the response has begun already")
	}
	x.responded = true
	x.noBody = x.req.Method == "HEAD" || status == 204 || status == 304
	x.length = length
	x.chunked = length < 0 && !x.noBody && c.head.Minor >= 1
	if length < 0 && !x.noBody && !x.chunked {
		c.closeAfter.Store(true) // HTTP/1.0: the end of the connection ends the body
	}
	if !x.bodyDone.Load() && x.expecting.Load() {
		c.closeAfter.Store(true) // a body may or may not follow
	}
	c.log.Add(flow.Event{At: time.Now(), Exchange: x.id, Kind: flow.Response, From: flow.Server, Status: status, Text: reason, Header: fields})
	var scratch [256]byte
	b := httpwire.AppendStatusLine(scratch[:0], status, reason)
	if err := c.append(b); err != nil {
		return err
	}
	if err := c.append(fields); err != nil {
		return err
	}
	return c.append(x.framingFields(scratch[:0], status))
}

func (x *exchange) framingFields(b []byte, status int) []byte {
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
	return append(b, crlf...)
}

func (x *exchange) Write(p []byte) (int, error) {
	if x.noBody || len(p) == 0 {
		return len(p), nil
	}
	c := x.c
	x.sent += int64(len(p))
	if !x.chunked {
		return len(p), c.append(p)
	}
	var scratch [24]byte
	if err := c.append(httpwire.AppendChunkHead(scratch[:0], len(p))); err != nil {
		return 0, err
	}
	if err := c.append(p); err != nil {
		return 0, err
	}
	return len(p), c.append(crlf)
}

// Flush sends what was written so far; for bodies that arrive slowly.
func (x *exchange) Flush() error { return x.c.flush() }

func (x *exchange) Finish(trailers []byte) error {
	if x.finished {
		return nil
	}
	x.finished = true
	if !x.noBody && x.length >= 0 && x.sent != x.length {
		x.Truncate("response body ended after " + strconv.FormatInt(x.sent, 10) + " of " + strconv.FormatInt(x.length, 10) + " bytes")
		return io.ErrUnexpectedEOF
	}
	c := x.c
	var err error
	if x.chunked {
		err = c.append(append(append([]byte("0\r\n"), trailers...), crlf...))
	}
	if err == nil {
		err = c.flush()
	}
	now := time.Now()
	outcome := flow.Complete
	if err != nil {
		outcome = flow.Truncated
	} else {
		c.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.ResponseDone, From: flow.Server, Bytes: x.sent})
	}
	c.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.ExchangeDone, Text: outcome})
	return err
}

func (x *exchange) Truncate(why string) {
	x.finished = true
	c := x.c
	if c.broken.Load() {
		c.log.Add(flow.Event{At: time.Now(), Exchange: x.id, Kind: flow.ExchangeDone, Text: x.truncatedOutcome()})
		return
	}
	_ = c.flush() // what there is may help the client; the end comes either way
	c.nc.SetWhy(why)
	c.broken.Store(true)
	c.log.Add(flow.Event{At: time.Now(), Exchange: x.id, Kind: flow.ExchangeDone, Text: x.truncatedOutcome()})
	_ = c.nc.Abort()
}

func (x *exchange) truncatedOutcome() string {
	if x.responded {
		return flow.Truncated
	}
	return flow.NoResponse
}

func (x *exchange) Tunnel(status int, fields []byte, protocol string) (io.ReadWriteCloser, error) {
	c := x.c
	x.responded, x.finished, x.tunnelled = true, true, true
	c.closeAfter.Store(true)
	now := time.Now()
	reason := httpwire.StatusText(status)
	c.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.Response, From: flow.Server, Status: status, Text: reason, Header: fields})
	c.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.Tunnel, Text: protocol})
	b := append(append(httpwire.AppendStatusLine(nil, status, reason), fields...), crlf...)
	if err := errors.Join(c.append(b), c.flush()); err != nil {
		return nil, err
	}
	c.log.Flush() // a tunnel may last for days
	_ = c.nc.SetDeadline(time.Time{})
	return &tunnel{c}, nil
}

// tunnel is the client's side of a tunnel: what was read ahead, then the
// connection.
type tunnel struct{ c *Conn }

func (t *tunnel) Read(p []byte) (int, error) {
	if c := t.c; c.r < c.w {
		n := copy(p, (*c.buf)[c.r:c.w])
		c.r += n
		return n, nil
	}
	return t.c.nc.Read(p)
}

func (t *tunnel) Write(p []byte) (int, error) { return t.c.nc.Write(p) }
func (t *tunnel) CloseWrite() error           { return t.c.nc.CloseWrite() }
func (t *tunnel) Close() error                { t.c.broken.Store(true); return t.c.nc.Close() }

// end settles the exchange after its handler returned.
func (x *exchange) end() {
	c := x.c
	switch {
	case x.tunnelled:
		c.log.Add(flow.Event{At: time.Now(), Exchange: x.id, Kind: flow.ExchangeDone, Text: flow.Complete})
		c.broken.Store(true)
	case !x.finished && x.responded:
		x.Truncate("handler ended before its response")
	case !x.finished:
		x.Truncate("no response")
	}
	if !c.broken.Load() && !x.bodyDone.Load() {
		x.drain()
	}
	c.log.Flush()
}

// drainBytes bounds how much of an unread request body is read away to keep
// the connection; above it, closing is cheaper.
const drainBytes = 64 << 10

func (x *exchange) drain() {
	c := x.c
	if x.bodyErr != nil || x.expecting.Load() || c.closeAfter.Load() || x.req.Length > drainBytes {
		c.closeAfter.Store(true)
		return
	}
	buf := c.srv.Buffers.body.get()
	defer c.srv.Buffers.body.put(buf)
	for x.bodyRead < drainBytes {
		if _, err := x.ReadBody(*buf); err != nil {
			if !x.bodyDone.Load() {
				c.closeAfter.Store(true)
			}
			return
		}
	}
	c.closeAfter.Store(true)
}
