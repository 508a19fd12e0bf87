package reassembly

// half is what is known of one direction.
type half struct{}

// Add takes the next captured segment, sent by side dir. The bytes it completes go to
// h before Add returns.
func (c *Conn) Add(dir int, s *Segment, h Handler) {}

// Reuse reports whether a segment with SYN opens a new connection on the
// addresses and ports of this one: it does after both ends have closed, or
// with another initial sequence number. The caller then flushes this Conn and
// begins a new one; dir 0 of that is the sender of the SYN.
func (c *Conn) Reuse(dir int, s *Segment) bool { return false }

// Done reports whether both directions have ended: by RST, or by FINs that were
// acknowledged. If only one direction was captured, its FIN is enough.
// Segments may still follow; they change nothing, so keep the Conn for
// a while lest they look like a new connection.
func (c *Conn) Done() bool { return false }

// Flush gives what is held, with a Skip for every hole, and lets go of it: at the
// end of the capture, or when the connection is given up.
func (c *Conn) Flush(h Handler) {}
