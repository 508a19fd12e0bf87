package dissect

import "fanlight/internal/flow"

// Limits on what connections keep while they are open, in bytes of memory as
// far as these can be told.
const (
	// recordBytes is what the record of a connection may take.
	recordBytes = 1 << 20
	// openBytes is what all open TCP connections may take, in equal shares for
	// the workers; for more, the one that was idle longest ends its record.
	openBytes = 64 << 20
	// quicBytes is the same for QUIC.
	quicBytes = 16 << 20
	// connCost is a connection besides its record and what its speakers hold.
	connCost = 2 << 10
	// recountAfter is by how much a record grows at least before its size is
	// looked at.
	recountAfter = 16 << 10
)

// memory is what a connection takes.
type memory struct {
	record  int // when it was looked at last
	grown   int // since then, by what was emitted
	charged int // to the worker
	maimed  bool
}

// grew counts an event that was folded into a record.
func (m *memory) grew(rec *flow.Conn, e *flow.Event) (maimed bool) {
	m.grown += e.Size()*5/4 + 2*len(e.Header) // lists have room to spare
	if e.Kind == flow.Request {
		m.grown += exchangeCost
	}
	if m.grown <= m.record+recountAfter {
		return false
	}
	maimed = rec.Shrink(recordBytes) && !m.maimed
	m.maimed = m.maimed || maimed
	m.record, m.grown = rec.Size(), 0
	return maimed
}

// exchangeCost is an exchange without its header.
const exchangeCost = 512

func (m *memory) size() int { return connCost + m.record + m.grown }

// charge tells the worker what a connection takes now.
func (c *conn) charge() {
	now := connCost
	if !c.settled {
		now = c.memory.size() + c.top.held() + c.bodies.held
	}
	c.w.held += now - c.memory.charged
	c.memory.charged = now
}

// makeRoom ends records until the connections take no more than they may; that
// of the newest stays.
func (w *worker) makeRoom() {
	for w.held > openBytes/len(w.a.workers) && w.oldest != w.newest {
		w.evict(w.oldest)
	}
}

// evict ends the record of a connection that may go on, for want of room.
func (w *worker) evict(c *conn) {
	if !c.settled && !c.done {
		c.wake()
		w.counts.Evicted++
		c.emit(c.mark, flow.Event{Kind: flow.BufferFull, Text: crowdedOut})
		c.flushHeld()
		c.tcp.Flush(c)
		for dir := range c.wire {
			c.top.skip(dir, -1, c.mark) // what becomes of its exchanges is not seen
		}
	}
	w.drop(c)
}

// What BufferFull says besides bytes.
const (
	crowdedOut    = "the record ends here: too much is open"
	headerDropped = "header fields of this record were dropped"
)

// chargeQUIC is charge and makeRoom for QUIC.
func (w *worker) chargeQUIC(c *quicConn) {
	now := c.memory.size() + c.wire.Held() + c.hellos[0].Held() + c.hellos[1].Held()
	w.heldQUIC += now - c.memory.charged
	c.memory.charged = now
	if w.heldQUIC > quicBytes/len(w.a.workers) {
		w.crowdedOutQUIC()
	}
}
