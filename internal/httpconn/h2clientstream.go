package httpconn

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// H2Stream is one exchange on an HTTP/2 connection to an origin.
type H2Stream struct {
	c        *H2Client
	number   uint32 // 0: not opened yet
	exchange flow.ExchangeID
	out      *Out
	lines    int    // where the field lines begin
	key      string // Sec-WebSocket-Key of an Upgrade request
	reused   bool

	in, outs chan struct{} // wake who reads, who sends

	// All below belongs to the connection's lock.

	placed   bool // there is a place for it, and it has no number yet
	failed   error
	wasReset bool // the stream is over for the origin
	ended    bool

	room      httpwire.SendWindow
	sent      int64
	reqDone   bool
	starved   time.Time // since when there was no window to send in
	connected bool      // and it was that of the connection
	readBy    time.Time // when a wait of who reads is over; zero: never
	sendBy    time.Time
	readLate  bool
	sendLate  bool

	window   httpwire.ReceiveWindow
	heads    []*httpwire.H2Head // that came and were not read
	spare    httpwire.H2Head
	used     bool // spare is
	interims int
	headed   bool
	length   int64 // of the body, -1: not said
	noBody   bool  // by HEAD, 204 or 304
	trailing bool  // trailers are announced
	got      int64
	body     []*[]byte // pieces that were not read yet
	r, w     int       // unread in the first, written in the last
	resDone  bool
	trailers []byte
	tunneled bool
}

var _ Outgoing = (*H2Stream)(nil)

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Log is the record of the connection.
func (s *H2Stream) Log() *flow.Log { return s.c.log }

// Reused reports whether the connection had carried an exchange before.
func (s *H2Stream) Reused() bool { return s.reused }

// Start is that of Outgoing.
func (s *H2Stream) Start(b []byte, out *Out) []byte {
	s.out, s.lines, s.exchange = out, len(b), out.ID
	return b
}

// Head is that of Outgoing. The head is on its way from here on, as frames of a
// connection leave in their order.
func (s *H2Stream) Head(b []byte) []byte {
	b = s.prepare(b)
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	s.open(b[s.lines:])
	return b
}

// prepare makes the field lines what HTTP/2 has: names in lower case, Host
// apart, the length a field.
func (s *H2Stream) prepare(b []byte) []byte {
	out := s.out
	kept := b[:s.lines]
	for rest := b[s.lines:]; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			end = len(rest)
		}
		line := rest[:end]
		rest = rest[end:]
		colon := max(bytes.IndexByte(line, ':'), 0)
		for i, c := range line[:colon] {
			if 'A' <= c && c <= 'Z' {
				line[i] = c + 'a' - 'A'
			}
		}
		switch name := string(line[:colon]); {
		case name == "host":
			if out.Host == "" {
				out.Host = string(bytes.TrimSpace(line[colon+1:]))
			}
			continue
		case out.Upgrade != "" && name == "sec-websocket-key":
			s.key = string(bytes.TrimSpace(line[colon+1:]))
			continue
		}
		kept = append(kept, line...)
	}
	if out.Upgrade == "" && (out.Length > 0 || out.Declared && out.Length == 0) {
		kept = append(kept, "content-length: "...)
		kept = append(strconv.AppendInt(kept, out.Length, 10), crlf...)
	}
	if out.Trailers {
		kept = append(kept, "te: trailers\r\n"...)
	}
	return kept
}

// method is what :method says: an Upgrade is an extended CONNECT here.
func (s *H2Stream) method() string {
	if s.out.Upgrade != "" {
		return "CONNECT"
	}
	return s.out.Method
}

// open gives the stream its number and puts its head into the output. mu is
// held.
func (s *H2Stream) open(lines []byte) {
	c, out := s.c, s.out
	s.giveUpPlace()
	if err := c.shut(); err != nil {
		s.fail(err)
		return
	}
	s.number = c.next
	c.next += 2
	c.streams[s.number] = s
	c.watch()
	s.room, s.window = httpwire.NewSendWindow(c.peer.window), httpwire.NewReceiveWindow(h2StreamWindow)
	s.recordRequest(lines)
	b, start := c.out.beginBlock()
	b = httpwire.AppendHPACK(b, ":method", s.method())
	if out.Upgrade != "" {
		b = httpwire.AppendHPACK(b, ":protocol", strings.ToLower(out.Upgrade))
	}
	b = httpwire.AppendHPACK(b, ":scheme", out.Scheme)
	if out.Host != "" {
		b = httpwire.AppendHPACK(b, ":authority", out.Host)
	}
	b = httpwire.AppendHPACK(b, ":path", out.Target)
	b = httpwire.AppendHPACKLines(b, lines)
	if out.Trailers {
		b = httpwire.AppendHPACK(b, "te", "trailers") // which is no line of HTTP/1.1 to pass on
	}
	end := out.Length == 0 && out.Upgrade == ""
	c.out.endBlock(b, start, s.number, end, c.peer.frame)
	if end {
		s.requestEnds()
	}
}

