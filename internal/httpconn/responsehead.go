package httpconn

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// ErrBadResponse is wrapped by errors about a response that breaks the rules.
var ErrBadResponse = errors.New("bad response")

// respLimits bound the head of a response.
var respLimits = httpwire.Limits{HeadBytes: 256 << 10, Fields: 1000}

// ReadHead reads the head of the next response to the exchange, interim ones
// included; the caller asks again after an interim one. The head is valid until
// the next call of ReadHead or Begin. limit 0 leaves the deadline as it is: one
// who still sends the request may set it meanwhile.
func (c *Client) ReadHead(limit time.Duration) (*httpwire.Head, error) {
	if limit > 0 && !c.question.bounded {
		c.readDeadline(limit)
	}
	for {
		if c.r < c.w {
			n, err := c.head.ParseResponse((*c.buf)[c.r:c.w], c.limits)
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
	if q := &c.question; q.failed != nil {
		err := q.failed
		q.failed = nil
		return err
	}
	return c.read()
}

// receive is Read of the transport.
func (c *Client) receive(p []byte) (int, error) {
	n, err := c.nc.Read(p)
	c.waited = true
	return n, err
}

// read reads behind what is there.
func (c *Client) read() error {
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
	n, err := c.receive((*c.buf)[c.w:])
	c.w += n
	if n > 0 {
		c.gotByte = true
		return nil
	}
	return err
}

// headTooLarge is the irregularity of a response head beyond our limits.
const headTooLarge = "head-too-large"

// toleratedResponse are irregularities of a response that cannot be read in
// two ways.
func toleratedResponse(name string) bool {
	switch name {
	case httpwire.ReasonSpaceMissing, httpwire.LengthsRepeated, httpwire.FramingLookalike:
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
	c.log.Add(flow.Event{At: c.now(), Exchange: c.id, Kind: kind, From: flow.Server, Status: h.Status,
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
	switch {
	case errors.As(err, &syntax):
		c.irregular(syntax.Irregularity)
	case errors.Is(err, httpwire.ErrHeadTooLarge), errors.Is(err, httpwire.ErrTooManyFields):
		c.log.Add(flow.Event{At: time.Now(), Exchange: c.id, Kind: flow.Irregular, From: flow.Server, Text: headTooLarge})
	}
	return fmt.Errorf("%w: %w", ErrBadResponse, err)
}

func (c *Client) irregular(irr httpwire.Irregularity) {
	c.log.Add(flow.Event{At: time.Now(), Exchange: c.id, Kind: flow.Irregular, From: flow.Server, Text: irr.Name,
		Attrs: flow.Attrs(flow.KeyOffset, strconv.Itoa(irr.Offset))})
}
