package httpconn

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// What we announce to an origin. A stream's window bounds what a slow client
// makes us keep; that of the connection is given back at once, so that one slow
// client stops no other.
const (
	h2StreamWindow = 256 << 10
	h2ConnWindow   = 1 << 20
	h2TableSize    = 4096
)

// H2Client is one HTTP/2 connection to an origin (RFC 9113) that carries the
// exchanges of many clients. Its methods may be called concurrently. One
// goroutine of its own reads; who sends, and finds nobody writing, writes.
type H2Client struct {
	nc      Transport
	log     *flow.Log
	buffers *Buffers
	head    httpwire.Limits // of responses
	ended   chan struct{}   // closed when the reader is done

	frames httpwire.FrameReader // the reader's
	block  h2FieldBlock         // the reader's

	mu       sync.Mutex
	out      h2Out
	streams  map[uint32]*H2Stream
	reserved int    // streams given out that have no number yet
	next     uint32 // number of the next stream
	served   int
	peer     h2Peer
	room     httpwire.SendWindow
	window   httpwire.ReceiveWindow
	pending  h2Pending
	idle     time.Time // since when no stream is open
	last     uint32    // stream that the origin may still answer
	leaving  bool      // GOAWAY came, or we take no more streams
	goAway   *StreamEnd
	trailed  bool  // a request ended with trailers
	cancels  bool  // a stream was cancelled by us
	failed   error // the connection is over
	useless  int   // frames without effect in a row
	waiting  int   // streams that wait to send
	timer    *time.Timer
	watched  bool // timer runs
	closing  sync.Once
}

// h2Peer is what the origin allows (RFC 9113, section 6.5.2).
type h2Peer struct {
	streams  uint32
	window   uint32
	frame    int
	extended bool // CONNECT with :protocol (RFC 8441)
	known    bool // its SETTINGS have come
}

const (
	// firstStreams is how many streams are opened before the origin said how
	// many it takes; RFC 9113 recommends no fewer.
	firstStreams = 100
	lastNumber   = 1<<31 - 1
)

// H2ClientLimits protect the client side of HTTP/2.
type H2ClientLimits struct {
	Write     time.Duration // of each write; 0: none
	HeadBytes int           // of a response; 0: 256 KiB
}

// NewH2Client sends the connection preface and reads from then on. The
// connection is closed by Close only, or when it fails.
func NewH2Client(nc Transport, log *flow.Log, buffers *Buffers, limits H2ClientLimits) *H2Client {
	c := &H2Client{nc: nc, log: log, buffers: buffers, head: respLimits, ended: make(chan struct{}), streams: map[uint32]*H2Stream{}, next: 1, last: lastNumber,
		peer: h2Peer{streams: firstStreams, window: httpwire.DefaultWindow, frame: httpwire.DefaultMaxFrame},
		room: httpwire.NewSendWindow(httpwire.DefaultWindow), window: httpwire.NewReceiveWindow(h2ConnWindow), idle: time.Now()}
	c.head.HeadBytes = cmp.Or(limits.HeadBytes, c.head.HeadBytes)
	c.block.decoder = httpwire.NewHPACKDecoder(h2TableSize)
	c.out = h2Out{nc: nc, log: log, pool: &buffers.out, limit: limits.Write, wrote: c.wrote}
	c.out.settled.L = &c.mu
	out := c.out.pending()
	*out = append(*out, httpwire.H2ClientPreface...)
	*out = httpwire.AppendSettings(*out,
		httpwire.H2Setting{ID: httpwire.SettingPush, Value: 0},
		httpwire.H2Setting{ID: httpwire.SettingInitialWindow, Value: h2StreamWindow},
		httpwire.H2Setting{ID: httpwire.SettingMaxHeaderList, Value: uint32(c.head.HeadBytes)})
	*out = httpwire.AppendWindow(*out, 0, h2ConnWindow-httpwire.DefaultWindow)
	c.pending.settings = time.Now()
	c.heard(time.Now())
	go c.read()
	return c
}

// Stream gives a stream for one exchange; nil if the connection takes no more
// now. The first is given of a connection that has ended already, too: its Send
// says why it ended.
func (c *H2Client) Stream() *H2Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.usable() && c.served > 0 || uint32(len(c.streams)+c.reserved) >= c.peer.streams {
		return nil
	}
	c.reserved++
	c.served++
	return &H2Stream{c: c, placed: true, reused: c.served > 1, in: make(chan struct{}, 1), outs: make(chan struct{}, 1)}
}

// usable reports whether the connection will take streams; their numbers are not
// used twice (RFC 9113, section 5.1.1). mu is held.
func (c *H2Client) usable() bool {
	return c.failed == nil && !c.leaving && c.next+2*uint32(c.reserved) <= lastNumber
}

// Usable reports whether the connection will take streams, if not now. One whose
// origin allows none at all is not waited for.
func (c *H2Client) Usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.usable() && c.peer.streams > 0
}

// Open is the number of streams that are open.
func (c *H2Client) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams) + c.reserved
}

// Idle is how long no stream has been open at a time, 0 if one is.
func (c *H2Client) Idle(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.streams)+c.reserved > 0 {
		return 0
	}
	return now.Sub(c.idle)
}

// Extended reports whether the origin takes other protocols inside a stream
// (RFC 8441); known is false as long as its SETTINGS have not come.
func (c *H2Client) Extended() (allowed, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peer.extended, c.peer.known
}

