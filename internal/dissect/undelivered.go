package dissect

import (
	"strconv"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
	"fanlight/internal/reassembly"
)

// undelivered reads a message of ICMP about a segment of a connection that is
// followed. One about another is passed over: it may be forged, and tells nothing.
func (w *worker) undelivered(m reassembly.Mark) {
	in := &w.info
	key, swapped := keyOf(in.Src, in.Dst)
	c := w.flows[key]
	if c == nil || c.settled {
		return
	}
	w.touch(c)
	dir := c.direction(swapped)
	attrs := []flow.Attr{{Key: flow.KeyBy, Value: in.By.String()}}
	if in.MTU != 0 {
		attrs = append(attrs, flow.Attr{Key: flow.KeyMTU, Value: strconv.FormatUint(uint64(in.MTU), 10)})
	}
	if c.noise[flow.Undelivered] < keptNoise {
		c.noise[flow.Undelivered]++
		c.emit(m, flow.Event{Kind: flow.Undelivered, From: side(dir), Text: in.Undelivered, Attrs: attrs})
	}
	if dir == fromClient && c.syns > 0 && !c.answered && in.Undelivered != packet.TooBig {
		c.refusal = []flow.Attr{{Key: flow.KeyReason, Value: in.Undelivered}, attrs[0]}
	}
}
