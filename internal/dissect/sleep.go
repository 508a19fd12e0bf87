package dissect

import (
	"slices"

	"github.com/klauspost/compress/s2"

	"fanlight/internal/flow"
)

const (
	// sleepAfter is how long a connection has to be quiet for its record to be
	// packed: most that are open at a time are.
	sleepAfter = int64(1e9)
	// packEvents bounds the events that are packed, because all are folded again
	// when the next packet comes; packBytes what they amount to.
	packEvents = 100
	packBytes  = 64 << 10
	// dictBytes is the least from which a dictionary is made.
	dictBytes = 256
)

// packer turns the events of a connection into few bytes. The first of some
// length is the dictionary for those that follow: connections to the same
// server, by the same program, are much alike. The 1,000 bytes of one over HTTPS
// with keys become 400 where only the program and the server are the same.
type packer struct {
	dict  *s2.Dict
	batch flow.Batch // working memory
}

// packed is a record at rest; the zero value is none.
type packed struct {
	dict  *s2.Dict // nil: none was there yet
	bytes []byte
}

func (p *packer) pack(events []flow.Event) packed {
	p.batch = p.batch[:0]
	for i := range events {
		if p.batch = p.batch.Append(&events[i]); len(p.batch) > packBytes {
			p.batch = nil
			return packed{}
		}
	}
	if p.dict == nil && len(p.batch) >= dictBytes {
		p.dict = s2.MakeDict(slices.Clip(slices.Clone(p.batch)), nil)
	}
	if p.dict == nil {
		return packed{bytes: slices.Clone(s2.Encode(nil, p.batch))}
	}
	return packed{p.dict, slices.Clone(p.dict.Encode(nil, p.batch))}
}

func (p *packed) events() flow.Batch {
	var raw []byte
	if p.dict != nil {
		raw, _ = p.dict.Decode(nil, p.bytes) // it was packed by us
	} else {
		raw, _ = s2.Decode(nil, p.bytes)
	}
	return raw
}

// sleepers packs the connections that have become quiet. Those in front of
// awake are packed already.
func (w *worker) sleepers() {
	for c := w.awake; c != nil && w.now-c.last > w.sleepAfter; c = c.next {
		w.awake = c.next
		c.sleep()
	}
}

// sleep packs the record, whose events tell all that is in it; but of a tunnel
// not what it was called before.
func (c *conn) sleep() {
	if c.settled || c.tunnels > 1 || len(c.rec.Events) > packEvents || c.rec.Forgotten > 0 ||
		len(c.rec.Events) == 0 || c.rec.Events[0].Kind != flow.Open {
		return
	}
	if c.packed = c.w.packer.pack(c.rec.Events); c.packed.bytes == nil {
		return
	}
	c.rec, c.opening = nil, nil
	c.memory.record, c.memory.grown = len(c.packed.bytes), 0
	c.charge()
	if d, is := c.top.(*detect); is && d.inner != nil && !c.guessed {
		c.top = d.inner // it has decided
	}
	if c.session != nil {
		c.session.Rest()
	}
}

// wake unpacks the record.
func (c *conn) wake() {
	if c.packed.bytes == nil {
		return
	}
	c.rec = &flow.Conn{}
	for e := range c.packed.events().Events {
		if e.Open != nil {
			c.opening = e.Open
		}
		c.rec.Fold(e, keptEvents)
	}
	c.packed = packed{}
	c.memory.record = c.rec.Size()
}
