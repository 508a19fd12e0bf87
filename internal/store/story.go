package store

import (
	"cmp"
	"slices"

	"fanlight/internal/flow"
)

// Focus bounds a Story.
type Focus struct {
	Conns    []flow.ConnID
	Beside   []flow.ConnID   // further ones to compare with, of which the newest few batches are enough
	Exchange flow.ExchangeID // look at what led to this one on Conns; 0: at what is newest
	Batches  int             // kept of each connection, beside its beginning
	Scan     int64           // bytes of the store to look through; 0: all
	// Pause is called between pieces of the work of less than a millisecond,
	// so that it can be spread: a goroutine that computes without pause holds
	// the network up on a machine with few cores. May be nil.
	Pause func()
}

// piece is how many bytes are looked through between two pauses.
const piece = 64 << 10

// Story is a trace of bounded size of some connections and of those that
// belong to them: what explaining them needs. Trace gives all that is kept,
// which on a busy connection is a great deal.
func (s *Store) Story(f Focus) *flow.Trace {
	c := newCollector(f)
	if len(f.Conns) > 0 {
		s.newest(f, c.own)
		s.newest(f, c.others)
		if c.unfinished {
			s.newest(f, c.rest)
		}
		c.addEnds()
	}
	entries := append(s.beginnings(c), c.kept...)
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
	var events []flow.Event
	for _, b := range s.factBatches() {
		events = slices.AppendSeq(events, b.Events)
	}
	for _, e := range entries {
		events = slices.AppendSeq(events, e.events)
	}
	return flow.Fold(events)
}

// entry is a batch that is kept, with its place in the order.
type entry struct {
	seq   uint64
	batch flow.Batch
	begin bool // only what comes before its first exchange counts
}

func (e entry) events(yield func(flow.Event) bool) {
	for event := range e.batch.Events {
		if e.begin && event.Exchange != 0 || !yield(event) {
			return
		}
	}
}

// collector gathers a story, going back in time.
type collector struct {
	focus  Focus
	wanted map[flow.ConnID]bool // also those beside
	beside map[flow.ConnID]bool
	links  links
	count  map[flow.ConnID]int
	seen   bool                     // the exchange in focus was met
	legs   map[flow.ExchangeID]bool // those of other connections that were kept
	// unfinished: one of them was published before it ended, so that its end is
	// in a batch of its own.
	unfinished bool
	kept       []entry
	ends       map[flow.ConnID]entry // last batches of other connections
}

func newCollector(f Focus) *collector {
	wanted := set(slices.Concat(f.Conns, f.Beside))
	return &collector{
		focus: f, wanted: wanted, beside: set(f.Beside), count: map[flow.ConnID]int{}, ends: map[flow.ConnID]entry{}, legs: map[flow.ExchangeID]bool{},
		links: links{conns: wanted, exchanges: map[flow.ExchangeID]bool{}, made: map[flow.ExchangeID]bool{}},
	}
}

// newest goes through entries from the newest back, until f.Scan bytes.
func (s *Store) newest(f Focus, yield func(h header, b flow.Batch)) {
	var seen int64
	unpaused := 0
	s.walkBack(&s.all, func(v view) bool {
		type item struct {
			h header
			b flow.Batch
		}
		var items []item
		v.entries(0, func(_ int, h header, b flow.Batch) bool {
			items = append(items, item{h, b})
			return true
		})
		for _, it := range slices.Backward(items) {
			yield(it.h, it.b)
			if unpaused += it.h.size; unpaused >= piece && f.Pause != nil {
				f.Pause()
				unpaused = 0
			}
		}
		seen += int64(len(v.data))
		return f.Scan == 0 || seen < f.Scan
	})
}

