package httpconn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

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
	c.log.Add(flow.Event{At: c.now(), Exchange: c.id, Kind: flow.ResponseDone, From: flow.Server, Bytes: c.bodyRead})
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

// Buffered is the number of bytes that were read and not given out. The end of a
// chunk, behind which nothing has come, does not count: who waits for more waits
// for the network.
func (c *Client) Buffered() int {
	n := c.w - c.r
	if n > 0 && n <= len(crlf) && c.framing.Kind == httpwire.Chunked && bytes.Contains(crlf, (*c.buf)[c.r:c.w]) {
		return 0
	}
	return n
}

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
	n, err := c.readSome(p, wait)
	if errors.Is(err, io.EOF) && CutShort(c.nc) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// CutShort reports that the peer's end of a TLS connection came without the
// close_notify that protects it: a message that the end of the connection ends
// is then incomplete (RFC 9112 section 9.8). It is asked after io.EOF.
func CutShort(t Transport) bool {
	s, ok := t.(interface{ CutShort() bool })
	return ok && s.CutShort()
}

func (c *Client) readSome(p []byte, wait time.Duration) (int, error) {
	if c.r < c.w {
		n := copy(p, (*c.buf)[c.r:c.w])
		c.r += n
		return n, nil
	}
	c.readDeadline(wait)
	n, err := c.receive(p)
	if n > 0 {
		return n, nil
	}
	return 0, err
}

func (c *Client) readDeadline(wait time.Duration) {
	c.boundRead(after(wait))
}

func (c *Client) boundRead(until time.Time) {
	_ = c.nc.SetReadDeadline(until) // fails only on a closed connection; the read says so
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
		if irr.Name == httpwire.ChunkExtension || irr.Name == httpwire.BlankAfterChunkSize || toleratedResponse(irr.Name) {
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
	n, err := c.receive((*c.buf)[start:])
	c.r, c.w = start, start+n
	if n > 0 {
		return nil
	}
	return err
}

// Trailers are the raw trailer lines of a chunked response, after io.EOF.
func (c *Client) Trailers() []byte { return c.chunks.Trailers() }
