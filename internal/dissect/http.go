package dissect

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/reassembly"
)

// http1 reads HTTP/1.0 and 1.1. A message that cannot be read, or whose bytes
// are missing, costs that message: it goes on at the next start line that
// begins a piece.
type http1 struct {
	rec       recorder
	req, res  half
	shared    *httpScratch
	waiting   []*message // whose response is not over, oldest first
	late      []*message // whose response is over and whose request is not
	served    int
	idleFrom  int64   // when the last exchange was over; 0: not known
	inner     speaker // of what the connection was upgraded to
	ended     bool    // the server's direction is
	asked     bool    // a request began in the piece in hand
	pipelines bool    // the client does not wait for answers
	crowded   bool    // too many waited: responses behind theirs are not read
}

// half is one direction.
type half struct {
	state  halfState
	begun  bool // the beginning of a message was seen
	search headSearch
	buf    []byte // the beginning of a head
	*body         // that it is in
}

// body is that of a message while it is read.
type body struct {
	m       *message
	framing httpwire.Framing
	left    int64
	chunks  httpwire.ChunkReader
	size    int64 // so far
	pauses  pauses
	short   bool // bytes of the body are missing, nobody knows how many
	sum     hash.Hash
	to      io.Writer // nil: nobody wants the body
}

type halfState uint8

const (
	atHead halfState = iota
	inBody
	lost // nobody knows where the next message begins
)

// message is an exchange that is not over.
type message struct {
	id       flow.ExchangeID
	method   string
	upgrade  string
	reqDone  bool
	headDone bool // the final response's head was seen
	resDone  bool
	damaged  bool // bytes of it were not captured: its outcome is not known
	missed   bool // its response may be, or go on, in what was not captured
	crowded  bool // its response was not read: there is no outcome
	over     bool // its last event was emitted
}

// headLimit bounds what is kept of a head that is not complete.
const headLimit = 256 << 10

var headLimits = httpwire.Limits{HeadBytes: headLimit, TargetBytes: headLimit, Fields: 2000}

func newHTTP1(rec recorder, shared *httpScratch) *http1 { return &http1{rec: rec, shared: shared} }

// httpScratch is what the connections of one goroutine share, so that those
// that are idle hold none of it.
type httpScratch struct {
	head   httpwire.Head // the one being read
	bodies []*body       // to be used again
}

const maxSpare = 64

func (s *httpScratch) take() *body {
	last := len(s.bodies) - 1
	if last < 0 {
		return &body{}
	}
	b := s.bodies[last]
	s.bodies = s.bodies[:last]
	return b
}

func (s *httpScratch) give(b *body) {
	*b = body{}
	if len(s.bodies) < maxSpare {
		s.bodies = append(s.bodies, b)
	}
}

func (h *http1) half(dir int) *half {
	if dir == fromClient {
		return &h.req
	}
	return &h.res
}

func (h *http1) bytes(dir int, p []byte, m reassembly.Mark) {
	d := h.half(dir)
	h.asked = false
	for len(p) > 0 {
		if h.inner != nil {
			h.inner.bytes(dir, p, m)
			return
		}
		if h.unread(dir) || !d.begun && len(d.buf) == 0 && !startsMessage(dir, p) && !h.rec.whole() {
			return // the latter may be the rest of a message
		}
		switch d.state {
		case lost:
			if !startsMessage(dir, p) {
				return
			}
			d.state = atHead
		case atHead:
			p = h.readHead(dir, d, p, m)
		case inBody:
			p = h.readBody(dir, d, p, m)
		}
	}
}

// startsMessage tells whether a piece begins with a start line.
func startsMessage(dir int, p []byte) bool {
	if dir == fromServer {
		return bytes.HasPrefix(p, []byte("HTTP/1."))
	}
	return startsRequest(p)
}

var methods = []string{"GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "TRACE ",
	"PROPFIND ", "PROPPATCH ", "MKCOL ", "COPY ", "MOVE ", "LOCK ", "UNLOCK ", "SEARCH ", "REPORT ", "RPC_IN_DATA ", "RPC_OUT_DATA ", "CCM_POST ", "BITS_POST "}

func startsRequest(p []byte) bool {
	return slices.ContainsFunc(methods, func(m string) bool { return bytes.HasPrefix(p, []byte(m)) })
}