// giveUpPlace gives back the place that was kept for a stream without a number.
func (s *H2Stream) giveUpPlace() {
	if s.placed {
		s.placed = false
		s.c.reserved--
	}
}

func (s *H2Stream) recordRequest(lines []byte) {
	if s.c.log == nil {
		return
	}
	out := s.out
	reused, idle := "no", ""
	if s.reused {
		reused = "yes"
		if len(s.c.streams) == 1 {
			idle = string(appendMilliseconds(nil, time.Since(s.c.idle)))
		}
	}
	protocol := ""
	if out.Upgrade != "" {
		protocol = strings.ToLower(out.Upgrade)
	}
	s.c.record(flow.Event{Kind: flow.Request, Exchange: s.exchange, Parent: out.Parent, From: flow.Client, Text: s.method() + " " + out.Target, Header: lines,
		Attrs: flow.Attrs(flow.KeyHTTP, "2", flow.KeyProtocol, protocol, flow.KeyScheme, out.Scheme, flow.KeyHost, out.Host,
			flow.KeyStream, strconv.FormatUint(uint64(s.number), 10), flow.KeyReused, reused, flow.KeyIdle, idle)})
}

func (s *H2Stream) requestEnds() {
	s.reqDone = true
	if s.tunneled {
		return
	}
	s.c.record(flow.Event{Kind: flow.RequestDone, Exchange: s.exchange, From: flow.Client, Bytes: s.sent})
}

// Send is that of Outgoing. What ended the stream meanwhile is for ReadHead to
// tell: an answer may have come before it.
func (s *H2Stream) Send(b, body []byte, whole bool, limit time.Duration) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.number == 0:
		return s.failed // ErrNotSent
	case whole && !s.reqDone && s.out.Upgrade == "":
		if err := s.send(body, true, limit); IsTimeout(err) {
			return err
		}
	default:
		c.flush()
	}
	return nil
}

// SendBody is that of Outgoing.
func (s *H2Stream) SendBody(buf []byte, n int, limit time.Duration) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.send(buf[BodyRoom:BodyRoom+n], false, limit)
}

// SendEnd is that of Outgoing.
func (s *H2Stream) SendEnd(trailers []byte, limit time.Duration) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(trailers) == 0 {
		return s.send(nil, true, limit)
	}
	if err := s.sendable(); err != nil {
		return err
	}
	b, start := c.out.beginBlock()
	c.out.endBlock(httpwire.AppendHPACKLines(b, trailers), start, s.number, true, c.peer.frame)
	c.trailed = true
	s.requestEnds()
	c.flush()
	return s.failed
}

var (
	errUnwanted = errors.New("the origin has answered and wants no more of the request")
	errEnded    = errors.New("send request: the exchange has ended")
)

// sendable says why nothing can be sent. mu is held.
func (s *H2Stream) sendable() error {
	switch {
	case s.resDone && s.failed != nil:
		return errUnwanted
	case s.failed != nil:
		return s.failed
	case s.ended || s.reqDone:
		return errEnded
	}
	return nil
}

// send puts data into DATA frames as the windows let it. mu is held.
func (s *H2Stream) send(data []byte, end bool, limit time.Duration) error {
	s.setSendBy(after(limit))
	err := s.sendOn(data, end)
	s.setSendBy(time.Time{})
	return err
}

// sendOn is send with the deadline that is set.
func (s *H2Stream) sendOn(data []byte, end bool) error {
	c := s.c
	for {
		if err := s.sendable(); err != nil {
			return err
		}
		n := min(len(data), s.room.Room(), c.room.Room(), h2Data) // which every origin takes
		if len(data) > 0 && (n == 0 || c.out.full()) {
			if err := s.awaitRoom(n == 0); err != nil {
				return err
			}
			continue
		}
		last := end && n == len(data)
		out := c.out.pending()
		*out = httpwire.AppendData(*out, s.number, data[:n], last)
		s.room.Take(n)
		c.room.Take(n)
		c.useless = 0
		s.sent += int64(n)
		if last {
			s.requestEnds()
		}
		if data = data[n:]; len(data) == 0 {
			c.flush()
			return nil
		}
	}
}

