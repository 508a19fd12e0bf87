package httpconn

import (
	"errors"
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

	limits   httpwire.Limits // of a response's head
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

	at     time.Time // the time when it was looked at last
	waited bool      // something may have taken time since
	rested time.Time // when the exchange before this one ended

	out      *Out  // from Start to Head
	line     int   // where its request line begins in what Start was given
	lines    int   // where its field lines begin
	chunkOut bool  // its body leaves in chunks
	length   int64 // of its body, as it was announced; -1: not
	question question
}

// NewClient makes the client machine of a connection.
func NewClient(nc Transport, log *flow.Log, buffers *Buffers) *Client {
	c := &Client{nc: nc, log: log, buffers: buffers, ended: true, limits: respLimits}
	c.question.write = c.writeQuestion
	return c
}

// LimitHead bounds the head of a response, before the first; 0 leaves the
// default, 256 KiB.
func (c *Client) LimitHead(bytes int) {
	if bytes > 0 {
		c.limits.HeadBytes = bytes
	}
}

// Log is the record of the connection.
func (c *Client) Log() *flow.Log { return c.log }

// Transport is what carries the connection.
func (c *Client) Transport() Transport { return c.nc }

// Served is the number of exchanges begun on this connection.
func (c *Client) Served() int { return c.served }

// now is the time, which is looked at once for what comes to pass together: a
// look costs as much as to record an event.
func (c *Client) now() time.Time {
	if c.waited {
		c.at, c.waited = time.Now(), false
	}
	return c.at
}

// begin records the request that is about to be sent, whose head this is but for
// its last line.
func (c *Client) begin(out *Out, head []byte) {
	c.id, c.method, c.waited = out.ID, out.Method, true
	c.sentBody, c.bodyRead, c.bodyDone = 0, 0, false
	c.keep, c.gotByte, c.headDone, c.ended, c.interims = false, false, false, false, 0
	c.framing, c.chunks = httpwire.Framing{}, httpwire.ChunkReader{}
	c.sent.Store(false)
	c.served++
	c.question.bounded, c.question.failed = false, nil
	c.boundRead(time.Time{}) // that of the exchange before
	if c.log == nil {
		return
	}
	var scratch [24]byte
	facts := [...]flow.Attr{{Key: flow.KeyHTTP, Value: "1.1"}, {Key: flow.KeyReused, Value: "no"}, {Key: flow.KeyIdle}}
	attrs := facts[:2]
	if c.served > 1 {
		facts[1].Value, facts[2].Value = "yes", text(appendMilliseconds(scratch[:0], c.now().Sub(c.rested)))
		attrs = facts[:]
	}
	c.log.Add(flow.Event{At: c.now(), Exchange: c.id, Parent: out.Parent, Kind: flow.Request, From: flow.Client,
		Text: text(head[c.line : c.lines-len(httpwire.RequestLineEnd)]), Header: head[c.lines:], Attrs: attrs})
}

func appendMilliseconds(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, float64(d)/float64(time.Millisecond), 'f', 3, 64)
}

// write sends bytes of the request; body is how many of them are body.
func (c *Client) write(p []byte, body int, until time.Time) error {
	_ = c.nc.SetWriteDeadline(until) // fails only on a closed connection; the write says so
	_, err := c.nc.Write(p)
	c.sentBody += int64(body)
	return err
}

// sentAt records that all of the request was written. Without it the connection
// is not used again.
func (c *Client) sentAt(now time.Time) {
	c.sent.Store(true)
	c.log.Add(flow.Event{At: now, Exchange: c.id, Kind: flow.RequestDone, From: flow.Client, Bytes: c.sentBody})
	c.log.Park()
}

// Rested is when the last exchange ended.
func (c *Client) Rested() time.Time { return c.rested }

// Answered reports whether a byte of the response has come.
func (c *Client) Answered() bool { return c.gotByte }

// End settles the exchange and reports whether the connection can carry
// another: its response was read to the end and nothing else came.
func (c *Client) End() (reusable bool) {
	if !c.ended {
		c.ended = true
		c.rested = time.Now()
		c.log.Add(flow.Event{At: c.rested, Exchange: c.id, Kind: flow.ExchangeDone, Text: c.outcome()})
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
