package httpconn

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// h2Stream is one exchange of HTTP/2. What its comment does not say otherwise
// belongs to the goroutine of the handler.
type h2Stream struct {
	c    *h2Conn
	id   uint32
	xid  flow.ExchangeID
	head httpwire.H2Head
	req  Request

	status int    // of a refusal
	cause  string // of it
	limit  string // that the request exceeded, empty if none
	key    string // Sec-WebSocket-Key that an origin is asked with

	reply        // responded is written under the connection's mu
	lines []byte // of what is sent, in lower case
	block []byte // encoded

	// Under the connection's mu.

	readable  sync.Cond
	writable  sync.Cond
	send      httpwire.SendWindow
	recv      httpwire.ReceiveWindow
	urgency   uint8 // RFC 9218: 0 is the most urgent
	queued    bool  // waits for room to send
	ended     bool  // the client's direction has
	closed    bool  // ours has
	lost      bool  // reset, or the connection has ended
	stopped   bool  // the body is no longer wanted
	tunneled  bool
	expecting bool // 100-continue was asked for and not sent
	bodyErr   error
	body      h2Body
	got       int64 // bytes of the body that came
	declared  int64 // by Content-Length; -1: not
	trailers  []byte
	readSince time.Time     // since when the body is waited for
	waited    time.Duration // for it before
	sendSince time.Time     // since when a window is
	deadline  time.Time     // of a tunnel
	restSince time.Time     // since when the request is answered and has not ended
	rest      int           // bytes of its body since then
}

func (s *h2Stream) Request() *Request   { return &s.req }
func (s *h2Stream) ID() flow.ExchangeID { return s.xid }
func (s *h2Stream) Log() *flow.Log      { return s.c.log }
func (s *h2Stream) Multiplexed() bool   { return true }

// CloseAfter does nothing: a stream carries one exchange, and others go on.
func (s *h2Stream) CloseAfter(string) {}

func (s *h2Stream) Responded() bool { return s.responded }

// Trailers are known once the client's direction has ended.
func (s *h2Stream) Trailers() []byte { return s.trailers }

// stream takes a stream from the pool.
func (b *Buffers) stream(c *h2Conn) *h2Stream {
	s, ok := b.streams.Get().(*h2Stream)
	if !ok {
		s = &h2Stream{}
	}
	s.c = c
	s.readable.L, s.writable.L = &c.mu, &c.mu
	return s
}

// putStream gives a stream back that nobody uses any more.
func (b *Buffers) putStream(s *h2Stream) {
	if cap(s.head.Buf) > 8<<10 || cap(s.lines) > 8<<10 {
		return
	}
	*s = h2Stream{head: s.head, lines: s.lines[:0], block: s.block[:0], trailers: s.trailers[:0], body: h2Body{chunks: s.body.chunks[:0]}}
	b.streams.Put(s)
}

// begin sets the stream up for the head that was read, whole or not, and
// records it.
func (s *h2Stream) begin(f *httpwire.Frame, whole bool) {
	c, h := s.c, &s.head
	s.id, s.xid = f.Stream, c.srv.Recorder.NextExchange()
	s.send, s.recv = httpwire.NewSendWindow(c.peerWindow), httpwire.NewReceiveWindow(uint32(c.limits.Body))
	s.urgency = urgency(h.Get("priority"))
	if s.declared = -1; whole && h.Has("content-length") {
		s.declared = h.RequestFraming().Length
	}
	s.req = Request{Head: &h.Head, Method: methodText(h.Bytes(h.Method)), Target: text(h.Bytes(h.Target)), Host: text(h.Get("Host")), At: time.Now()}
	if c.log == nil {
		return
	}
	s.lines = append(append(append(s.lines[:0], s.req.Method...), ' '), s.req.Target...)
	end := len(s.lines)
	s.lines = strconv.AppendUint(s.lines, uint64(s.id), 10)
	attrs := [...]flow.Attr{{Key: flow.KeyHTTP, Value: "2"}, {Key: flow.KeyScheme, Value: text(h.Bytes(h.Scheme))},
		{Key: flow.KeyHost, Value: text(h.Bytes(h.Authority))}, {Key: flow.KeyStream, Value: text(s.lines[end:])},
		{Key: flow.KeyProtocol, Value: text(h.Bytes(h.Protocol))}}
	n := len(attrs)
	if !h.Extended() {
		n--
	}
	c.log.Add(flow.Event{At: s.req.At, Exchange: s.xid, Kind: flow.Request, From: flow.Client, Text: text(s.lines[:end]),
		Header: h.FieldLines(), Attrs: attrs[:n]})
}

