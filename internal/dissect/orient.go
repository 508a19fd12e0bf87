package dissect

import (
	"bytes"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
	"fanlight/internal/reassembly"
)

// orient looks for what tells which side connected, as long as that is only a
// guess by the ports, and gives the direction of the segment. Against the guess
// the connection is turned round if nothing was read from it yet.
func (c *conn) orient(dir int, seg *reassembly.Segment) int {
	if c.ids.started > 0 { // what was read made sense
		c.sidesTold()
		return dir
	}
	from, told := senderOf(seg)
	switch {
	case !told:
		return dir
	case from == dir:
		c.sidesTold()
		return dir
	case !c.nothingRead():
		c.guessed = false
		c.emit(c.mark, flow.Event{Kind: flow.Irregular, From: side(dir), Text: "sides-contradicted"})
		return dir
	}
	c.turn()
	c.sidesTold()
	return from
}

// senderOf tells who sent a segment that only one side can send.
func senderOf(seg *reassembly.Segment) (dir int, told bool) {
	switch seg.Flags & (packet.SYN | packet.ACK) {
	case packet.SYN | packet.ACK:
		return fromServer, true
	case packet.SYN:
		return fromClient, true
	}
	return sender(seg.Payload)
}

// sender tells who sent a piece that begins with a message, as far as nothing
// else looks like that.
func sender(p []byte) (dir int, told bool) {
	switch {
	case startsRequest(p), bytes.HasPrefix(p, []byte("PRI * HTTP/2.0")):
		return fromClient, true
	case startsMessage(fromServer, p):
		return fromServer, true
	case len(p) > 10 && p[0] == 22 && p[1] == 3 && p[9] == 3: // a hello in clear (RFC 8446, sections 4 and 5.1)
		return int(p[5]) - 1, p[5] == 1 || p[5] == 2
	}
	return 0, false
}

// nothingRead tells that no protocol has taken up what came so far.
func (c *conn) nothingRead() bool {
	d, is := c.top.(*detect)
	if !is || c.session != nil {
		return false
	}
	_, unknown := d.inner.(opaque)
	return d.inner == nil || unknown
}

// turn makes the client of what was taken for the server.
func (c *conn) turn() {
	c.flipped = !c.flipped
	c.tcp.Turn()
	c.early.turn()
	c.quality.turn()
	c.hops.turn()
	c.windows.turn()
	c.wire[0], c.wire[1] = c.wire[1], c.wire[0]
	c.opening.Client, c.opening.Server = c.opening.Server, c.opening.Client
	c.rec.Client, c.rec.Server = c.opening.Client, c.opening.Server
	for i := range c.rec.Events {
		c.rec.Events[i].From = c.rec.Events[i].From.Other()
	}
	d := &detect{choose: c.protocol, rec: c}
	if old := c.top.(*detect); old.inner == nil {
		d.pieces = old.pieces
	}
	for i := range d.pieces {
		d.pieces[i].dir ^= 1
	}
	c.top = d
}

// sidesTold takes back that the sides are a guess.
func (c *conn) sidesTold() {
	c.guessed = false
	for i := range c.rec.Events {
		if e := &c.rec.Events[i]; e.Kind == flow.MidStream {
			e.Attrs = nil
		}
	}
}
