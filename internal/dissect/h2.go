package dissect

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/reassembly"
)

// http2 reads HTTP/2. Each stream that carries a request is an exchange; so is
// what a server promises to push.
type http2 struct {
	rec      recorder
	wire     *httpwire.H2
	mark     reassembly.Mark
	take     func(*httpwire.H2Event)
	streams  map[uint32]*stream // that are not over
	highest  uint32             // stream that the client opened
	served   int
	idleFrom int64   // when the last open stream was over; 0: not known
	lost     [2]bool // where the next frame begins is not known
	ended    bool    // the server's direction is
	crowded  bool    // streams were given up because too many were open
	windows  windows
	pending  confirmations
}

// maxStreams bounds what is kept of streams that are not over, to as many as a
// connection's record keeps; servers allow some hundred.
const maxStreams = keptEvents

// newHTTP2 makes the speaker of HTTP/2.
func newHTTP2(rec recorder) speaker {
	h := &http2{rec: rec, wire: httpwire.NewH2(), streams: map[uint32]*stream{}, windows: newWindows()}
	h.take = h.event
	return h
}

func (h *http2) bytes(dir int, p []byte, m reassembly.Mark) {
	h.mark = m
	h.wire.Write(dir, p, h.take)
}

func (h *http2) skip(dir int, n int64, m reassembly.Mark) {
	h.mark = m
	h.wire.Skip(dir, n, h.take)
}

// end: what the server has not answered when it ends it will not.
func (h *http2) end(dir int, _ flow.Seen, m reassembly.Mark) {
	h.mark = m
	h.unconfirmed()
	if dir == fromServer {
		h.ended = true
		h.settleAll(func(s *stream) bool { return !s.resDone })
	}
}

// over leaves streams open that could go on.
func (h *http2) over(m reassembly.Mark) {
	h.mark = m
	h.unconfirmed()
	h.settleAll(func(s *stream) bool {
		return h.ended || s.resDone || s.tunneled || s.damaged || h.lost[fromServer]
	})
}

// settleAll settles open streams in the order of their numbers.
func (h *http2) settleAll(which func(*stream) bool) {
	for _, s := range h.inOrder(which) {
		h.settle(s)
	}
}

// inOrder gives open streams in the order of their numbers.
func (h *http2) inOrder(which func(*stream) bool) []*stream {
	open := make([]*stream, 0, len(h.streams))
	for _, s := range h.streams {
		if which(s) {
			open = append(open, s)
		}
	}
	slices.SortFunc(open, func(a, b *stream) int { return cmp.Compare(a.number, b.number) })
	return open
}

func (h *http2) held() int { return h.wire.Held() + len(h.streams)*2*messageCost }

func (h *http2) event(e *httpwire.H2Event) {
	if e.Kind != httpwire.H2Irregular {
		h.lost[e.Dir] = false
	}
	switch e.Kind {
	case httpwire.H2Data:
		h.data(e)
	case httpwire.H2Headers:
		h.headers(e)
	case httpwire.H2Push:
		h.request(e, e.Promised)
	case httpwire.H2Reset:
		h.reset(e)
	case httpwire.H2Settings:
		h.settings(e)
	case httpwire.H2Window:
		h.credit(e)
	case httpwire.H2Ping, httpwire.H2SettingsAck:
		h.confirm(e)
	case httpwire.H2GoAway:
		h.emit(nil, flow.Event{Kind: flow.GoAway, From: side(e.Dir), Text: httpwire.H2ErrorName(e.Code),
			Attrs: flow.Attrs(flow.KeyStream, number(e.Last), flow.KeyReason, spoken(e.Text))})
	case httpwire.H2Irregular:
		h.irregular(e)
	}
}

// spoken is the beginning of a GOAWAY's debug data, if it is text at all
// (RFC 9113, section 6.8, leaves open what it is).
func spoken(debug string) string {
	debug = debug[:min(len(debug), maxSpoken)]
	for _, r := range debug {
		if r < ' ' || r > '~' {
			return ""
		}
	}
	return debug
}

// maxSpoken is enough for the words that are in use, such as too_many_pings.
const maxSpoken = 100

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// emit adds an event of a stream, or of none.
func (h *http2) emit(s *stream, e flow.Event) {
	if s != nil {
		e.Exchange = s.id
	}
	h.rec.emit(h.mark, e)
}

// irregular takes what is irregular. Lost bytes are no fault of the peers, but
// streams that may have been in them are no longer judged.
func (h *http2) irregular(e *httpwire.H2Event) {
	s := h.streams[e.Stream]
	if e.Text != httpwire.H2Gap {
		h.emit(s, flow.Event{Kind: flow.Irregular, From: side(e.Dir), Text: e.Text,
			Attrs: flow.Attrs(flow.KeyOffset, strconv.FormatInt(e.Offset, 10))})
	}
	switch {
	case s != nil:
		s.damaged = s.damaged || e.Text == httpwire.H2Gap
	case e.Text == httpwire.H2Gap || e.Text == httpwire.H2Desynchronised || e.Text == httpwire.H2PrefaceMissing:
		h.idleFrom, h.lost[e.Dir] = 0, true
		h.windows.unsure, h.pending.unsure = true, true
		for _, s := range h.streams {
			s.damaged, s.bodies[e.Dir].uncounted = true, true
		}
	}
}