// urgency reads the urgency of RFC 9218, section 4.1, from a field value.
func urgency(value []byte) uint8 {
	for i := 0; i+2 < len(value); i++ {
		if value[i] == 'u' && value[i+1] == '=' && value[i+2] >= '0' && value[i+2] <= '7' {
			return value[i+2] - '0'
		}
	}
	return 3
}

// fault names what makes the request malformed, and the field that does. Of a
// head that was not read to its end nothing is said.
func (s *h2Stream) fault(f *httpwire.Frame, whole bool) (name, field string) {
	h := &s.head
	switch {
	case f.DependsOnItself():
		return httpwire.H2WrongValue, ""
	case !whole:
		return "", ""
	}
	for _, irr := range h.Irregular {
		if !tolerated(irr.Name) {
			return irr.Name, spoken(h.Bytes(h.BadField))
		}
	}
	if f.EndStream() && s.declared > 0 {
		return h2LengthDiffers, ""
	}
	return "", ""
}

// prepare decides how the request is answered. err is the limit that its head
// exceeded, nil mostly.
func (s *h2Stream) prepare(err error) {
	limit, status, cause := s.c.srv.Limits.exceededBy(err)
	switch {
	case limit != "":
		s.answerLimit(limit, status, cause)
	case s.head.Extended():
		s.prepareTunnel()
	case s.req.Method == "CONNECT":
	default:
		s.preparePath()
	}
	s.expectBody()
}

func (s *h2Stream) preparePath() {
	h := &s.head
	if scheme := text(h.Bytes(h.Scheme)); !strings.EqualFold(scheme, "https") && !strings.EqualFold(scheme, "http") {
		s.answerWith(421, "the target's scheme is neither http nor https")
	}
	if s.req.Path, _ = httpwire.CleanPath(h.Bytes(h.Target)); s.req.Path == "" {
		s.answerWith(400, "request target cannot be used as a path")
	}
}

// prepareTunnel makes a WebSocket over HTTP/2 (RFC 8441) the request that one
// over HTTP/1.1 begins with (RFC 6455, section 4.1).
func (s *h2Stream) prepareTunnel() {
	h := &s.head
	protocol := text(h.Bytes(h.Protocol))
	if protocol != "websocket" {
		s.answerWith(501, "extended CONNECT is for websocket only")
		return
	}
	s.preparePath()
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails
	s.key = base64.StdEncoding.EncodeToString(nonce[:])
	s.req.Method, s.req.Upgrade = "GET", protocol
	h.Fields = slices.DeleteFunc(h.Fields, func(f httpwire.Field) bool { // an origin must not see two
		return string(h.Bytes(f.Name)) == "sec-websocket-key"
	})
	h.Add("Sec-WebSocket-Key", s.key)
	s.req.Head = &h.Head
}

func (s *h2Stream) answerWith(status int, cause string) {
	if s.status == 0 {
		s.status, s.cause = status, cause
	}
}

func (s *h2Stream) expectBody() {
	switch {
	case s.ended || s.req.Upgrade != "":
		s.req.Length = 0
	case s.declared >= 0:
		s.req.Length = s.declared
	default:
		s.req.Length = -1
	}
	s.expecting = !s.ended && s.head.HasToken("Expect", "100-continue")
}

// run answers the request.
func (s *h2Stream) run() {
	defer func() {
		if value := recover(); value != nil {
			s.panicked(value)
		}
	}()
	if s.status != 0 {
		s.answerRefusal()
	} else {
		s.c.handler.Handle(s)
	}
	s.settle()
}

