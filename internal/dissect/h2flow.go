package dissect

import (
	"slices"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// windows are the flow-control windows of an HTTP/2 connection (RFC 9113,
// section 5.2), as they stand where the packets were captured. Each pair has
// the room for what the client sends and for what the server sends.
type windows struct {
	all     [2]window // of the whole connection
	initial [2]int64  // of a new stream
	changed int       // how often a side changed what is initial
	unsure  bool      // credit may have been lost: nothing is concluded any more
}

// maxChanges is more often than a program changes its initial window.
const maxChanges = 1000

// window is what one side may still send.
type window struct {
	room  int64
	spent int64 // when nothing was left; 0: there is some
}

// firstWindow is what may be sent before the other side says more.
const firstWindow = 65_535

// stallAfter is how long a sender has to wait for room to have been stalled.
const stallAfter = time.Second

func newWindows() windows {
	all := window{room: firstWindow}
	return windows{all: [2]window{all, all}, initial: [2]int64{firstWindow, firstWindow}}
}

func (w *windows) ofStream() [2]window {
	return [2]window{{room: w.initial[0]}, {room: w.initial[1]}}
}

// take uses up room for n bytes that were sent at a time.
func (w *window) take(n, at int64) {
	if w.room -= n; w.room <= 0 && w.spent == 0 {
		w.spent = at
	}
}

// add gives room, and tells since when there was none; 0: there was some, or
// there still is none.
func (w *window) add(n int64) (since int64) {
	if w.room += n; w.room <= 0 {
		return 0
	}
	since, w.spent = w.spent, 0
	return since
}

// spend counts a DATA frame when it begins.
func (h *http2) spend(s *stream, e *httpwire.H2Event) {
	h.windows.all[e.Dir].take(int64(e.Length), h.mark.Time)
	if s != nil {
		s.window[e.Dir].take(int64(e.Length), h.mark.Time)
	}
}

// credit takes a WINDOW_UPDATE, which is about what the other side sends.
func (h *http2) credit(e *httpwire.H2Event) {
	dir := 1 - e.Dir
	if e.Stream != 0 {
		if s := h.streams[e.Stream]; s != nil {
			h.stall(s, dir, "stream", s.window[dir].add(int64(e.Code)))
		}
		return
	}
	since := h.windows.all[dir].add(int64(e.Code))
	if since == 0 || h.mark.Time-since < int64(stallAfter) {
		return
	}
	for _, s := range h.inOrder(func(s *stream) bool { return s.sending(dir) }) {
		h.stall(s, dir, "connection", since)
	}
}

// settings takes what a side allows. A changed window holds for streams that are
// open too (section 6.9.2).
func (h *http2) settings(e *httpwire.H2Event) {
	h.await(e.Dir, settingsFrame)
	dir := 1 - e.Dir
	for _, set := range e.Settings {
		more := int64(set.Value) - h.windows.initial[dir]
		if set.ID != 4 || more == 0 || h.windows.unsure {
			continue
		}
		h.windows.initial[dir] = int64(set.Value)
		if h.windows.changed++; h.windows.changed > maxChanges {
			h.windows.unsure = true
			return
		}
		for _, s := range h.inOrder(func(s *stream) bool { return true }) {
			h.stall(s, dir, "stream", s.window[dir].add(more))
		}
	}
}

// stalled tells of the waits that a stream is in when it ends.
func (h *http2) stalled(s *stream) {
	for dir := range s.window {
		since, whose := s.window[dir].spent, "stream"
		if since == 0 {
			since, whose = h.windows.all[dir].spent, "connection"
		}
		h.stall(s, dir, whose, since)
	}
}

// stall tells that a side had waited since a time for room to send more of a
// body on, if it was long.
func (h *http2) stall(s *stream, dir int, whose string, since int64) {
	waited := h.mark.Time - since
	if since == 0 || waited < int64(stallAfter) || h.windows.unsure || s.damaged || !s.sending(dir) {
		return
	}
	h.emit(s, flow.Event{Kind: flow.Stalled, From: side(dir), Text: whose, Bytes: s.bodies[dir].bytes,
		Attrs: flow.Attrs(flow.KeyStream, number(s.number), flow.KeyWaited, milliseconds(waited))})
}

// sending tells that a side is in the middle of a body.
func (s *stream) sending(dir int) bool {
	if dir == fromClient {
		return !s.reqDone && (s.method != "" || s.bodies[dir].seen)
	}
	return s.headDone && !s.resDone
}

// maxPending bounds the frames whose acknowledgement is awaited; the peers'
// programs allow a few.
const maxPending = 32

// confirmations are the frames of each side that the other has not yet
// acknowledged: SETTINGS in the order sent, PING by its content.
type confirmations struct {
	frames [2][]pendingFrame
	unsure bool // acknowledgements may have been lost
}

type pendingFrame struct {
	kind string
	data [8]byte
	sent int64
}

const (
	settingsFrame = "settings"
	pingFrame     = "ping"
)

func (h *http2) await(dir int, kind string, data ...byte) {
	if p := &h.pending.frames[dir]; len(*p) < maxPending {
		f := pendingFrame{kind: kind, sent: h.mark.Time}
		copy(f.data[:], data)
		*p = append(*p, f)
	}
}

// confirm takes a PING, or the acknowledgement of a frame of the other side.
func (h *http2) confirm(e *httpwire.H2Event) {
	kind := settingsFrame
	if e.Kind == httpwire.H2Ping {
		if kind = pingFrame; !e.Ack {
			h.await(e.Dir, pingFrame, e.Data...)
			return
		}
	}
	list := h.pending.frames[1-e.Dir]
	for i := range list {
		if list[i].kind == kind && (kind == settingsFrame || string(list[i].data[:]) == string(e.Data)) {
			h.pending.frames[1-e.Dir] = slices.Delete(list, i, i+1)
			return
		}
	}
}

// unconfirmed tells, when the connection begins to end, of the oldest frame of
// each side that was not acknowledged for long.
func (h *http2) unconfirmed() {
	for dir, list := range h.pending.frames {
		if len(list) == 0 || h.pending.unsure || h.lost[1-dir] {
			continue
		}
		if waited := h.mark.Time - list[0].sent; waited >= int64(stallAfter) {
			h.emit(nil, flow.Event{Kind: flow.Unconfirmed, From: side(dir), Text: list[0].kind, Attrs: flow.Attrs(flow.KeyWaited, milliseconds(waited))})
		}
	}
	h.pending.unsure = true // once
}