func (h *http1) readHead(dir int, d *half, p []byte, m reassembly.Mark) (rest []byte) {
	had, buf := len(d.buf), p
	if had > 0 {
		d.buf = append(d.buf, p...)
		if !d.headEnds() && had >= decisive && len(d.buf) <= headLimit {
			return nil
		}
		buf = d.buf
	}
	n, err := h.parse(dir, buf)
	switch {
	case err != nil:
		h.unreadable(dir, err, m)
		return nil
	case n == 0 && had > 0:
		return nil
	case n == 0:
		d.buf = bytes.Clone(p)
		d.headEnds()
		return nil
	}
	d.buf, d.begun, d.search = nil, true, headSearch{}
	if dir == fromClient {
		h.requestHead(d, m)
	} else {
		h.responseHead(d, m)
	}
	return p[max(n-had, 0):]
}

// decisive is how many bytes of a head may show that it is none.
const decisive = 64

// headSearch is how far a head that comes in pieces was searched for its end, so
// that it is not searched again for each piece.
type headSearch struct{ begins, searched int32 }

// headEnds tells whether the empty line is there that ends a head. Those in
// front of it do not count (RFC 9112, section 2.2).
func (d *half) headEnds() bool {
	s, n := &d.search, int32(len(d.buf))
	for s.begins < n && (d.buf[s.begins] == '\r' || d.buf[s.begins] == '\n') {
		s.begins++
	}
	news := d.buf[max(s.begins, s.searched-int32(len("\n\r"))):]
	s.searched = n
	return bytes.Contains(news, []byte("\n\r\n")) || bytes.Contains(news, []byte("\n\n"))
}

func (h *http1) parse(dir int, buf []byte) (int, error) {
	if dir == fromClient {
		return h.shared.head.ParseRequest(buf, headLimits)
	}
	return h.shared.head.ParseResponse(buf, headLimits)
}

func (h *http1) unreadable(dir int, err error, m reassembly.Mark) {
	e := flow.Event{Kind: flow.Irregular, From: side(dir), Text: err.Error()}
	var syntax *httpwire.SyntaxError
	if errors.As(err, &syntax) {
		e.Text, e.Attrs = syntax.Name, flow.Attrs(flow.KeyOffset, strconv.Itoa(syntax.Offset))
	}
	if dir == fromServer && len(h.waiting) > 0 {
		e.Exchange = h.waiting[0].id
	}
	h.rec.emit(m, e)
	h.lose(dir, m)
}

// lose gives up the message a direction is in. Whether others were in what is
// missing nobody knows.
func (h *http1) lose(dir int, m reassembly.Mark) {
	d := h.half(dir)
	var x *message
	if d.body != nil {
		x = d.m
		h.leave(d)
	}
	d.state, d.buf, d.search = lost, nil, headSearch{}
	h.idleFrom = 0
	if dir == fromServer {
		for _, w := range h.waiting {
			w.damaged, w.missed = w.damaged || w.headDone, true
		}
		return
	}
	if x == nil {
		return
	}
	if x.damaged = true; x.resDone {
		h.late = without(h.late, x)
		h.done(x, "", m)
	}
}

func (h *http1) requestHead(d *half, m reassembly.Mark) {
	head := &h.shared.head
	x := &message{id: h.rec.newExchange(), method: string(head.Bytes(head.Method))}
	if head.HasToken("Connection", "upgrade") {
		x.upgrade = string(head.Get("Upgrade"))
	}
	h.pipelines, h.asked = h.pipelines || h.asked, true
	h.rec.emit(m, flow.Event{Kind: flow.Request, From: flow.Client, Exchange: x.id,
		Text: x.method + " " + string(head.Bytes(head.Target)), Header: bytes.Clone(head.FieldLines()), Attrs: h.requestFacts(m)})
	h.served++
	h.irregular(fromClient, x, m)
	h.tokens(fromClient, x, m)
	h.wait(x, m)
	h.start(d, x, head.RequestFraming(), m)
	d.to = h.rec.bodyTo(x.id, fromClient)
	if d.framing.Kind == httpwire.UntilClose { // what follows must not be read as a request
		d.state = lost
	}
	h.ends(fromClient, d, m)
}

