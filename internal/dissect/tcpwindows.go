package dissect

import (
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
	"fanlight/internal/reassembly"
)

// tcpWindows follows how much of what its peer takes each side has sent. A sender
// that has filled the window waits for an acknowledgement; in a capture at the
// receiver that comes at once, so that it shows little of this.
type tcpWindows struct {
	scale [2]int8 // offered with the SYN, -1 if not
	syn   [2]bool
	sent  [2]outstanding // by the direction of the bytes
}

// outstanding is what one side has sent and may send.
type outstanding struct {
	end, limit uint32 // behind the last byte sent, behind the last that is allowed
	window     uint32 // announced last, and the largest
	most       uint32
	times      int32 // that the window was full
	known      bool  // limit is
	since      int64 // when it was filled, 0 if it is not full
	waited     int64 // nanoseconds
}

// fullSegment is from how many bytes a segment is one of a longer message.
const fullSegment = 500

func (ws *tcpWindows) note(dir int, in *packet.Info, m reassembly.Mark) {
	t := &in.TCP
	switch {
	case t.Flags&packet.RST != 0:
		return
	case t.Flags&packet.SYN != 0:
		ws.syn[dir], ws.scale[dir] = true, t.WScale
	case t.Flags&packet.ACK != 0 && ws.syn[0] && ws.syn[1]:
		ws.sent[1-dir].allow(t.Ack, ws.scaled(dir, t.Window), m.Time)
	}
	if o := &ws.sent[dir]; in.PayloadLen >= fullSegment && m.Time != 0 {
		o.send(t.Seq+uint32(in.PayloadLen), uint32(in.PayloadLen), m.Time)
	}
}

// scaled is the window that a side announces (RFC 7323, 2.2).
func (ws *tcpWindows) scaled(dir int, window uint16) uint32 {
	if ws.scale[0] < 0 || ws.scale[1] < 0 {
		return uint32(window)
	}
	return uint32(window) << min(ws.scale[dir], 14)
}

// allow takes an acknowledgement and the window behind it.
func (o *outstanding) allow(ack, window uint32, now int64) {
	limit := ack + window
	if o.since != 0 && int32(limit-o.limit) >= fullSegment {
		o.times++
		o.waited += now - o.since
		o.since = 0
	}
	if window == 0 { // the reader is slow: that is not the window's size
		o.since = 0
	}
	o.limit, o.window, o.most, o.known = limit, window, max(o.most, window), true
}

// send takes a segment of n bytes up to end.
func (o *outstanding) send(end, n uint32, now int64) {
	if int32(end-o.end) <= 0 && o.end != 0 {
		return // sent before
	}
	o.end = end
	if room := int32(o.limit - end); o.known && room < int32(n) && o.window >= o.most/2 && o.since == 0 {
		o.since = now
	}
}

// turn exchanges the directions.
func (ws *tcpWindows) turn() {
	ws.scale[0], ws.scale[1] = ws.scale[1], ws.scale[0]
	ws.syn[0], ws.syn[1] = ws.syn[1], ws.syn[0]
	ws.sent[0], ws.sent[1] = ws.sent[1], ws.sent[0]
}

// oftenFull is from how many times on a full window is told of.
const oftenFull = 5

// fullWindows tells of senders that had to wait.
func (c *conn) fullWindows() {
	for dir := range c.windows.sent {
		o := &c.windows.sent[dir]
		if o.times < oftenFull || o.waited < int64(time.Second) {
			continue
		}
		c.emit(c.mark, flow.Event{Kind: flow.WindowFull, From: side(dir), Attrs: flow.Attrs(
			flow.KeyWindow, strconv.FormatUint(uint64(o.most), 10),
			flow.KeyScaling, c.windows.scaling(),
			flow.KeyTimes, strconv.Itoa(int(o.times)),
			flow.KeyWaited, strconv.FormatInt(o.waited/int64(time.Millisecond), 10))})
	}
}

// scaling says who offered to scale windows: it takes both.
func (ws *tcpWindows) scaling() string {
	client, server := ws.scale[fromClient] >= 0, ws.scale[fromServer] >= 0
	switch {
	case client && server:
		return "yes"
	case client:
		return "client-only"
	case server:
		return "server-only"
	}
	return "no"
}
