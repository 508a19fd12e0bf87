package cli

import (
	"slices"

	"fanlight/internal/flow"
)

// kept is the connections that are explained together, bounded in number and
// memory. Of too many, those that went well leave first; then the header fields
// of exchanges that went well; then no more are taken.
type kept struct {
	flow.Trace
	count, size int // limits
	holds       int // bytes, about

	dropped int                 // connections that were not kept
	bared   map[*flow.Conn]bool // exchanges of these lost header fields
	well    int                 // all in front of it are eventful
	full    int                 // all in front of it have no header fields to spare
}

const (
	keptConns = 5000
	keptBytes = 48 << 20
)

func newKept(count, size int) kept {
	return kept{count: count, size: size, bared: map[*flow.Conn]bool{}}
}

func (k *kept) add(c *flow.Conn) {
	k.Conns = append(k.Conns, c)
	k.holds += c.Size()
	for len(k.Conns) > k.count || k.holds > k.size {
		if !k.dropWell() && (len(k.Conns) > k.count || !k.bare()) {
			k.drop(len(k.Conns) - 1)
		}
	}
}

// dropWell drops a connection that went well: the newest, or else the oldest.
func (k *kept) dropWell() bool {
	if last := len(k.Conns) - 1; uneventful(k.Conns[last]) {
		k.drop(last)
		return true
	}
	for ; k.well < len(k.Conns); k.well++ {
		if uneventful(k.Conns[k.well]) {
			k.drop(k.well)
			return true
		}
	}
	return false
}

func (k *kept) drop(i int) {
	k.holds -= k.Conns[i].Size()
	k.dropped++
	delete(k.bared, k.Conns[i])
	k.Conns = slices.Delete(k.Conns, i, i+1)
	k.well = min(k.well, len(k.Conns))
	if k.full = min(k.full, len(k.Conns)); i < k.full {
		k.full--
	}
}

// bare takes the header fields off the exchanges of a connection that no failure
// touches.
func (k *kept) bare() bool {
	for k.full < len(k.Conns) {
		c := k.Conns[k.full]
		k.full++
		before := c.Size()
		failed := failedExchanges(c)
		c.DropHeader(func(x *flow.Exchange) bool { return !failed[x.ID] })
		if freed := before - c.Size(); freed > 0 {
			k.holds -= freed
			k.bared[c] = true
			return true
		}
	}
	return false
}

// failedExchanges are those that are not known to have gone well.
func failedExchanges(c *flow.Conn) map[flow.ExchangeID]bool {
	failed := map[flow.ExchangeID]bool{}
	for _, x := range c.Exchanges {
		failed[x.ID] = x.Outcome != flow.Complete || x.Status == 0 || x.Status >= 400
	}
	for i := range c.Events {
		if e := &c.Events[i]; e.Notable() {
			failed[e.Exchange] = true
		}
	}
	return failed
}

// uneventful tells that nothing on a connection asks for an explanation.
func uneventful(c *flow.Conn) bool {
	for i := range c.Events {
		if c.Events[i].Notable() {
			return false
		}
	}
	return true
}
