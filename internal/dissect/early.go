package dissect

import (
	"bytes"

	"fanlight/internal/packet"
	"fanlight/internal/reassembly"
)

// early holds segments that acknowledge bytes which were not captured yet: on
// machines with several queues a capture has an answer in front of its question
// now and then. They wait for the question, but not for long: it may be lost.
type early struct {
	seen  [2]bool
	ends  [2]uint32 // behind the last byte captured of each direction
	held  []heldSegment
	bytes int
}

type heldSegment struct {
	dir int
	seg reassembly.Segment
}

const (
	earlyFor   = int64(10e6) // of the capture; as long as reassembly waits
	earlyCount = 64
	earlyBytes = 256 << 10
)

// add passes a segment on in its turn.
func (c *conn) add(dir int, seg *reassembly.Segment) {
	if c.guessed {
		dir = c.orient(dir, seg)
	}
	e := &c.early
	e.note(dir, seg)
	if seg.Flags&packet.RST != 0 {
		c.flushHeld() // nothing comes after it
	}
	if len(e.held) == 0 && !e.ahead(dir, seg) {
		c.tcp.Add(dir, seg, c)
		return
	}
	if len(e.held) > 0 && !e.ahead(dir, seg) && !e.behind(dir) {
		c.tcp.Add(dir, seg, c)
	} else if c.tcp.Budget.Reserve(seg.Payload) {
		e.hold(dir, seg)
	} else { // there is no room to wait
		c.flushHeld()
		c.tcp.Add(dir, seg, c)
	}
	c.addHeld(seg.Time)
}

// note keeps how far a direction was captured.
func (e *early) note(dir int, seg *reassembly.Segment) {
	end := seg.Seq + uint32(seg.Length)
	if seg.Flags&(packet.SYN|packet.FIN) != 0 {
		end++
	}
	if !e.seen[dir] || int32(end-e.ends[dir]) > 0 {
		e.seen[dir], e.ends[dir] = true, end
	}
}

// ahead tells that a segment with something in it answers what was not
// captured.
func (e *early) ahead(dir int, seg *reassembly.Segment) bool {
	return seg.Flags&packet.ACK != 0 && seg.Flags&(packet.SYN|packet.RST) == 0 &&
		(seg.Length > 0 || seg.Flags&packet.FIN != 0) &&
		e.seen[1-dir] && int32(seg.Ack-e.ends[1-dir]) > 0
}

// behind tells that an earlier segment of this direction waits.
func (e *early) behind(dir int) bool {
	for i := range e.held {
		if e.held[i].dir == dir {
			return true
		}
	}
	return false
}

// turn exchanges the directions.
func (e *early) turn() {
	e.seen[0], e.seen[1] = e.seen[1], e.seen[0]
	e.ends[0], e.ends[1] = e.ends[1], e.ends[0]
	for i := range e.held {
		e.held[i].dir ^= 1
	}
}

func (e *early) hold(dir int, seg *reassembly.Segment) {
	h := heldSegment{dir, *seg}
	h.seg.Payload = bytes.Clone(seg.Payload)
	e.held = append(e.held, h)
	e.bytes += len(seg.Payload)
}

// addHeld passes on what waited long enough, or for what has come now.
func (c *conn) addHeld(now int64) {
	e := &c.early
	for len(e.held) > 0 {
		h := &e.held[0]
		full := len(e.held) > earlyCount || e.bytes > earlyBytes
		if !full && now-h.seg.Time < earlyFor && e.ahead(h.dir, &h.seg) {
			return
		}
		e.bytes -= len(h.seg.Payload)
		c.tcp.Budget.Release(h.seg.Payload)
		c.tcp.Add(h.dir, &h.seg, c)
		e.held = e.held[1:]
	}
	e.held = nil
}

// flushHeld passes on all that waits.
func (c *conn) flushHeld() {
	for i := range c.early.held {
		h := &c.early.held[i]
		c.tcp.Budget.Release(h.seg.Payload)
		c.tcp.Add(h.dir, &h.seg, c)
	}
	c.early.held, c.early.bytes = nil, 0
}