func (h *http2) headers(e *httpwire.H2Event) {
	s := h.streams[e.Stream]
	switch {
	case e.Dir == fromServer:
		h.response(e, s)
	case s == nil && (pseudo(e, ":method") != "" || e.Unsure && e.Stream > h.highest):
		h.request(e, e.Stream)
		return
	}
	if s = h.streams[e.Stream]; s != nil && e.EndStream {
		h.ends(s, e.Dir)
	}
}

// request opens an exchange. A promised one has no body.
func (h *http2) request(e *httpwire.H2Event, number uint32) {
	promised := e.Kind == httpwire.H2Push
	s := h.open(number)
	s.method, s.protocol = pseudo(e, ":method"), pseudo(e, ":protocol")
	target := pseudo(e, ":path")
	if s.method == "CONNECT" && target == "" {
		target = pseudo(e, ":authority")
	}
	h.emit(s, flow.Event{Kind: flow.Request, From: side(e.Dir), Text: s.method + " " + target, Header: fieldLines(e.Fields), Attrs: h.requestFacts(e, s)})
	h.served++
	if !promised {
		h.highest = max(h.highest, number)
	}
	h.unsure(e, s)
	h.forbidden(e, s)
	h.tokens(e, s)
	if e.EndStream || promised {
		h.ends(s, fromClient)
	}
}

func (h *http2) requestFacts(e *httpwire.H2Event, s *stream) []flow.Attr {
	idle := ""
	if d := h.mark.Time - h.idleFrom; len(h.streams) == 1 && h.idleFrom != 0 && d >= 0 {
		idle = milliseconds(d)
	}
	return flow.Attrs(flow.KeyHTTP, "2", flow.KeyProtocol, s.protocol, flow.KeyScheme, pseudo(e, ":scheme"), flow.KeyHost, pseudo(e, ":authority"),
		flow.KeyStream, number(s.number), flow.KeyReused, reused(h.rec, h.served).String(), flow.KeyIdle, idle)
}

// response takes a head or trailers from the server. If no request was seen,
// as after an upgrade from HTTP/1.1, a head opens an exchange without one.
func (h *http2) response(e *httpwire.H2Event, s *stream) {
	status, _ := strconv.Atoi(pseudo(e, ":status"))
	if s == nil {
		if status == 0 || h.crowded && e.Stream <= h.highest {
			return
		}
		s = h.open(e.Stream)
		s.reqDone = true
		h.served++
	}
	if s.headDone || status == 0 && !e.Unsure {
		return // trailers
	}
	interim := status >= 100 && status < 200
	kind := flow.Response
	if interim {
		kind = flow.Interim
	}
	h.emit(s, flow.Event{Kind: kind, From: flow.Server, Status: status, Header: fieldLines(e.Fields), Attrs: flow.Attrs(flow.KeyHTTP, "2")})
	h.unsure(e, s)
	h.forbidden(e, s)
	h.tokens(e, s)
	if s.headDone = !interim; s.headDone {
		s.bodies[fromServer].pauses.note(h.mark.Time)
	}
	if s.method == "CONNECT" && status/100 == 2 {
		h.tunnel(s)
	}
}

// forbidden notes the first field that must not be in a message of HTTP/2.
func (h *http2) forbidden(e *httpwire.H2Event, s *stream) {
	for i := range e.Fields {
		if f := &e.Fields[i]; !f.Unsure && f.Name != "" && f.Forbidden() {
			h.emit(s, flow.Event{Kind: flow.Irregular, From: side(e.Dir), Text: "h2-forbidden-field",
				Attrs: flow.Attrs(flow.KeyOffset, strconv.FormatInt(e.Offset, 10), flow.KeyField, spoken(f.Name))})
			return
		}
	}
}

// unsure notes that fields are missing because bytes before them are.
func (h *http2) unsure(e *httpwire.H2Event, s *stream) {
	if e.Unsure {
		h.emit(s, flow.Event{Kind: flow.Gap, From: side(e.Dir), Text: "h2-fields-unknown"})
	}
}

func (h *http2) tokens(e *httpwire.H2Event, s *stream) {
	for _, f := range e.Fields {
		if !strings.Contains(f.Name, "auth") {
			continue
		}
		for _, token := range authTokens(e.Dir, []byte(f.Name), []byte(f.Value)) {
			h.emit(s, token)
		}
	}
}

// pseudo gives a pseudo field, empty if it is not known for certain.
func pseudo(e *httpwire.H2Event, name string) string {
	for _, f := range e.Fields {
		if f.Name == name && !f.Unsure {
			return f.Value
		}
	}
	return ""
}

// fieldLines writes fields as HTTP/1.1 would have them, without pseudo fields
// and those that are not known for certain.
func fieldLines(fields []httpwire.H2Field) []byte {
	n := 0
	for _, f := range fields {
		n += len(f.Name) + len(f.Value) + 4
	}
	lines := make([]byte, 0, n)
	for _, f := range fields {
		if f.Unsure || f.Name == "" || f.Name[0] == ':' {
			continue
		}
		lines = append(appendLine(lines, f.Name), ": "...)
		lines = append(appendLine(lines, f.Value), "\r\n"...)
	}
	return lines
}

// appendLine keeps a field to its line: HTTP/2 can carry bytes that end one,
// though it must not (RFC 9113, section 8.2.1).
func appendLine(dst []byte, s string) []byte {
	at := len(dst)
	dst = append(dst, s...)
	if strings.ContainsAny(s, "\r\n\x00") {
		for i, c := range dst[at:] {
			if c == '\r' || c == '\n' || c == 0 {
				dst[at+i] = ' '
			}
		}
	}
	return dst
}
