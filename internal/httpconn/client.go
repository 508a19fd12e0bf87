package httpconn

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// Client is one connection to an origin, carrying one exchange at a time. It
// is used by one goroutine, except that Write may run while ReadHead and
// ReadBody do.
type Client struct {
	nc      Transport
	log     *flow.Log
	buffers *Buffers

	buf     *[]byte // read buffer; nil while idle
	r, w    int
	head    httpwire.Head
	headEnd int // where the head in use ends in buf
	served  int

	id       flow.ExchangeID
	method   string
	sentBody int64
	framing  httpwire.Framing
	bodyRead int64
	bodyDone bool
	chunks   httpwire.ChunkReader
	keep     bool // the connection may carry another exchange
	gotByte  bool // a byte of the response came
	headDone bool
	interims int
	ended    bool
	sent     atomic.Bool // the whole request left
}

// NewClient makes the client machine of a connection.
func NewClient(nc Transport, log *flow.Log, buffers *Buffers) *Client {
	return &Client{nc: nc, log: log, buffers: buffers, ended: true}
}

// Log is the record of the connection.
func (c *Client) Log() *flow.Log { return c.log }

// Transport is what carries the connection.
func (c *Client) Transport() Transport { return c.nc }

// Served is the number of exchanges begun on this connection.
func (c *Client) Served() int { return c.served }

// Begin records the request that is about to be sent. head is the whole
// request head, fields the lines of it.
func (c *Client) Begin(id, parent flow.ExchangeID, method, target string, fields []byte, idle time.Duration) {
	c.id, c.method = id, method
	c.sentBody, c.bodyRead, c.bodyDone = 0, 0, false
	c.keep, c.gotByte, c.headDone, c.ended, c.interims = false, false, false, false, 0
	c.framing, c.chunks = httpwire.Framing{}, httpwire.ChunkReader{}
	c.sent.Store(false)
	c.served++
	c.readDeadline(0) // of the exchange before
	if c.log == nil {
		return
	}
	attrs := []flow.Attr{{Key: flow.KeyHTTP, Value: "1.1"}, {Key: flow.KeyReused, Value: "no"}}
	if c.served > 1 {
		attrs[1].Value = "yes"
		attrs = append(attrs, flow.Attr{Key: flow.KeyIdle, Value: milliseconds(idle)})
	}
	c.log.Add(flow.Event{At: time.Now(), Exchange: id, Parent: parent, Kind: flow.Request, From: flow.Client,
		Text: method + " " + target, Header: fields, Attrs: attrs})
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 3, 64)
}

// Write sends bytes of the request; body is how many of them are body. limit 0
// is none.
func (c *Client) Write(p []byte, body int, limit time.Duration) error {
	_ = c.nc.SetWriteDeadline(after(limit)) // fails only on a closed connection; the write says so
	_, err := c.nc.Write(p)
	c.sentBody += int64(body)
	return err
}

// Sent records that all of the request was written. Without it the connection
// is not used again.
func (c *Client) Sent() {
	c.sent.Store(true)
	c.log.Add(flow.Event{At: time.Now(), Exchange: c.id, Kind: flow.RequestDone, From: flow.Client, Bytes: c.sentBody})
}

// Answered reports whether a byte of the response has come.
func (c *Client) Answered() bool { return c.gotByte }

// ErrBadResponse is wrapped by errors about a response that breaks the rules.
var ErrBadResponse = errors.New("bad response")

// respLimits bound the head of a response.
var respLimits = httpwire.Limits{HeadBytes: 256 << 10, Fields: 1000}

