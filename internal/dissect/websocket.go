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
	emit    func(*httpwire.WSFrame)
}

// newWebSocket makes the speaker that counts WebSocket frames.
func newWebSocket(rec recorder) speaker {
	w := &webSocket{rec: rec}
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

func (w *webSocket) bytes(dir int, p []byte, _ reassembly.Mark) {
	w.dir = dir
	w.dirs[dir].Write(p, w.emit)
}

func (w *webSocket) skip(dir int, n int64, _ reassembly.Mark) {
	w.dir = dir
	w.dirs[dir].Skip(n, w.emit)
}

func (w *webSocket) held() int { return 0 }

func (w *webSocket) end(int, flow.Seen, reassembly.Mark) {}

func (w *webSocket) over(m reassembly.Mark) {
	w.rec.emit(m, flow.Event{Kind: flow.TunnelDone, From: w.by, Text: w.closed, Attrs: flow.Attrs(
		flow.KeyClientBytes, strconv.FormatInt(w.payload[0], 10), flow.KeyServerBytes, strconv.FormatInt(w.payload[1], 10),
		"client_frames", strconv.Itoa(w.frames[0]), "server_frames", strconv.Itoa(w.frames[1]))})
}
