package httpconn

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// Out is a request as it leaves for an origin. The strings may be views of a
// buffer that stays as it is until the response is whole.
type Out struct {
	ID, Parent flow.ExchangeID
	Method     string
	Scheme     string // https or http, by the connection to the origin: servers refuse another
	Host       string // authority; empty: none, or among the field lines
	Target     string // origin form, or *
	Upgrade    string // protocol to change to, empty: none
	Length     int64  // of the body; 0: none; -1: not known before its end
	Declared   bool   // a length of 0 is to be said
	Trailers   bool   // trailers are welcome (RFC 9110, section 10.1.4)
	Left       func() // called by a Send that also awaits the response, when what it was given has left; may be nil
}

// Outgoing is one exchange with an origin, whatever carries it. The caller
// builds the field lines between Start and Head, calls Send, and SendBody and
// SendEnd unless Send had all of the request; ReadHead until the final head,
// ReadBody until io.EOF, and End. One goroutine uses it, except that SendBody,
// SendEnd and AwaitHead may run while ReadHead and ReadBody do.
type Outgoing interface {
	// Log is the record of the connection.
	Log() *flow.Log
	// Start begins the head of a request in b, to which the caller appends the
	// field lines: none of framing, of Host or for this hop only. out must stay
	// as it is until Send.
	Start(b []byte, out *Out) []byte
	// Head ends what Start began and records the request.
	Head(b []byte) []byte
	// Send sends the head in b, with the body if it is whole; else the body
	// follows by SendBody. limit bounds each write, 0 does not.
	Send(b, body []byte, whole bool, limit time.Duration) error
	// SendBody sends the n bytes at buf[BodyRoom:]. The rest of buf is for the
	// framing, which takes up to BodyRoom bytes in front and BodyTail behind.
	SendBody(buf []byte, n int, limit time.Duration) error
	// SendEnd ends the body; trailers are raw lines, mostly none.
	SendEnd(trailers []byte, limit time.Duration) error
	// AwaitHead bounds the wait for the final head, from now on; 0 takes the
	// bound away.
	AwaitHead(limit time.Duration)
	// ReadHead gives the next head of the response, interim ones included. It is
	// valid until the next call of ReadHead or Start. limit is that of AwaitHead;
	// 0 leaves the one that is set.
	ReadHead(limit time.Duration) (*httpwire.Head, error)
	// ReadBody reads the response body, io.EOF with its last bytes or after them.
	// A body that ends too early gives io.ErrUnexpectedEOF. wait bounds each
	// read, 0 does not.
	ReadBody(p []byte, wait time.Duration) (int, error)
	// Length is the length of the response body, -1 if its end will show.
	Length() int64
	// Buffered is the number of bytes of the body that are here already.
	Buffered() int
	// Trailers are the raw trailer lines, after io.EOF.
	Trailers() []byte
	// Answered reports whether anything of the response has come.
	Answered() bool
	// Tunnel gives what follows a 101.
	Tunnel() Tunnel
	// End settles the exchange and reports whether what carried it can carry
	// another.
	End() (reusable bool)
}

// Room for framing around a piece of a body.
const (
	BodyRoom = 16
	BodyTail = 2
)

// Tunnel is one side of a tunnel. One goroutine may read while another writes.
type Tunnel interface {
	io.ReadWriter
	CloseWrite() error
	SetDeadline(t time.Time) error
}

var _ Outgoing = (*Client)(nil)

// Start is that of Outgoing.
func (c *Client) Start(b []byte, out *Out) []byte {
	c.out, c.line = out, len(b)
	b = httpwire.AppendRequestLine(b, out.Method, out.Target)
	c.lines = len(b)
	if out.Host != "" {
		b = httpwire.AppendField(b, "Host", out.Host)
	}
	return b
}

// Head is that of Outgoing.
func (c *Client) Head(b []byte) []byte {
	out := c.out
	if out.Upgrade != "" {
		b = append(b, "Connection: upgrade\r\n"...)
		b = httpwire.AppendField(b, "Upgrade", out.Upgrade)
	}
	switch {
	case out.Length < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case out.Length > 0 || out.Declared:
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, out.Length, 10), crlf...)
	}
	c.chunkOut, c.length = out.Length < 0, out.Length
	if c.question.asker == nil {
		c.begin(out, b)
	} // else it is not known yet whether it is sent at all
	return append(b, crlf...)
}

// Send is that of Outgoing. A body that fits behind the head leaves with it.
func (c *Client) Send(b, body []byte, whole bool, limit time.Duration) error {
	if c.question.asker != nil {
		return c.put(b, body, limit)
	}
	return c.send(b, body, whole, limit)
}

func (c *Client) send(b, body []byte, whole bool, limit time.Duration) error {
	until := time.Time{}
	if limit > 0 {
		until = c.now().Add(limit)
	}
	if len(body) > 0 && len(body) <= cap(b)-len(b) {
		err := c.write(append(b, body...), len(body), until)
		return c.sentWhole(whole, err)
	}
	err := c.write(b, 0, until)
	if err == nil && len(body) > 0 {
		err = c.write(body, len(body), after(limit))
	}
	return c.sentWhole(whole, err)
}

func (c *Client) sentWhole(whole bool, err error) error {
	c.waited = true
	if whole && err == nil {
		c.sentAt(c.now())
	}
	return err
}

// SendBody is that of Outgoing; with chunks each piece is one, and leaves in
// one write.
func (c *Client) SendBody(buf []byte, n int, limit time.Duration) error {
	start, end := BodyRoom, BodyRoom+n
	if c.chunkOut {
		var scratch [BodyRoom]byte
		head := httpwire.AppendChunkHead(scratch[:0], n)
		start -= len(head)
		copy(buf[start:], head)
		end += copy(buf[end:], crlf)
	}
	return c.write(buf[start:end], n, after(limit))
}

// SendEnd is that of Outgoing. A connection on which less was sent than announced
// is not used again: its origin would take what comes next for the rest.
func (c *Client) SendEnd(trailers []byte, limit time.Duration) error {
	if c.length >= 0 && c.sentBody != c.length {
		return fmt.Errorf("send request: %d of %d bytes of its body came", c.sentBody, c.length)
	}
	if c.chunkOut {
		last := append(append(append([]byte(nil), lastChunk...), trailers...), crlf...)
		if err := c.write(last, 0, after(limit)); err != nil {
			return err
		}
	}
	c.sentAt(time.Now()) // not now: who reads may look at it meanwhile
	return nil
}

// AwaitHead is that of Outgoing.
func (c *Client) AwaitHead(limit time.Duration) { c.readDeadline(limit) }

// Tunnel is that of Outgoing.
func (c *Client) Tunnel() Tunnel {
	_ = c.nc.SetDeadline(time.Time{}) // fails only when it is closed already
	return &clientTunnel{Transport: c.nc, ahead: c.Ahead()}
}

// clientTunnel gives what was read behind the head first.
type clientTunnel struct {
	Transport
	ahead []byte
}

func (t *clientTunnel) Read(p []byte) (int, error) {
	if len(t.ahead) > 0 {
		n := copy(p, t.ahead)
		t.ahead = t.ahead[n:]
		return n, nil
	}
	return t.Transport.Read(p)
}