// maxWaiting bounds the requests that are asked ahead of their responses, to as
// many as a connection's record keeps.
const maxWaiting = keptEvents

// wait puts an exchange behind those whose responses come first. Few clients
// ask before they have their answer, so that behind lost bytes it is taken to
// have been in these. Behind too many nobody could tell any more which response
// is whose, so those of further requests are not read.
func (h *http1) wait(x *message, m reassembly.Mark) {
	h.giveUp(h.missed(), m)
	if len(h.waiting) >= maxWaiting && !h.crowded {
		h.crowded = true
		h.rec.emit(m, flow.Event{Kind: flow.BufferFull, From: flow.Client, Exchange: x.id, Text: tooMany})
	}
	if h.crowded {
		x.crowded, x.resDone = true, true
		h.late = append(h.late, x)
		return
	}
	h.waiting = append(h.waiting, x)
}

// tooMany is why exchanges of a connection have no outcome.
const tooMany = "too many exchanges wait at once"

// unread tells of responses that belong to nobody known.
func (h *http1) unread(dir int) bool {
	return h.crowded && dir == fromServer && h.res.body == nil && len(h.waiting) == 0
}

func (h *http1) requestFacts(m reassembly.Mark) []flow.Attr {
	facts := flow.Attrs(flow.KeyHTTP, minorText(h.shared.head.Minor), flow.KeyReused, reused(h.rec, h.served).String())
	if idle := m.Time - h.idleFrom; h.idleFrom != 0 && idle >= 0 && len(h.waiting)+len(h.late) == 0 {
		facts = append(facts, flow.Attr{Key: flow.KeyIdle, Value: milliseconds(idle)})
	}
	return facts
}

// reused tells whether a connection has carried an exchange before, where so
// many were seen.
func reused(rec recorder, served int) flow.Seen {
	if served == 0 && !rec.whole() {
		return flow.NotObserved
	}
	return flow.SeenIf(served > 0)
}

func milliseconds(ns int64) string {
	return strconv.FormatFloat(float64(ns)/float64(time.Millisecond), 'f', 3, 64)
}

func minorText(minor int) string { return "1." + strconv.Itoa(minor) }

func (h *http1) irregular(dir int, x *message, m reassembly.Mark) {
	for _, irr := range h.shared.head.Irregular {
		h.rec.emit(m, flow.Event{Kind: flow.Irregular, From: side(dir), Exchange: x.id, Text: irr.Name,
			Attrs: flow.Attrs(flow.KeyOffset, strconv.Itoa(irr.Offset))})
	}
}

func (h *http1) responseHead(d *half, m reassembly.Mark) {
	head := &h.shared.head
	x := h.answered(m)
	kind := flow.Response
	if head.Status < 200 && head.Status != 101 {
		kind = flow.Interim
	}
	h.rec.emit(m, flow.Event{Kind: kind, From: flow.Server, Exchange: x.id, Status: head.Status,
		Text: string(head.Bytes(head.Reason)), Header: bytes.Clone(head.FieldLines())})
	h.irregular(fromServer, x, m)
	h.tokens(fromServer, x, m)
	if kind == flow.Interim {
		return
	}
	x.headDone = true
	if head.Status == 101 || x.method == "CONNECT" && head.Status/100 == 2 {
		h.upgrade(x, m)
		return
	}
	h.start(d, x, head.ResponseFraming(x.method), m)
	d.to = h.rec.bodyTo(x.id, fromServer)
	h.ends(fromServer, d, m)
}

// missed is how many of those that wait longest may have had their response in
// what was not captured.
func (h *http1) missed() (n int) {
	for n < len(h.waiting) && h.waiting[n].missed {
		n++
	}
	return n
}

// giveUp lets go of the first n exchanges that wait.
func (h *http1) giveUp(n int, m reassembly.Mark) {
	for _, x := range h.waiting[:n] {
		h.done(x, "", m)
	}
	h.waiting = h.waiting[n:]
}