// own keeps batches of the connections themselves and learns their links.
func (c *collector) own(h header, b flow.Batch) {
	if !c.wanted[h.conn] {
		return
	}
	beside := c.beside[h.conn]
	if c.focus.Exchange != 0 && !c.seen && !beside {
		c.seen = mentions(b, c.focus.Exchange)
		if !c.seen && !closes(b) {
			return
		}
	}
	most := c.focus.Batches
	if beside {
		most = min(most, besideBatches)
	}
	if n := c.count[h.conn]; n >= most && (n >= 2*most || !h.notable || !retires(b)) {
		return
	}
	c.keep(h, b)
	for e := range b.Events {
		if e.Exchange != 0 {
			c.links.exchanges[e.Exchange] = true
		}
		if e.Parent != 0 {
			c.links.made[e.Parent] = true
		}
	}
}

// others keeps what belongs to the exchanges that were kept.
func (c *collector) others(h header, b flow.Batch) {
	switch {
	case h.conn == 0 || c.wanted[h.conn] || len(c.kept) >= maxStory:
	case c.links.touches(b):
		if c.count[h.conn] < c.focus.Batches {
			c.keep(h, b)
			c.leg(b)
		}
	case len(c.ends) < maxStory && closes(b):
		c.ends[h.conn] = entry{seq: h.seq, batch: slices.Clone(b)}
	}
}

// leg notes which exchanges a batch of another connection began, and whether it
// has the end of each.
func (c *collector) leg(b flow.Batch) {
	open := 0
	for e := range b.Events {
		switch {
		case e.Kind == flow.Request && c.links.exchanges[e.Parent]:
			c.legs[e.Exchange] = true
			open++
		case e.Kind == flow.ExchangeDone && c.legs[e.Exchange]:
			open--
		}
	}
	c.unfinished = c.unfinished || open > 0
}

// rest keeps what came of exchanges that were unfinished, in later batches:
// those do not say again what they were made for.
func (c *collector) rest(h header, b flow.Batch) {
	if c.wanted[h.conn] || c.count[h.conn] == 0 || len(c.kept) >= maxStory || c.links.touches(b) || c.ends[h.conn].seq == h.seq && closes(b) {
		return
	}
	for e := range b.Events {
		if c.legs[e.Exchange] {
			c.keep(h, b)
			return
		}
	}
}

const (
	maxStory      = 4096 // batches in a story
	besideBatches = 8    // kept of each connection that is there to compare with
)

func (c *collector) keep(h header, b flow.Batch) {
	c.count[h.conn]++
	c.kept = append(c.kept, entry{seq: h.seq, batch: slices.Clone(b)})
}

// addEnds keeps how the connections ended that turned out to belong.
func (c *collector) addEnds() {
	for id, e := range c.ends {
		if c.count[id] > 0 {
			c.kept = append(c.kept, e)
		}
	}
}

// beginnings gives how the connections of the story began, as far as it is not
// kept anyway.
func (s *Store) beginnings(c *collector) []entry {
	have := map[uint64]bool{}
	for _, e := range c.kept {
		have[e.seq] = true
	}
	var out []entry
	s.walk(&s.heads, func(v view) {
		v.entries(0, func(_ int, h header, b flow.Batch) bool {
			if (c.wanted[h.conn] || c.count[h.conn] > 0) && !have[h.seq] {
				out = append(out, entry{h.seq, slices.Clone(b), true})
			}
			return true
		})
	})
	return out
}

func mentions(b flow.Batch, x flow.ExchangeID) bool {
	for e := range b.Events {
		if e.Exchange == x {
			return true
		}
	}
	return false
}

// retires reports whether a batch has the reason why a connection of HTTP/2
// ended: the ends of all its exchanges may come behind it, each in a batch.
func retires(b flow.Batch) bool {
	for e := range b.Events {
		if e.Kind == flow.GoAway {
			return true
		}
	}
	return false
}

func closes(b flow.Batch) bool {
	for e := range b.Events {
		if e.Kind == flow.Closed {
			return true
		}
	}
	return false
}
