package dissect

import (
	"strconv"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
	"fanlight/internal/reassembly"
)

// quality counts how a capture shows a connection otherwise than it was. What
// reassembly notices (gaps, a missing beginning) is not repeated here.
type quality struct {
	last                      [2]likeness // per direction
	limit                     [2]uint16   // longest segment that a direction may carry, by the MSS of its receiver; 0: not known
	cut, merged, twice, clock int         // packets
	answers                   [2]bool     // a direction acknowledged what the other sent
	acked                     [2]uint32   // its first acknowledgement
	hasAcked                  [2]bool
}

// likeness is what a packet and its copy have in common.
type likeness struct {
	at       int64
	seq, ack uint32
	length   int
	flags    uint8
	id       uint16
}

const (
	// copiedWithin is how soon after a packet its copy is captured at most.
	// TCP sends nothing again that soon (RFC 6298: a second; Linux: 200 ms).
	copiedWithin = int64(1e6)
	// clockSlack is how much the order of packets of several queues may differ
	// from that of their times.
	clockSlack = int64(10e6)
	// jumboSegment is the longest where no MSS was seen: Ethernet's jumbo frames.
	jumboSegment = 9000 - 40
)

// note looks at a segment before it is added; last is the time of the one before.
func (q *quality) note(dir int, in *packet.Info, m reassembly.Mark, last int64) {
	t := &in.TCP
	if t.Flags&packet.SYN != 0 && t.MSS != 0 {
		q.limit[1-dir] = t.MSS
	}
	limit := jumboSegment
	if q.limit[dir] != 0 {
		limit = int(q.limit[dir])
	}
	if in.PayloadLen > limit {
		q.merged++
	}
	if in.PayloadLen > len(in.Payload) {
		q.cut++
	}
	if m.Time != 0 && m.Time < last-clockSlack {
		q.clock++
	}
	now := likeness{m.Time, t.Seq, t.Ack, in.PayloadLen, t.Flags, in.IPID}
	before := q.last[dir]
	gap := now.at - before.at
	before.at = now.at
	carries := in.PayloadLen > 0 || t.Flags&(packet.SYN|packet.FIN) != 0
	if carries && now == before && gap >= 0 && gap <= copiedWithin {
		q.twice++
	}
	q.last[dir] = now
	q.noteAnswer(dir, t)
}

// noteAnswer looks for a sign that the other side sent something. A reset's
// acknowledgement is none.
func (q *quality) noteAnswer(dir int, t *packet.TCPHeader) {
	switch {
	case t.Flags&(packet.ACK|packet.RST) != packet.ACK:
	case t.Flags&packet.SYN != 0:
		q.answers[dir] = true
	case !q.hasAcked[dir]:
		q.hasAcked[dir], q.acked[dir] = true, t.Ack
	case int32(t.Ack-q.acked[dir]) > 0:
		q.answers[dir] = true
	}
}

// turn exchanges the directions.
func (q *quality) turn() {
	q.last[0], q.last[1] = q.last[1], q.last[0]
	q.limit[0], q.limit[1] = q.limit[1], q.limit[0]
	q.answers[0], q.answers[1] = q.answers[1], q.answers[0]
	q.acked[0], q.acked[1] = q.acked[1], q.acked[0]
	q.hasAcked[0], q.hasAcked[1] = q.hasAcked[1], q.hasAcked[0]
}

// flaws tells of what was counted.
func (c *conn) flaws() {
	q := &c.quality
	tell := func(what string, from flow.Side, n int) {
		if n > 0 {
			c.emit(c.mark, flow.Event{Kind: flow.CaptureFlaw, From: from, Text: what, Attrs: flow.Attrs(flow.KeyPackets, strconv.Itoa(n))})
		}
	}
	for dir := range q.answers {
		// With a SYN, any later acknowledgement answers the SYN-ACK.
		if answered := q.answers[dir] || q.hasAcked[dir] && c.syns > 0; answered && c.early.seen[dir] && !c.early.seen[1-dir] {
			tell(flow.FlawOneSided, side(dir), c.packets)
		}
	}
	tell(flow.FlawCut, flow.Unknown, q.cut)
	tell(flow.FlawMerged, flow.Unknown, q.merged)
	tell(flow.FlawTwice, flow.Unknown, q.twice)
	tell(flow.FlawClock, flow.Unknown, q.clock)
}