// answered is the exchange that a response belongs to: one without a request
// if none was seen. Bytes are known to be lost only some time after it, when
// the next request may have come. So behind them the response is the last one's
// that was asked, but of a client that does not wait for answers it may be any.
func (h *http1) answered(m reassembly.Mark) *message {
	n := h.missed()
	switch {
	case n == 0:
		h.pipelines = h.pipelines || len(h.waiting) > 1
	case n < len(h.waiting) || n > 1 && h.pipelines || h.waiting[n-1].headDone:
		h.giveUp(n, m)
	default:
		h.giveUp(n-1, m)
	}
	if len(h.waiting) == 0 {
		x := &message{id: h.rec.newExchange(), reqDone: true}
		h.served++
		h.waiting = append(h.waiting, x)
	}
	h.waiting[0].missed = false
	return h.waiting[0]
}

func (h *http1) upgrade(x *message, m reassembly.Mark) {
	protocol := string(h.shared.head.Get("Upgrade"))
	if protocol == "" {
		protocol = x.upgrade
	}
	if x.method == "CONNECT" {
		protocol = "CONNECT"
	}
	h.rec.emit(m, flow.Event{Kind: flow.Tunnel, Exchange: x.id, Text: protocol})
	if strings.EqualFold(protocol, "websocket") {
		h.inner = newWebSocket(ofExchange{h.rec, x.id}, m)
	} else {
		h.inner = h.rec.tunnel(protocol)
	}
	if two, is := h.inner.(*http2); is { // stream 1 is the answer (RFC 7540, section 3.2)
		h.waiting = without(h.waiting, x)
		two.upgraded(x)
	}
	if ahead := h.req.buf; len(ahead) > 0 {
		h.req.buf = nil
		h.inner.bytes(fromClient, ahead, m)
	}
}

func (h *http1) start(d *half, x *message, f httpwire.Framing, m reassembly.Mark) {
	if d.body == nil {
		d.body = h.shared.take()
	}
	*d.body = body{m: x, framing: f, left: f.Length}
	d.pauses.note(m.Time)
	d.state = inBody
	if h.rec.hashing() {
		d.sum = sha256.New()
	}
}

// leave ends the body a direction is in.
func (h *http1) leave(d *half) {
	h.shared.give(d.body)
	d.body = nil
}

// ends ends the body if it is over.
func (h *http1) ends(dir int, d *half, m reassembly.Mark) bool {
	if d.state != inBody {
		return false
	}
	switch d.framing.Kind {
	case httpwire.NoBody:
	case httpwire.ContentLength:
		if d.left > 0 {
			return false
		}
	default:
		return false
	}
	h.bodyEnds(dir, d, m)
	return true
}

func (h *http1) readBody(dir int, d *half, p []byte, m reassembly.Mark) (rest []byte) {
	switch d.framing.Kind {
	case httpwire.ContentLength:
		n := int(min(d.left, int64(len(p))))
		d.take(p[:n], m)
		d.left -= int64(n)
		h.ends(dir, d, m)
		return p[n:]
	case httpwire.Chunked:
		data, n, done, err := d.chunks.Next(p)
		d.take(data, m)
		if err != nil {
			h.unreadable(dir, err, m)
			return nil
		}
		if done {
			h.bodyEnds(dir, d, m)
		}
		return p[n:]
	}
	d.take(p, m)
	return nil
}

func (b *body) take(data []byte, m reassembly.Mark) {
	if len(data) > 0 {
		b.pauses.note(m.Time)
	}
	b.size += int64(len(data))
	if b.sum != nil {
		b.sum.Write(data)
	}
	if b.to != nil {
		_, _ = b.to.Write(data) // the one who asked keeps the error
	}
}

func (h *http1) bodyEnds(dir int, d *half, m reassembly.Mark) {
	x := d.m
	e := flow.Event{Kind: flow.RequestDone, From: side(dir), Exchange: x.id, Bytes: d.size}
	if dir == fromServer {
		e.Kind, e.Attrs = flow.ResponseDone, d.pauses.facts()
	}
	if d.sum != nil && !x.damaged && (d.size > 0 || d.framing.Kind != httpwire.NoBody) {
		e.Attrs = append(e.Attrs, flow.Attr{Key: flow.KeySHA256, Value: hex.EncodeToString(d.sum.Sum(nil))})
	}
	if !d.short && !x.over { // the end of a body of unknown length is not told
		h.rec.emit(m, e)
	}
	d.state = atHead
	h.leave(d)
	if dir == fromClient {
		x.reqDone = true
		if x.resDone {
			h.late = without(h.late, x)
		}
	} else {
		x.resDone = true
		h.waiting = without(h.waiting, x)
		if !x.reqDone {
			h.late = append(h.late, x)
		}
	}
	switch {
	case !x.resDone || !x.reqDone:
	case x.crowded:
		h.done(x, "", m)
	default:
		h.done(x, flow.Complete, m)
	}
}

