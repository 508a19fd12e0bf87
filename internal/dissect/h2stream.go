package dissect

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/reassembly"
)

// stream is an exchange of HTTP/2 that is not over.
type stream struct {
	message
	number   uint32
	protocol string // of an extended CONNECT (RFC 8441)
	bodies   [2]streamBody
	window   [2]window
	tunneled bool
	inner    speaker // of what is tunneled, nil: it is only counted
}

// streamBody is the body of one direction.
type streamBody struct {
	seen      bool // DATA was
	uncounted bool // nobody knows how much of it was lost
	bytes     int64
	pauses    pauses
	sum       hash.Hash
}

// open begins an exchange.
func (h *http2) open(number uint32) *stream {
	if old := h.streams[number]; old != nil {
		h.settle(old)
	}
	if len(h.streams) >= maxStreams {
		h.forget()
	}
	s := &stream{number: number, window: h.windows.ofStream()}
	s.id = h.rec.newExchange()
	h.streams[number] = s
	return s
}

// upgraded takes over the exchange that asked, over HTTP/1.1, for the upgrade
// to h2c: its response comes on stream 1 (RFC 7540, section 3.2).
func (h *http2) upgraded(x *message) {
	h.wire.Upgraded()
	h.highest, h.served = 1, 1
	h.streams[1] = &stream{number: 1, window: h.windows.ofStream(), message: message{id: x.id, method: x.method, reqDone: x.reqDone, damaged: x.damaged}}
}

// forget gives up the oldest stream; what will become of it is not known.
func (h *http2) forget() {
	oldest := ^uint32(0)
	for number := range h.streams {
		oldest = min(oldest, number)
	}
	s := h.streams[oldest]
	if !h.crowded {
		h.crowded = true
		h.emit(s, flow.Event{Kind: flow.BufferFull, Text: tooMany})
	}
	h.done(s, "")
}

func (h *http2) data(e *httpwire.H2Event) {
	s := h.streams[e.Stream]
	h.spend(s, e)
	if s == nil {
		return
	}
	b := &s.bodies[e.Dir]
	b.bytes += int64(len(e.Data)) + e.Lost
	switch {
	case s.inner != nil && e.Lost > 0:
		s.inner.skip(e.Dir, e.Lost, h.mark)
	case s.inner != nil:
		s.inner.bytes(e.Dir, e.Data, h.mark)
	case e.Lost > 0:
		s.damaged = true
	case h.rec.hashing() && !s.tunneled:
		if !b.seen {
			b.sum = sha256.New()
		}
		b.sum.Write(e.Data)
	}
	if to := h.rec.bodyTo(s.id, e.Dir); to != nil && s.inner == nil {
		_, _ = to.Write(e.Data) // the one who asked keeps the error
	}
	b.seen = true
	b.pauses.note(h.mark.Time)
	if e.EndStream {
		h.ends(s, e.Dir)
	}
}

// ends ends one direction of a stream, and the exchange with the second. The
// end of a body of unknown length is not told.
func (h *http2) ends(s *stream, dir int) {
	b := &s.bodies[dir]
	done := &s.reqDone
	kind := flow.RequestDone
	if dir == fromServer {
		done, kind = &s.resDone, flow.ResponseDone
	}
	if *done {
		return
	}
	*done = true
	if !s.tunneled && !b.uncounted {
		e := flow.Event{Kind: kind, From: side(dir), Bytes: b.bytes}
		if dir == fromServer {
			e.Attrs = b.pauses.facts()
		}
		if b.sum != nil && !s.damaged {
			e.Attrs = append(e.Attrs, flow.Attr{Key: flow.KeySHA256, Value: hex.EncodeToString(b.sum.Sum(nil))})
		}
		h.emit(s, e)
	}
	if s.reqDone && s.resDone {
		h.done(s, flow.Complete)
	}
}

// done ends the exchange. Without an outcome only the record of it ends: when
// the exchange did is not known.
func (h *http2) done(s *stream, outcome string) {
	h.stalled(s)
	if s.tunneled {
		h.tunnelDone(s)
	}
	h.emit(s, flow.Event{Kind: flow.ExchangeDone, Text: outcome})
	delete(h.streams, s.number)
	if len(h.streams) == 0 {
		h.idleFrom = h.mark.Time
	}
	if outcome == "" {
		h.idleFrom = 0
	}
}

// settle ends an exchange that will not go on. There is no outcome to tell if
// bytes of it, or in which it may have been, were not captured.
func (h *http2) settle(s *stream) {
	switch {
	case s.resDone || s.tunneled:
		h.done(s, flow.Complete)
	case s.damaged || h.lost[fromServer]:
		h.done(s, "")
	case s.headDone:
		h.done(s, flow.Truncated)
	default:
		h.done(s, flow.NoResponse)
	}
}

// reset takes a RST_STREAM. After a complete response it only says that the
// rest of the request is not wanted (RFC 9113, section 8.1).
func (h *http2) reset(e *httpwire.H2Event) {
	s := h.streams[e.Stream]
	h.emit(s, flow.Event{Kind: flow.StreamReset, From: side(e.Dir), Text: httpwire.H2ErrorName(e.Code),
		Attrs: flow.Attrs(flow.KeyStream, number(e.Stream))})
	if s != nil {
		h.settle(s)
	}
}

// tunnel makes a stream carry another protocol from here on. Of those only
// WebSocket is read, because the connection's own reader of TLS is in use.
func (h *http2) tunnel(s *stream) {
	protocol := s.protocol
	if protocol == "" {
		protocol = "CONNECT"
	}
	s.tunneled = true
	h.emit(s, flow.Event{Kind: flow.Tunnel, Text: protocol})
	if protocol == "websocket" {
		s.inner = newWebSocket(ofExchange{h.rec, s.id}, h.mark)
	}
}

func (h *http2) tunnelDone(s *stream) {
	if s.inner != nil {
		s.inner.over(h.mark)
		return
	}
	h.emit(s, flow.Event{Kind: flow.TunnelDone, Attrs: flow.Attrs(
		flow.KeyClientBytes, strconv.FormatInt(s.bodies[fromClient].bytes, 10),
		flow.KeyServerBytes, strconv.FormatInt(s.bodies[fromServer].bytes, 10))})
}

// ofExchange puts what a speaker emits under one exchange.
type ofExchange struct {
	recorder
	id flow.ExchangeID
}

func (o ofExchange) emit(m reassembly.Mark, e flow.Event) {
	e.Exchange = o.id
	o.recorder.emit(m, e)
}