// Log is the record of the connection.
func (c *H2Client) Log() *flow.Log { return c.log }

// Ended is closed when the connection is over.
func (c *H2Client) Ended() <-chan struct{} { return c.ended }

// Retire lets the connection take no more streams; it is closed when the last
// of them has ended, with why as the reason.
func (c *H2Client) Retire(why string) {
	c.mu.Lock()
	c.leaving = true
	over := len(c.streams)+c.reserved == 0
	c.mu.Unlock()
	if over {
		c.Close(why)
	}
}

// Close ends the connection with what is open on it. The reason is recorded.
func (c *H2Client) Close(why string) {
	c.closing.Do(func() {
		c.nc.SetWhy(why)
		c.mu.Lock()
		if c.failed == nil && c.out.dead == nil {
			out := c.out.pending()
			*out = httpwire.AppendGoAway(*out, 0, httpwire.CodeNone, "")
			c.record(flow.Event{Kind: flow.GoAway, From: flow.Client, Text: httpwire.H2ErrorName(httpwire.CodeNone), Attrs: flow.Attrs(flow.KeyStream, "0")})
			c.flush()
		}
		c.fail(errClosed)
		c.mu.Unlock()
		_ = c.nc.Close() // the connection is over either way
	})
}

var errClosed = errors.New("the connection was closed here")

// fail ends the connection for everybody. mu is held.
func (c *H2Client) fail(err error) {
	if c.failed != nil {
		return
	}
	c.failed = err
	c.unconfirmed()
	for _, s := range c.streams {
		s.fail(err)
	}
}

// broken ends a connection on which the origin broke the rules. mu is held.
func (c *H2Client) broken(code uint32, name string, offset int64) {
	if c.failed != nil {
		return
	}
	c.record(flow.Event{Kind: flow.Irregular, From: flow.Server, Text: name, Attrs: flow.Attrs(flow.KeyOffset, fmt.Sprint(offset))})
	out := c.out.pending()
	*out = httpwire.AppendGoAway(*out, 0, code, name)
	c.record(flow.Event{Kind: flow.GoAway, From: flow.Client, Text: httpwire.H2ErrorName(code), Attrs: flow.Attrs(flow.KeyStream, "0", flow.KeyReason, name)})
	c.flush()
	c.fail(&H2Breach{name})
}

// H2Breach is how an origin broke the rules of HTTP/2 for a whole connection.
type H2Breach struct{ Name string }

func (e *H2Breach) Error() string { return ErrBadResponse.Error() + ": " + e.Name }

// Unwrap makes errors.Is(err, ErrBadResponse) true.
func (e *H2Breach) Unwrap() error { return ErrBadResponse }

// record adds an event of now.
func (c *H2Client) record(e flow.Event) {
	if c.log == nil {
		return
	}
	e.At = time.Now()
	c.log.Add(e)
}

// StreamEnd is why an HTTP/2 stream ended before its response was whole, by the
// will of the origin.
type StreamEnd struct {
	Code        uint32
	Connection  bool   // all of the connection ended, by GOAWAY
	Words       string // of a GOAWAY
	Unprocessed bool   // the origin has not acted on the request (RFC 9113, section 8.7)
}

func (e *StreamEnd) Error() string {
	what := "the origin reset the stream: "
	if e.Connection {
		what = "the origin ended its HTTP/2 connection: "
	}
	what += httpwire.H2ErrorName(e.Code)
	if e.Words != "" {
		what += " (" + e.Words + ")"
	}
	return what
}

// DislikesTrailers reports that the origin called it a breach of HTTP/2 by us,
// and ended the connection, on which a request had ended with trailers. nginx
// 1.22 takes those (RFC 9113, section 8.1) for a second head.
func (s *H2Stream) DislikesTrailers() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.c.trailed && s.c.goAway != nil && s.c.goAway.Code == httpwire.CodeProtocol
}

// DislikesCancels reports that the origin ended the connection by an error of its
// own, and that a stream had been cancelled on it.
func (s *H2Stream) DislikesCancels() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.c.cancels && s.c.goAway != nil && s.c.goAway.Internal()
}

// Internal reports that all of the connection ended for an error that the origin
// calls its own: no stream is to blame. A code that RFC 9113 does not know is
// taken for INTERNAL_ERROR (section 7).
func (e *StreamEnd) Internal() bool {
	return e.Connection && (e.Code == httpwire.CodeInternal || e.Code > httpwire.CodeHTTP11Required)
}

// WantsHTTP1 reports whether the origin wants the request over HTTP/1.1.
func (e *StreamEnd) WantsHTTP1() bool { return e.Code == httpwire.CodeHTTP11Required }

// shut says why no stream may be opened, nil if one may. mu is held.
func (c *H2Client) shut() error {
	switch {
	case c.goAway != nil:
		return fmt.Errorf("%w: %w", ErrNotSent, c.goAway)
	case c.failed != nil:
		return fmt.Errorf("%w: %w", ErrNotSent, c.failed)
	case c.out.dead != nil:
		return fmt.Errorf("%w: %w", ErrNotSent, c.out.dead)
	}
	return nil
}

// over is what a stream that has a number is told when the connection ends.
func (c *H2Client) over(err error) error {
	if c.goAway != nil && c.goAway.Code != httpwire.CodeNone {
		return c.goAway
	}
	return err
}
