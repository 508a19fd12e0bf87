package httpconn

import (
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

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
	waited    time.Duration // for the body, in all
	hurried   bool          // the wait under way is bounded by BodyRate
	chunks    httpwire.ChunkReader
	expecting atomic.Bool // 100-continue was asked for and not sent
	stopped   atomic.Bool // StopBody was called
	reading   atomic.Bool // ReadBody was called

	reply
	chunked bool
	tunnel  *tunnel
}

func (x *exchange) Request() *Request   { return &x.req }
func (x *exchange) ID() flow.ExchangeID { return x.id }
func (x *exchange) Log() *flow.Log      { return x.c.log }
func (x *exchange) Responded() bool     { return x.responded }
func (x *exchange) Trailers() []byte    { return x.chunks.Trailers() }

func (x *exchange) Multiplexed() bool        { return false }
func (x *exchange) RequireHTTP1(string) bool { return false }

func (x *exchange) CloseAfter(why string) {
	x.c.closeAfter.Store(true)
	x.c.nc.SetWhy(why)
}

func (x *exchange) reset(c *Conn) {
	x.c, x.id, x.req = c, c.srv.Recorder.NextExchange(), Request{}
	x.framing, x.bodyRead, x.bodyErr, x.chunks = httpwire.Framing{}, 0, nil, httpwire.ChunkReader{}
	x.waited, x.hurried = 0, false
	x.bodyDone.Store(false)
	x.expecting.Store(false)
	x.stopped.Store(false)
	x.reading.Store(false)
	x.reply, x.chunked, x.tunnel = reply{}, false, nil
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
	x.req.At = now
	if c.log != nil {
		c.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.Request, From: flow.Client, Text: requestLine(h),
			Header: h.FieldLines(), Attrs: []flow.Attr{{Key: flow.KeyHTTP, Value: minorText(h.Minor)}}})
	}
	if fault := x.irregular(); fault != "" {
		x.refuse(400, "request is irregular: "+fault)
		return false
	}
	x.req.Path, _ = httpwire.CleanPath(h.Bytes(h.Target))
	if x.req.Path == "" && x.req.Method != "CONNECT" {
		x.refuse(400, "request target cannot be used as a path")
		return false
	}
	x.expectBody(now)
	if h.Minor >= 1 && h.HasToken("Connection", "upgrade") { // HTTP/1.0: RFC 9110 section 7.8
		x.req.Upgrade = text(h.Get("Upgrade"))
	}
	if !h.KeepAlive() {
		c.closeAfter.Store(true)
	}
	return true
}

// irregular records what is irregular and gives the first of it, empty if
// the request can be carried.
func (x *exchange) irregular() (first string) {
	for _, irr := range x.c.head.Irregular {
		if tolerated(irr.Name) {
			continue
		}
		if first == "" {
			first = irr.Name
		}
		x.c.irregular(x.id, irr)
	}
	return first
}

func (x *exchange) expectBody(now time.Time) {
	c, h := x.c, &x.c.head
	x.framing = h.RequestFraming()
	switch x.framing.Kind {
	case httpwire.NoBody:
		x.bodyEnds(now)
		return
	case httpwire.ContentLength:
		x.req.Length = x.framing.Length
	default:
		x.req.Length = -1
	}
	// A client whose body is on its way already waits for nothing (RFC 9110
	// section 10.1.1).
	x.expecting.Store(h.Minor >= 1 && c.r == c.w && h.HasToken("Expect", "100-continue"))
}

func minorText(minor int) string {
	if minor == 0 {
		return "1.0"
	}
	return "1.1"
}

func (x *exchange) done(outcome string) { x.doneAt(time.Now(), outcome) }

func (x *exchange) doneAt(now time.Time, outcome string) {
	x.finished = true
	x.c.log.Add(flow.Event{At: now, Exchange: x.id, Kind: flow.ExchangeDone, Text: outcome})
}

// end settles the exchange after its handler returned.
func (x *exchange) end() {
	c := x.c
	switch {
	case x.tunnel != nil:
		x.tunnel.over()
	case !x.finished && x.responded:
		x.Truncate("handler ended before its response")
	case !x.finished:
		x.Truncate("no response")
	}
	c.log.Flush()
	if !c.broken.Load() && !x.bodyDone.Load() {
		x.drain()
		c.log.Flush()
	}
}

// abandon ends the connection under a handler that panicked.
func (x *exchange) abandon() {
	c := x.c
	c.broken.Store(true)
	if !x.finished {
		x.done(x.partialOutcome())
	}
	_ = c.nc.Abort() // the connection is over either way
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
	for x.bodyRead < drainBytes && !c.closing() {
		if _, err := x.ReadBody(*buf); err != nil {
			if !x.bodyDone.Load() {
				c.closeAfter.Store(true)
			}
			return
		}
	}
	c.closeAfter.Store(true)
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
