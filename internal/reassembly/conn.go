package reassembly

import "fanlight/internal/packet"

// Conn is the two streams of one connection. The zero value is ready; Budget
// may be set before the first Add, and gets back what it lent at Flush. A Conn
// is for one goroutine.
type Conn struct {
	Budget *Budget // nil: the default limit of one connection, and no share with others

	half      [2]half
	held      int64 // what the pieces held cost
	last      Mark  // of the last segment
	opened    int64 // time of the SYN
	rtt       int64 // nanoseconds from the SYN to Established, 0 unknown
	opening   bool  // a SYN was seen, and its sender has shown no answer yet
	midStream bool
	reset     bool
}

// half is one direction: what its sender sent, and what the peer said of that.
type half struct {
	pieces  []piece // held out of order, by sequence number, none overlapping
	finMark Mark
	ackedAt int64  // when acked was first seen to be past next, 0 while it is not
	isn     uint32 // of a SYN
	next    uint32 // the sequence number that is to come
	acked   uint32 // the highest acknowledgement by the peer
	fin     uint32 // the sequence number of the FIN
	window  uint16 // advertised last, not scaled
	scale   int8   // offered with the SYN, -1 if not
	heard   bool   // a segment of this direction was captured
	started bool   // next is known, perhaps from the peer alone
	syn     bool
	hasAck  bool // acked is known
	finSeen bool
	ended   bool // the FIN's turn has come
	zero    bool // the window is closed
}

// before reports whether sequence number a comes before b.
func before(a, b uint32) bool { return int32(a-b) < 0 }

// Turn exchanges the two directions, for a caller who took one for the other.
// It must not be called from a Handler.
func (c *Conn) Turn() { c.half[0], c.half[1] = c.half[1], c.half[0] }

// Add takes the next captured segment, sent by side dir. The bytes it completes go to
// h before Add returns.
func (c *Conn) Add(dir int, s *Segment, h Handler) {
	if c.reset {
		return
	}
	dir &= 1
	m := Mark{Time: s.Time, Packet: s.Packet}
	c.last = m
	if s.Flags&packet.RST != 0 {
		c.addRST(dir, s, m, h)
		return
	}
	seq := s.Seq
	if s.Flags&packet.SYN != 0 {
		if !c.addSYN(dir, s, m, h) {
			return
		}
		seq++
	}
	c.half[dir].heard = true
	if !c.half[dir].started {
		c.joinMidStream(dir, s, m, h)
	}
	if s.Flags&packet.ACK != 0 {
		c.addACK(dir, s, m, h)
	}
	if s.Flags&packet.FIN != 0 {
		c.addFIN(dir, seq+uint32(s.length()), s, m, h)
	}
	c.addPayload(dir, seq, s, m, h)
}

// maxLength is more than any segment has, offloaded ones included.
const maxLength = 16 << 20

func (s *Segment) length() int { return min(max(s.Length, len(s.Payload)), maxLength) }

// addSYN reports whether the segment belongs to this connection.
func (c *Conn) addSYN(dir int, s *Segment, m Mark, h Handler) bool {
	p := &c.half[dir]
	if p.syn {
		return c.addSYNAgain(p, dir, s, m, h)
	}
	p.syn, p.isn, p.scale, p.window = true, s.Seq, s.WScale, s.Window
	if !p.started {
		p.started, p.next = true, s.Seq+1
	}
	if s.Flags&packet.ACK == 0 {
		c.opening, c.opened = true, s.Time
		h.Note(dir, SYN, 0, m)
		return true
	}
	if peer := &c.half[dir^1]; !peer.started {
		peer.start(s.Ack)
		c.opening = true
	}
	h.Note(dir, SYNACK, 0, m)
	return true
}

func (c *Conn) addSYNAgain(p *half, dir int, s *Segment, m Mark, h Handler) bool {
	if s.Seq != p.isn {
		return false
	}
	if c.opening {
		c.opened = s.Time // the round trip counts from the one that was answered
	}
	if s.length() == 0 {
		h.Note(dir, Retransmission, 0, m)
	}
	return true
}

// start takes from an acknowledgement where a direction stands.
func (p *half) start(seq uint32) {
	p.started, p.next = true, seq
	p.hasAck, p.acked = true, seq
}

