package reassembly

import "fanlight/internal/packet"

// strayRST is how far from the last byte seen a RST may be where nothing is known
// of the window it must be in.
const strayRST = 1 << 20

// addRST ends the connection, if its receiver would (RFC 9293, 3.5.3). What is held
// was sent before it and is given first.
func (c *Conn) addRST(dir int, s *Segment, m Mark, h Handler) {
	if !c.acceptsRST(dir, s) {
		h.Note(dir, InvalidRST, 0, m)
		return
	}
	c.Flush(h)
	h.Note(dir, RST, 0, m)
	c.reset = true
}

func (c *Conn) acceptsRST(dir int, s *Segment) bool {
	p, peer := &c.half[dir], &c.half[dir^1]
	if !p.started {
		// The answer to a SYN must acknowledge it.
		return !peer.syn || s.Flags&packet.ACK == 0 || before(peer.isn, s.Ack) && !before(peer.next, s.Ack)
	}
	off := int64(int32(s.Seq - p.next))
	if off == 0 {
		return true
	}
	if !p.hasAck || !peer.heard {
		return -strayRST <= off && off <= strayRST
	}
	window := c.window(dir ^ 1)
	if !peer.syn {
		window = maxWindow
	}
	off = int64(int32(s.Seq - p.acked))
	return 0 <= off && off <= window
}