func (s *H2Stream) setSendBy(t time.Time) { s.sendBy, s.sendLate = t, false }

// awaitRoom waits for a window, or for what others added to be written. mu is
// held, and given up meanwhile.
func (s *H2Stream) awaitRoom(window bool) error {
	c := s.c
	c.flush() // what waits must not wait for us
	if window && s.starved.IsZero() {
		s.starved, s.connected = time.Now(), s.room.Room() > 0
	}
	if s.failed != nil || !window && !c.out.full() {
		return nil
	}
	c.waiting++
	c.mu.Unlock()
	<-s.outs
	c.mu.Lock()
	c.waiting--
	if s.sendLate && s.failed == nil {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// roomCame takes note that a window has grown. mu is held.
func (s *H2Stream) roomCame() {
	if s.room.Room() == 0 || s.c.room.Room() == 0 {
		return
	}
	s.stalled()
	wake(s.outs)
}

// stallAfter is how long a sender has to wait for a window to have been stalled.
const stallAfter = time.Second

// stalled tells of a wait for a window that is over, if it was long.
func (s *H2Stream) stalled() {
	waited := time.Since(s.starved)
	began := s.starved
	s.starved = time.Time{}
	if began.IsZero() || waited < stallAfter || s.reqDone {
		return
	}
	whose := "stream"
	if s.connected {
		whose = "connection"
	}
	s.c.record(flow.Event{Kind: flow.Stalled, Exchange: s.exchange, From: flow.Client, Text: whose, Bytes: s.sent,
		Attrs: flow.Attrs(flow.KeyStream, strconv.FormatUint(uint64(s.number), 10), flow.KeyWaited, string(appendMilliseconds(nil, waited)))})
}

// fail ends the exchange with an error for whoever waits; what came of the
// response stays readable. mu is held.
func (s *H2Stream) fail(err error) {
	if s.failed == nil {
		s.failed = err
	}
	wake(s.in)
	wake(s.outs)
}

// endBy resets the stream. mu is held; the caller flushes.
func (s *H2Stream) endBy(code uint32) {
	if s.wasReset || s.number == 0 || s.c.failed != nil {
		return
	}
	s.wasReset = true
	s.c.cancels = s.c.cancels || code == httpwire.CodeCancel
	out := s.c.out.pending()
	*out = httpwire.AppendReset(*out, s.number, code)
	s.c.record(flow.Event{Kind: flow.StreamReset, Exchange: s.exchange, From: flow.Client, Text: httpwire.H2ErrorName(code),
		Attrs: flow.Attrs(flow.KeyStream, strconv.FormatUint(uint64(s.number), 10))})
}

func badResponse(name string) error { return fmt.Errorf("%w: %s", ErrBadResponse, name) }

// malformed ends the exchange because of what the response is (RFC 9113,
// section 8.1.1). field names the one to blame, if it is one.
func (s *H2Stream) malformed(name, field string) {
	s.irregular(name, field)
	s.endBy(httpwire.CodeProtocol)
	s.fail(badResponse(name))
}

func (s *H2Stream) irregular(name, field string) {
	s.c.record(flow.Event{Kind: flow.Irregular, Exchange: s.exchange, From: flow.Server, Text: name, Attrs: flow.Attrs(flow.KeyField, field)})
}

// End is that of Outgoing: what is not over is cancelled.
func (s *H2Stream) End() (reusable bool) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.ended {
		return false
	}
	s.ended = true
	s.giveUpPlace()
	if s.number == 0 {
		c.rest()
		return c.failed == nil
	}
	s.stalled()
	if !s.resDone || !s.reqDone {
		s.endBy(httpwire.CodeCancel)
	}
	s.record(flow.ExchangeDone, s.outcome())
	delete(c.streams, s.number)
	s.release()
	c.flush()
	c.rest()
	c.log.Flush()
	return c.failed == nil
}

func (s *H2Stream) record(kind flow.Kind, text string) {
	s.c.record(flow.Event{Kind: kind, Exchange: s.exchange, Text: text})
}

func (s *H2Stream) outcome() string {
	switch {
	case s.resDone || s.tunneled:
		return flow.Complete
	case s.headed:
		return flow.Truncated
	}
	return flow.NoResponse
}

// Interrupt ends waits of the exchange, now and later; it does not wait, and
// nothing is sent before End.
func (s *H2Stream) Interrupt() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.fail(ErrInterrupted)
}

// ErrInterrupted is what an exchange gives after Interrupt.
var ErrInterrupted = errors.New("the exchange was interrupted")
