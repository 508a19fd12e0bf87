package dissect

import (
	"strconv"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
	"fanlight/internal/reassembly"
)

// webSocket counts the frames of a connection that was upgraded.
type webSocket struct {
	rec     recorder
	dirs    [2]httpwire.WebSocket
	dir     int
	frames  [2]int
	payload [2]int64
	closed  string // code and reason of the first close frame, and whose
	by      flow.Side
	last    int64 // time of the last bytes, and of the first end of a direction; 0: not known
	ended   int64
	emit    func(*httpwire.WSFrame)
}

// newWebSocket makes the speaker that counts WebSocket frames; silence counts
// from since at the earliest.
func newWebSocket(rec recorder, since reassembly.Mark) speaker {
	w := &webSocket{rec: rec, last: since.Time}
	w.emit = w.frame
	return w
}

func (w *webSocket) frame(f *httpwire.WSFrame) {
	w.frames[w.dir]++
	w.payload[w.dir] += f.Length
	if f.Opcode == 8 && w.by == flow.Unknown {
		w.by = side(w.dir)
		if f.Code != 0 {
			w.closed = strconv.Itoa(f.Code)
		}
		if f.Reason != "" {
			w.closed += " " + f.Reason
		}
	}
}

func (w *webSocket) bytes(dir int, p []byte, m reassembly.Mark) {
	w.dir, w.last = dir, m.Time
	w.dirs[dir].Write(p, w.emit)
}

func (w *webSocket) skip(dir int, n int64, m reassembly.Mark) {
	w.dir, w.last = dir, m.Time
	w.dirs[dir].Skip(n, w.emit)
}

func (w *webSocket) held() int { return 0 }

func (w *webSocket) end(_ int, _ flow.Seen, m reassembly.Mark) {
	if w.ended == 0 {
		w.ended = m.Time
	}
}

// silence is how long nothing had been said before the end; empty: not known.
func (w *webSocket) silence() string {
	if w.last == 0 || w.ended < w.last {
		return ""
	}
	return milliseconds(w.ended - w.last)
}

func (w *webSocket) over(m reassembly.Mark) {
	w.rec.emit(m, flow.Event{Kind: flow.TunnelDone, From: w.by, Text: w.closed, Attrs: flow.Attrs(
		flow.KeyClientBytes, strconv.FormatInt(w.payload[0], 10), flow.KeyServerBytes, strconv.FormatInt(w.payload[1], 10),
		"client_frames", strconv.Itoa(w.frames[0]), "server_frames", strconv.Itoa(w.frames[1]), flow.KeyIdle, w.silence())})
}