func (c *Conn) joinMidStream(dir int, s *Segment, m Mark, h Handler) {
	p := &c.half[dir]
	p.started, p.next = true, s.Seq
	if !c.half[dir^1].started {
		c.midStream = true
		h.Note(dir, MidStream, 0, m)
	}
}

// addACK reads what a segment tells its receiver: what has arrived, and how much
// more may be sent.
func (c *Conn) addACK(dir int, s *Segment, m Mark, h Handler) {
	p, peer := &c.half[dir], &c.half[dir^1]
	syn := s.Flags&packet.SYN != 0
	if c.opening && dir == 0 && !syn {
		c.opening = false
		if c.opened != 0 {
			c.rtt = s.Time - c.opened
		}
		h.Note(dir, Established, 0, m)
		if !peer.started {
			peer.start(s.Ack)
		}
	}
	if peer.started && !before(s.Ack, peer.next-maxWindow) && !before(peer.next+maxWindow, s.Ack) {
		if !peer.hasAck || before(peer.acked, s.Ack) {
			peer.hasAck, peer.acked = true, s.Ack
		}
		if before(peer.next, peer.acked) {
			c.checkHole(dir^1, m, h)
		}
	}
	if syn {
		return
	}
	p.window = s.Window
	if (s.Window == 0) == p.zero {
		return
	}
	p.zero = !p.zero
	if p.zero {
		h.Note(dir, ZeroWindow, 0, m)
	} else {
		h.Note(dir, WindowOpen, c.window(dir), m)
	}
}

// maxWindow is the largest that TCP has (RFC 7323, 2.3). What is further away
// is not of this connection.
const maxWindow = 1 << 30

// window is how many bytes side dir takes, as far as its scale is known.
func (c *Conn) window(dir int) int64 {
	w := int64(c.half[dir].window)
	if c.half[0].syn && c.half[1].syn && c.half[0].scale >= 0 && c.half[1].scale >= 0 {
		w <<= min(c.half[dir].scale, 14)
	}
	return w
}

// addFIN takes a FIN with sequence number seq. Its turn comes when the bytes before
// it were given.
func (c *Conn) addFIN(dir int, seq uint32, s *Segment, m Mark, h Handler) {
	p := &c.half[dir]
	if p.finSeen {
		if seq == p.fin && s.length() == 0 {
			h.Note(dir, Retransmission, 0, m)
		}
		return
	}
	if before(seq, p.next) || before(p.next+maxWindow+maxLength, seq) {
		return
	}
	p.finSeen, p.fin, p.finMark = true, seq, m
	c.cutAfter(dir, seq)
}

// Reuse reports whether a segment with SYN opens a new connection on the
// addresses and ports of this one: it does after both ends have closed, or
// with another initial sequence number. The caller then flushes this Conn and
// begins a new one; dir 0 of that is the sender of the SYN.
func (c *Conn) Reuse(dir int, s *Segment) bool {
	p := &c.half[dir&1]
	switch {
	case s.Flags&packet.SYN == 0 || s.Flags&packet.RST != 0:
		return false
	case p.syn && p.isn == s.Seq:
		// Some systems try again with the same number after a refusal. Sooner
		// than that it is the same packet, captured twice.
		return c.Done() && s.Flags&packet.ACK == 0 && s.Time-c.last.Time > duplicateWithin
	case p.started && !p.syn && p.next == s.Seq+1:
		return false // the SYN was captured after what it opened
	}
	return p.started || c.Done()
}

// duplicateWithin is how soon after a packet its copy is captured at most.
const duplicateWithin = 1e6

// MidStream reports whether the capture began after the handshake.
func (c *Conn) MidStream() bool { return c.midStream }

// Done reports whether both directions have ended: by RST, or by FINs that were
// acknowledged. If only one direction was captured, its FIN is enough.
// Segments may still follow; they change nothing, so keep the Conn for
// a while lest they look like a new connection.
func (c *Conn) Done() bool {
	a, b := &c.half[0], &c.half[1]
	switch {
	case c.reset:
		return true
	case !b.heard:
		return a.ended
	case !a.heard:
		return b.ended
	}
	return a.ended && b.ended && !before(a.acked, a.next) && !before(b.acked, b.next)
}
