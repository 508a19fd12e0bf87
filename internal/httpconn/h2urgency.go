package httpconn

// wakeSender lets one of those who wait for room go on: the most urgent of those
// who could (RFC 9218, section 10), who wakes the next when it has sent a piece.
func (c *h2Conn) wakeSender() {
	if len(c.waiting) == 0 || c.send.Room() == 0 || c.out.room() < h2Piece {
		return
	}
	best := -1
	for i, s := range c.waiting {
		if s.send.Room() > 0 && (best < 0 || s.urgency < c.waiting[best].urgency) {
			best = i
		}
	}
	if best < 0 {
		return
	}
	s := c.waiting[best]
	c.waiting = append(c.waiting[:best], c.waiting[best+1:]...)
	s.queued = false
	s.writable.Signal()
}

// unqueue takes a stream off those that wait for room.
func (c *h2Conn) unqueue(s *h2Stream) {
	if !s.queued {
		return
	}
	for i, w := range c.waiting {
		if w == s {
			c.waiting = append(c.waiting[:i], c.waiting[i+1:]...)
			break
		}
	}
	s.queued = false
}