// ReadHead reads the head of the next response to the exchange, interim ones
// included; the caller asks again after an interim one. The head is valid until
// the next call of ReadHead or Begin. limit 0 leaves the deadline as it is: one
// who still sends the request may set it meanwhile.
func (c *Client) ReadHead(limit time.Duration) (*httpwire.Head, error) {
	if limit > 0 {
		c.readDeadline(limit)
	}
	for {
		if c.r < c.w {
			n, err := c.head.ParseResponse((*c.buf)[c.r:c.w], respLimits)
			if err != nil {
				return nil, c.unreadable(err)
			}
			if n > 0 {
				c.r += n
				c.headEnd = c.r
				return &c.head, c.headRead()
			}
		}
		if err := c.fill(); err != nil {
			if errors.Is(err, io.EOF) && c.r < c.w {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// maxInterim bounds the interim responses to one request.
const maxInterim = 100

func (c *Client) fill() error {
	if c.buf == nil {
		c.buf, c.r, c.w = c.buffers.body.get(), 0, 0
	}
	if c.r > 0 {
		copy(*c.buf, (*c.buf)[c.r:c.w])
		c.w -= c.r
		c.r = 0
	}
	if c.w == len(*c.buf) {
		bigger := make([]byte, 2*len(*c.buf))
		copy(bigger, *c.buf)
		c.buffers.body.put(c.buf)
		c.buf = &bigger
	}
	n, err := c.nc.Read((*c.buf)[c.w:])
	c.w += n
	if n > 0 {
		c.gotByte = true
		return nil
	}
	return err
}

// toleratedResponse are irregularities of a response that cannot be read in
// two ways.
func toleratedResponse(name string) bool {
	switch name {
	case httpwire.ReasonSpaceMissing, httpwire.LengthsRepeated:
		return true
	}
	return false
}

func (c *Client) headRead() error {
	h := &c.head
	kind := flow.Response
	if h.Status < 200 && h.Status != 101 {
		kind = flow.Interim
	}
	c.log.Add(flow.Event{At: time.Now(), Exchange: c.id, Kind: kind, From: flow.Server, Status: h.Status,
		Text: text(h.Bytes(h.Reason)), Header: h.FieldLines()})
	for _, irr := range h.Irregular {
		if !toleratedResponse(irr.Name) {
			c.irregular(irr)
			return fmt.Errorf("%w: %s", ErrBadResponse, irr.Name)
		}
	}
	if kind == flow.Interim {
		if c.interims++; c.interims > maxInterim {
			return fmt.Errorf("%w: more than %d interim responses", ErrBadResponse, maxInterim)
		}
		return nil
	}
	c.headDone = true
	c.framing = h.ResponseFraming(c.method)
	c.keep = h.KeepAlive() && c.framing.Kind != httpwire.UntilClose && h.Status != 101
	if c.framing.Kind == httpwire.NoBody || c.framing.Kind == httpwire.ContentLength && c.framing.Length == 0 {
		c.bodyEnds()
	}
	return nil
}

// unreadable records what allows no reading of the response.
func (c *Client) unreadable(err error) error {
	var syntax *httpwire.SyntaxError
	if errors.As(err, &syntax) {
		c.irregular(syntax.Irregularity)
	}
	return fmt.Errorf("%w: %w", ErrBadResponse, err)
}

func (c *Client) irregular(irr httpwire.Irregularity) {
	c.log.Add(flow.Event{At: time.Now(), Exchange: c.id, Kind: flow.Irregular, From: flow.Server, Text: irr.Name,
		Attrs: flow.Attrs(flow.KeyOffset, strconv.Itoa(irr.Offset))})
}

// Length is the length of the response body, -1 if its end will show.
func (c *Client) Length() int64 {
	switch c.framing.Kind {
	case httpwire.NoBody:
		return 0
	case httpwire.ContentLength:
		return c.framing.Length
	}
	return -1
}

func (c *Client) bodyEnds() {
	c.bodyDone = true
	c.log.Add(flow.Event{At: time.Now(), Exchange: c.id, Kind: flow.ResponseDone, From: flow.Server, Bytes: c.bodyRead})
}

// ReadBody reads the response body into p, io.EOF with its last bytes. A connection
// that ends too early gives io.ErrUnexpectedEOF. wait bounds each read, 0 does
// not.
func (c *Client) ReadBody(p []byte, wait time.Duration) (int, error) {
	if c.bodyDone {
		return 0, io.EOF
	}
	if !c.headDone {
		return 0, errors.New("read response body: its head was not read")
	}
	n, err := c.readBody(p, wait)
	c.bodyRead += int64(n)
	if errors.Is(err, io.EOF) {
		c.bodyEnds()
	}
	return n, err
}

// Buffered is the number of bytes that were read and not given out.
func (c *Client) Buffered() int { return c.w - c.r }

func (c *Client) readBody(p []byte, wait time.Duration) (int, error) {
	switch c.framing.Kind {
	case httpwire.Chunked:
		return c.readChunked(p, wait)
	case httpwire.ContentLength:
		left := c.framing.Length - c.bodyRead
		if int64(len(p)) > left {
			p = p[:left]
		}
		n, err := c.readSome(p, wait)
		if errors.Is(err, io.EOF) {
			return 0, io.ErrUnexpectedEOF
		}
		if err == nil && int64(n) == left {
			err = io.EOF
		}
		return n, err
	}
	return c.readSome(p, wait) // until close: the end is io.EOF
}

func (c *Client) readSome(p []byte, wait time.Duration) (int, error) {
	if c.r < c.w {
		n := copy(p, (*c.buf)[c.r:c.w])
		c.r += n
		return n, nil
	}
	c.readDeadline(wait)
	n, err := c.nc.Read(p)
	if n > 0 {
		return n, nil
	}
	return 0, err
}

func (c *Client) readDeadline(wait time.Duration) {
	_ = c.nc.SetReadDeadline(after(wait)) // fails only on a closed connection; the read says so
}

func (c *Client) readChunked(p []byte, wait time.Duration) (int, error) {
	for {
		if c.r == c.w {
			if err := c.refill(wait); err != nil {
				if errors.Is(err, io.EOF) {
					err = io.ErrUnexpectedEOF
				}
				return 0, err
			}
		}
		data, used, done, err := c.chunks.Next((*c.buf)[c.r:min(c.w, c.r+len(p))])
		c.r += used
		n := copy(p, data)
		if err = c.chunkFault(err); err != nil {
			return 0, err
		}
		if done {
			return n, io.EOF
		}
		if n > 0 {
			return n, nil
		}
	}
}

// chunkFault tells whether a chunked response may be read on. A recipient must
// ignore chunk extensions (RFC 9112 section 7.1.1), and old servers pad sizes
// with blanks.
func (c *Client) chunkFault(err error) error {
	for _, irr := range c.chunks.Irregular() {
		if irr.Name == httpwire.ChunkExtension || irr.Name == httpwire.BlankAfterChunkSize {
			continue
		}
		c.irregular(irr)
		return fmt.Errorf("%w: %s", ErrBadResponse, irr.Name)
	}
	if err != nil {
		return c.unreadable(err)
	}
	return nil
}

// refill reads behind the head, which stays valid; a head that fills the
// buffer is left to the collector.
func (c *Client) refill(wait time.Duration) error {
	start := c.headEnd
	if len(*c.buf)-start < 4096 {
		fresh := make([]byte, bodyBuffer)
		c.buf, c.headEnd, start = &fresh, 0, 0
	}
	c.readDeadline(wait)
	n, err := c.nc.Read((*c.buf)[start:])
	c.r, c.w = start, start+n
	if n > 0 {
		return nil
	}
	return err
}

// Trailers are the raw trailer lines of a chunked response, after io.EOF.
func (c *Client) Trailers() []byte { return c.chunks.Trailers() }

// End settles the exchange and reports whether the connection can carry
// another: its response was read to the end and nothing else came.
func (c *Client) End() (reusable bool) {
	if !c.ended {
		c.ended = true
		c.log.Add(flow.Event{At: time.Now(), Exchange: c.id, Kind: flow.ExchangeDone, Text: c.outcome()})
	}
	c.log.Flush()
	c.keep = c.Reusable() // what was read ahead is forgotten below, not that it was there
	if c.bodyDone {
		c.buffers.body.put(c.buf)
		c.buf, c.r, c.w = nil, 0, 0
		c.head.Reset()
	}
	return c.keep
}

// Reusable reports whether the connection can carry another exchange: the
// request was sent and its response read to the end, and nothing came after.
func (c *Client) Reusable() bool {
	return c.sent.Load() && c.bodyDone && c.keep && c.r == c.w
}

func (c *Client) outcome() string {
	switch {
	case c.bodyDone:
		return flow.Complete
	case c.headDone:
		return flow.Truncated
	}
	return flow.NoResponse
}

// Ahead takes over what was read behind a 101 head.
func (c *Client) Ahead() []byte {
	if c.buf == nil {
		return nil
	}
	ahead := (*c.buf)[c.r:c.w]
	c.r = c.w
	return ahead
}

// IsTimeout reports whether err is a deadline that fired.
func IsTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
