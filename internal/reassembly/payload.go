package reassembly

import (
	"slices"

	"fanlight/internal/packet"
)

// piece is a part of a stream that came before its turn.
type piece struct {
	mark   Mark
	data   []byte // as captured
	seq    uint32
	length int // on the wire
}

// maxPieces is how many of them a direction has at most, for each that comes
// before the others moves them all.
const maxPieces = 4096

func (p *piece) end() uint32 { return p.seq + uint32(p.length) }

// addPayload takes the bytes of a segment that begin at seq.
func (c *Conn) addPayload(dir int, seq uint32, s *Segment, m Mark, h Handler) {
	p := &c.half[dir]
	n := s.length()
	if c.isKeepAlive(dir, seq, n, s.Flags) {
		h.Note(dir, KeepAlive, int64(n), m)
		return
	}
	if n == 0 && !p.finSeen {
		return
	}
	b := s.Payload[:min(n, len(s.Payload))]
	if p.finSeen && before(p.fin, seq+uint32(n)) {
		n = max(int(int32(p.fin-seq)), 0)
		b = b[:min(n, len(b))]
	}
	if seq == p.next && len(p.pieces) == 0 {
		c.give(dir, b, n, m, h)
	} else if n > 0 {
		c.addDisordered(dir, seq, b, n, m, h)
	}
	if p.finSeen {
		c.drain(dir, h)
	}
}

// isKeepAlive reports whether a segment with n bytes is a probe. One byte is only that
// when the peer has acknowledged it already (RFC 9293, 3.8.4).
func (c *Conn) isKeepAlive(dir int, seq uint32, n int, flags uint8) bool {
	p, peer := &c.half[dir], &c.half[dir^1]
	if n > 1 || seq+1 != p.next || p.finSeen || flags&(packet.SYN|packet.FIN) != 0 {
		return false
	}
	return n == 0 || !peer.heard || p.hasAck && !before(p.acked, p.next)
}

// give passes on what has its turn: n bytes, of which b were captured.
func (c *Conn) give(dir int, b []byte, n int, m Mark, h Handler) {
	p := &c.half[dir]
	p.next += uint32(n)
	if p.ackedAt != 0 && !before(p.next, p.acked) {
		p.ackedAt = 0
	}
	if len(b) > 0 {
		h.Bytes(dir, b, m)
	}
	if cut := int64(n - len(b)); cut > 0 {
		h.Note(dir, Snapped, cut, m)
		h.Skip(dir, cut, m)
	}
}

// tally is what was found in one segment, to be noted once.
type tally struct {
	late     NoteKind // what filling a hole was
	filled   int
	repeated int
	differ   int
}

// addDisordered takes bytes that were there before, fill a hole, leave one, or do all
// that in turn.
func (c *Conn) addDisordered(dir int, seq uint32, b []byte, n int, m Mark, h Handler) {
	p := &c.half[dir]
	if before(p.next+maxWindow, seq) {
		h.Note(dir, Stray, int64(n), m)
		return
	}
	var found tally
	for n > 0 {
		var k int
		switch off := int(int32(seq - p.next)); {
		case off < 0:
			k = min(n, -off)
			found.repeated += k
		case off == 0 && len(p.pieces) == 0:
			k = n
			c.give(dir, b, n, m, h)
		case off == 0 && p.pieces[0].seq != seq:
			k = min(n, int(p.pieces[0].seq-seq))
			found.fill(c.lateness(&p.pieces[0], m), k)
			c.give(dir, b[:min(k, len(b))], k, m, h)
		default:
			k = c.hold(dir, seq, b, n, m, &found)
			if k == 0 {
				c.makeRoom(dir, seq, m, h)
			}
		}
		seq += uint32(k)
		n -= k
		b = b[min(k, len(b)):]
	}
	found.note(dir, m, h)
	c.drain(dir, h)
	if p.hasAck && before(p.next, p.acked) {
		c.checkHole(dir, m, h)
	}
}

// fill counts n bytes that filled a hole.
func (t *tally) fill(late NoteKind, n int) {
	if t.filled == 0 || late == Retransmission {
		t.late = late
	}
	t.filled += n
}