func (s *h2Stream) answerRefusal() {
	if s.limit != "" {
		s.c.srv.exceeded(s.c.log, s.xid, s.limit, s.cause)
	}
	incident := s.c.srv.Refuse(s.c.log, s.xid, s.status, s.cause)
	body, fields := ErrorPage(s.status, incident, "")
	err := s.Respond(s.status, "", fields, int64(len(body)))
	if err == nil {
		_, err = s.Write(body)
	}
	if err == nil {
		err = s.Finish(nil)
	}
	if err != nil {
		s.Truncate("write response: " + err.Error())
	}
}

// settle settles the exchange after its handler returned.
func (s *h2Stream) settle() {
	c := s.c
	switch {
	case s.tunneled:
		(&h2Tunnel{s}).over()
	case !s.finished && s.responded:
		s.Truncate("handler ended before its response")
	case !s.finished:
		s.Truncate("no response")
	}
	c.mu.Lock()
	s.dropBody()
	again := !s.lost && s.ended
	if !again && !s.lost {
		s.unwanted(time.Now())
	}
	c.served()
	c.mu.Unlock()
	if again {
		c.srv.Buffers.putStream(s)
	}
}

// unwanted lets the rest of a request that has been answered come, if it is
// short; else, and later, the client is told that it is not wanted (RFC 9113,
// section 8.1); mu is held.
func (s *h2Stream) unwanted(now time.Time) {
	if s.restSince.IsZero() {
		s.restSince = now
	}
	left := max(s.declared, s.got) - s.got
	if left > drainBytes || s.rest > drainBytes || now.Sub(s.restSince) >= lingerSilence || s.c.drain == h2Leaving {
		s.cut(httpwire.CodeNone, "")
		s.c.flush()
	}
}

// served takes note that a handler has ended.
func (c *h2Conn) served() {
	c.flood.carried(framesPerResponse)
	if c.running--; c.running == 0 {
		c.out.settled.Broadcast()
	}
}

// panicked ends the stream of a handler that panicked. Goroutines of its may
// still use it, so that it is left to the collector.
func (s *h2Stream) panicked(value any) {
	c := s.c
	if f := c.srv.Panicked; f != nil {
		f(value, debug.Stack())
	}
	s.Truncate(fmt.Sprint("handler panicked: ", value))
	c.mu.Lock()
	defer c.mu.Unlock()
	s.lost = true
	s.wake()
	c.forget(s, true)
	c.served()
}

// wake wakes all who wait for the stream.
func (s *h2Stream) wake() {
	s.c.unqueue(s)
	s.readable.Broadcast()
	s.writable.Broadcast()
}

// cut resets the stream from our side; mu is held.
func (s *h2Stream) cut(code uint32, why string) {
	c := s.c
	if s.lost {
		return
	}
	c.appendReset(s.xid, s.id, code, why)
	s.lost = true
	s.wake()
	c.forget(s, true)
}

// refused ends an exchange that never reached a handler; mu is held.
func (s *h2Stream) refused(decision string, code uint32) {
	c := s.c
	now := time.Now()
	c.log.Add(flow.Event{At: now, Exchange: s.xid, Kind: flow.Decision, Text: decision, Attrs: flow.Attrs(flow.KeyBy, "http2")})
	c.appendReset(s.xid, s.id, code, "")
	c.remember(s.id, true)
	c.log.Add(flow.Event{At: now, Exchange: s.xid, Kind: flow.ExchangeDone, Text: flow.NoResponse})
	c.log.Flush()
	c.srv.Buffers.putStream(s)
}

// look ends waits that have lasted too long; mu is held.
func (s *h2Stream) look(now time.Time) {
	l := &s.c.srv.Limits
	switch {
	case !s.deadline.IsZero() && !now.Before(s.deadline):
		s.wake() // who reads or writes the tunnel sees it
	case !s.restSince.IsZero():
		s.unwanted(now)
	case s.tunneled:
	case !s.ended && !s.responded && s.bodyErr == nil && l.BodyTimeout > 0:
		s.lookBody(now)
	case late(now, s.sendSince, l.Write):
		s.c.srv.timedOut(s.c.log, s.xid, "write", l.Write)
		s.stalled(now)
		s.cut(httpwire.CodeCancel, "timeout: write to client")
	}
}

func late(now, since time.Time, limit time.Duration) bool {
	return limit > 0 && !since.IsZero() && now.Sub(since) >= limit
}
