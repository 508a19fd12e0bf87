package reassembly

import "time"

// When bytes that the peer has acknowledged are given up. A capture may be in
// disorder by some segments, but not by more.
const (
	acknowledgedPieces = 3
	acknowledgedBytes  = 64 << 10
	acknowledgedWait   = int64(10 * time.Millisecond)
)

// checkHole gives up a hole whose bytes the peer has acknowledged: they were sent
// and the capture has lost them.
func (c *Conn) checkHole(dir int, m Mark, h Handler) {
	p := &c.half[dir]
	if p.ackedAt == 0 {
		p.ackedAt = m.Time
	}
	waited := m.Time-p.ackedAt >= acknowledgedWait
	if len(p.pieces) == 0 {
		if end := p.tail(); waited && before(p.next, end) {
			c.giveUp(dir, end, m, Gap, h)
			c.drain(dir, h)
		}
		return
	}
	for len(p.pieces) > 0 && !before(p.acked, p.pieces[0].seq) && (waited || c.crowded(p)) {
		c.giveUp(dir, p.pieces[0].seq, m, Gap, h)
		c.drain(dir, h)
	}
}

// crowded reports whether enough has come after a hole to wait no longer.
func (c *Conn) crowded(p *half) bool {
	return len(p.pieces) >= acknowledgedPieces || c.held >= acknowledgedBytes
}

// tail is the end of what the peer has acknowledged. Where no FIN was seen the last
// sequence number may be that of one, so it is left out.
func (p *half) tail() uint32 {
	switch {
	case !p.hasAck || !before(p.next, p.acked):
		return p.next
	case p.finSeen:
		return p.fin
	}
	return p.acked - 1
}

// makeRoom gives up the first hole, to pass on what is held after it.
func (c *Conn) makeRoom(dir int, seq uint32, m Mark, h Handler) {
	p := &c.half[dir]
	to := seq
	if len(p.pieces) > 0 && before(p.pieces[0].seq, to) {
		to = p.pieces[0].seq
	}
	c.giveUp(dir, to, m, Dropped, h)
	c.drain(dir, h)
}

// giveUp skips to sequence number to. why is Dropped, or Gap if there is nothing
// to add to that.
func (c *Conn) giveUp(dir int, to uint32, m Mark, why NoteKind, h Handler) {
	p := &c.half[dir]
	n := int64(to - p.next)
	if n == 0 {
		return
	}
	if p.hasAck && !before(p.acked, to) {
		why = AckedUnseen
	}
	if why != Gap {
		h.Note(dir, why, n, m)
	}
	h.Note(dir, Gap, n, m)
	h.Skip(dir, n, m)
	p.next = to
}

// Flush gives what is held, with a Skip for every hole, and lets go of it: at the
// end of the capture, or when the connection is given up.
func (c *Conn) Flush(h Handler) {
	for {
		dir := c.earliest()
		p := &c.half[dir]
		if len(p.pieces) == 0 {
			break
		}
		c.giveUp(dir, p.pieces[0].seq, c.last, Gap, h)
		c.drain(dir, h)
	}
	for dir := range c.half {
		p := &c.half[dir]
		end := p.tail()
		if p.finSeen && !p.ended {
			end = p.fin
		}
		if before(p.next, end) {
			c.giveUp(dir, end, c.last, Gap, h)
		}
		c.drain(dir, h)
	}
}

// earliest is the direction whose first piece was captured first.
func (c *Conn) earliest() int {
	a, b := c.half[0].pieces, c.half[1].pieces
	if len(a) == 0 || len(b) > 0 && b[0].mark.Packet < a[0].mark.Packet {
		return 1
	}
	return 0
}