// without takes x, mostly the first, out of a list.
func without(list []*message, x *message) []*message {
	if len(list) > 0 && list[0] == x {
		return list[1:]
	}
	return slices.DeleteFunc(list, func(w *message) bool { return w == x })
}

// done ends the exchange. Without an outcome only the record of it ends: when
// the exchange did is not known.
func (h *http1) done(x *message, outcome string, m reassembly.Mark) {
	x.over = true
	h.rec.emit(m, flow.Event{Kind: flow.ExchangeDone, Exchange: x.id, Text: outcome})
	if h.idleFrom = m.Time; outcome == "" {
		h.idleFrom = 0
	}
}

// skip counts missing bytes that lie inside of a body of known length; others
// lose the direction.
func (h *http1) skip(dir int, n int64, m reassembly.Mark) {
	if h.inner != nil {
		h.inner.skip(dir, n, m)
		return
	}
	d := h.half(dir)
	if d.state == inBody {
		d.m.damaged, d.sum = true, nil
		if d.framing.Kind == httpwire.UntilClose {
			d.size += max(n, 0)
			d.short = d.short || n < 0
			return
		}
		if d.framing.Kind == httpwire.ContentLength && n >= 0 && n <= d.left {
			d.left -= n
			d.size += n
			h.ends(dir, d, m)
			return
		}
	}
	h.lose(dir, m)
}

// end: a response that lasts until the connection closes is complete if it
// ended cleanly. What the server has not answered when it ends it will not.
func (h *http1) end(dir int, clean flow.Seen, m reassembly.Mark) {
	if h.inner != nil {
		h.inner.end(dir, clean, m)
		return
	}
	d := h.half(dir)
	if d.state == inBody && d.framing.Kind == httpwire.UntilClose {
		switch clean {
		case flow.Yes:
			h.bodyEnds(dir, d, m)
		case flow.NotObserved:
			d.m.damaged = true
		}
	}
	if dir == fromServer {
		h.ended = true
		h.settleWaiting(m)
		if h.res.body != nil {
			h.leave(&h.res)
		}
		h.res = half{begun: true} // nothing was missed of what is asked after it
	}
}

func (h *http1) over(m reassembly.Mark) {
	if h.inner != nil {
		h.inner.over(m)
	}
	for _, x := range h.late {
		h.settle(x, flow.Complete, m)
	}
	h.late = nil
	h.settleWaiting(m)
}

// settleWaiting ends the exchanges whose responses are not over. As long as the
// server could go on, they stay open.
func (h *http1) settleWaiting(m reassembly.Mark) {
	for i, x := range h.waiting {
		switch {
		case h.inner != nil && i == 0:
			h.settle(x, flow.Complete, m)
		case h.res.state == lost && !x.headDone: // a response may have been in what was not captured
			h.done(x, "", m)
		case x.headDone && h.ended:
			h.settle(x, flow.Truncated, m)
		case h.ended:
			h.settle(x, flow.NoResponse, m)
		case x.damaged || x.missed:
			h.done(x, "", m)
		}
	}
	h.waiting = nil
}

// settle ends an exchange that will not go on. There is no outcome to tell if
// bytes of it were not captured.
func (h *http1) settle(x *message, outcome string, m reassembly.Mark) {
	if x.damaged || x.missed || x.crowded {
		outcome = ""
	}
	h.done(x, outcome, m)
}

// messageCost is an exchange that is not over.
const messageCost = 128

func (h *http1) held() int {
	n := int(unsafe.Sizeof(*h)) + cap(h.req.buf) + cap(h.res.buf) + (len(h.waiting)+len(h.late))*messageCost
	if h.inner != nil {
		n += h.inner.held()
	}
	return n
}