func (t tally) note(dir int, m Mark, h Handler) {
	if t.late == Retransmission {
		t.repeated += t.filled
	} else if t.filled > 0 {
		h.Note(dir, t.late, int64(t.filled), m)
	}
	if t.repeated > 0 {
		h.Note(dir, Retransmission, int64(t.repeated), m)
	}
	if t.differ > 0 {
		h.Note(dir, Overlap, int64(t.differ), m)
	}
}

// swappedWithin is how late a segment is at most that the network has swapped with
// the next, where the round trip is not known. A sender cannot notice a loss
// and repeat in less than a round trip.
const swappedWithin = 3e6

// lateness tells bytes that were overtaken by those of next from those sent again.
func (c *Conn) lateness(next *piece, m Mark) NoteKind {
	limit := int64(swappedWithin)
	if c.rtt > 0 {
		limit = c.rtt
	}
	if m.Time-next.mark.Time < limit {
		return OutOfOrder
	}
	return Retransmission
}

// hold keeps a copy of the first of n bytes from seq, as many as are before the next
// piece, or compares them with the piece that has them. It gives how many bytes it
// dealt with: 0 if there is no room.
func (c *Conn) hold(dir int, seq uint32, b []byte, n int, m Mark, found *tally) int {
	p := &c.half[dir]
	at := len(p.pieces)
	if at > 0 && before(seq, p.pieces[at-1].end()) {
		at, _ = slices.BinarySearchFunc(p.pieces, seq, func(q piece, seq uint32) int {
			return int(int32(q.end()-seq-1) >> 31) // -1 for those that end at seq or before it
		})
	}
	if at < len(p.pieces) {
		q := &p.pieces[at]
		if !before(seq, q.seq) {
			return q.compare(seq, b, n, found)
		}
		n = min(n, int(q.seq-seq))
		b = b[:min(n, len(b))]
	}
	if len(p.pieces) >= maxPieces || !c.reserve(cost(b)) {
		return 0
	}
	if at < len(p.pieces) { // a hole behind the first
		found.fill(c.lateness(&p.pieces[at], m), n)
	}
	p.pieces = slices.Insert(p.pieces, at, piece{mark: m, data: slices.Clone(b), seq: seq, length: n})
	return n
}

// compare finds which of n bytes from seq are in q, how many of them differ, and
// gives how many they are.
func (q *piece) compare(seq uint32, b []byte, n int, found *tally) int {
	off := int(seq - q.seq)
	n = min(n, q.length-off)
	found.repeated += n
	for i := range min(n, len(b), max(len(q.data)-off, 0)) {
		if b[i] != q.data[off+i] {
			found.differ++
		}
	}
	return n
}

// drain passes on the pieces that have their turn, and then the FIN.
func (c *Conn) drain(dir int, h Handler) {
	p := &c.half[dir]
	done := 0
	for done < len(p.pieces) && p.pieces[done].seq == p.next {
		q := &p.pieces[done]
		c.give(dir, q.data, q.length, q.mark, h)
		c.release(cost(q.data))
		done++
	}
	if done > 0 {
		p.ackedAt = 0
		p.forget(0, done)
	}
	if p.finSeen && !p.ended && p.next == p.fin {
		p.ended = true
		p.next++
		h.Note(dir, FIN, 0, p.finMark)
	}
}

// keptPieces is how long a list of pieces may be that an idle connection keeps.
const keptPieces = 8

// forget takes pieces out of the list.
func (p *half) forget(from, to int) {
	p.pieces = slices.Delete(p.pieces, from, to)
	if len(p.pieces) == 0 && cap(p.pieces) > keptPieces {
		p.pieces = nil
	}
}

// cutAfter lets go of the bytes from seq on, which a FIN says were never sent.
func (c *Conn) cutAfter(dir int, seq uint32) {
	p := &c.half[dir]
	keep := len(p.pieces)
	for keep > 0 && !before(p.pieces[keep-1].seq, seq) {
		keep--
		c.release(cost(p.pieces[keep].data))
	}
	p.forget(keep, len(p.pieces))
	if keep == 0 {
		return
	}
	q := &p.pieces[keep-1]
	if n := int(seq - q.seq); n < q.length {
		q.length = n
		c.release(int64(len(q.data) - min(n, len(q.data))))
		q.data = q.data[:min(n, len(q.data))]
	}
}
