package store

import (
	"math"
	"slices"
	"time"

	"fanlight/internal/flow"
)

// Trace folds all that is still kept of the given connections, and the facts
// about the machine. Connections come in the order of their first event kept;
// one of which nothing is kept is absent. The trace shares nothing with the
// store.
func (s *Store) Trace(ids ...flow.ConnID) *flow.Trace {
	var events []flow.Event
	for _, b := range s.factBatches() {
		events = slices.AppendSeq(events, b.Events)
	}
	s.Each(math.MaxUint64, ids, func(e Entry) {
		events = slices.AppendSeq(events, slices.Clone(e.Batch).Events)
	})
	return flow.Fold(events)
}

func (s *Store) factBatches() []flow.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.facts)
}

// Each gives what is kept of connections and was taken before a sequence
// number, in order: what a follower that begins there has missed. The batches
// are valid during the call only.
func (s *Store) Each(before uint64, ids []flow.ConnID, yield func(Entry)) {
	wanted := set(ids)
	given := map[uint64]bool{} // first batches are kept twice
	collect := func(v view) {
		v.entries(0, func(_ int, h header, b flow.Batch) bool {
			if h.seq < before && h.conn != 0 && wanted[h.conn] && !given[h.seq] {
				yield(Entry{h.seq, h.conn, h.notable, b})
				if opens(b) {
					given[h.seq] = true
				}
			}
			return true
		})
	}
	s.walk(&s.heads, collect)
	s.walk(&s.all, collect)
}

// Recent gives the connections of which something is kept, those with the
// newest activity first, at most limit.
func (s *Store) Recent(limit int) []flow.ConnID {
	var out []flow.ConnID
	seen := map[flow.ConnID]bool{0: true}
	s.walkBack(&s.all, func(v view) bool {
		var conns []flow.ConnID
		v.entries(0, func(_ int, h header, _ flow.Batch) bool {
			conns = append(conns, h.conn)
			return true
		})
		for _, id := range slices.Backward(conns) {
			if len(out) >= limit {
				return false
			}
			if !seen[id] {
				seen[id] = true
				out = append(out, id)
			}
		}
		return true
	})
	return out
}

// maxRelated bounds the answer of Related: an origin connection may have
// served everybody.
const maxRelated = 256

// Related gives the connections that belong to the same story: the given ones
// first, then those they were made for and those made for them, whether at the
// opening or for an exchange. It does not go on from those: connections to an
// origin are shared, and everything would be related to everything.
func (s *Store) Related(ids ...flow.ConnID) []flow.ConnID {
	own := s.links(ids)
	out := slices.Clone(ids)
	known := set(ids)
	add := func(id flow.ConnID) {
		if id != 0 && !known[id] && len(out) < maxRelated {
			known[id] = true
			out = append(out, id)
		}
	}
	for _, id := range own.parents {
		add(id)
	}
	consider := func(h header, b flow.Batch) {
		if h.conn != 0 && !known[h.conn] && own.touches(b) {
			add(h.conn)
		}
	}
	each := func(v view) bool {
		if v.sealed != 0 && v.sealed < own.since {
			return false
		}
		v.entries(0, func(_ int, h header, b flow.Batch) bool { consider(h, b); return true })
		return true
	}
	s.walkBack(&s.heads, each)
	s.walkBack(&s.all, each)
	return out
}

// links are the ways from some connections to others.
type links struct {
	conns     map[flow.ConnID]bool
	parents   []flow.ConnID
	exchanges map[flow.ExchangeID]bool // theirs
	made      map[flow.ExchangeID]bool // those that theirs were made for
	since     int64                    // Unix nanoseconds before which nothing can be related
}

// slack covers the difference between the time of an event and the moment its
// batch was taken.
const slack = time.Second

func (s *Store) links(ids []flow.ConnID) links {
	l := links{conns: set(ids), exchanges: map[flow.ExchangeID]bool{}, made: map[flow.ExchangeID]bool{}}
	t := s.Trace(ids...)
	for i, c := range t.Conns {
		if c.Parent != 0 {
			l.parents = append(l.parents, c.Parent)
		}
		for _, x := range c.Exchanges {
			l.exchanges[x.ID] = true
			if x.Parent != 0 {
				l.made[x.Parent] = true
			}
		}
		since := int64(0)
		if !c.Started.IsZero() && len(c.Events) > 0 {
			since = c.Started.Add(-slack).UnixNano()
		}
		if i == 0 || since < l.since {
			l.since = since
		}
	}
	return l
}

// touches reports whether a batch of another connection belongs to the same
// story.
func (l *links) touches(b flow.Batch) bool {
	for e := range b.Events {
		switch {
		case e.Open != nil && l.conns[e.Open.Parent],
			e.Parent != 0 && l.exchanges[e.Parent],
			e.Exchange != 0 && l.made[e.Exchange]:
			return true
		}
	}
	return false
}

func set(ids []flow.ConnID) map[flow.ConnID]bool {
	out := make(map[flow.ConnID]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out
}

// head is the first batch of a connection, nil if it is no longer kept.
func (s *Store) head(id flow.ConnID) (out flow.Batch) {
	s.walk(&s.heads, func(v view) {
		v.entries(0, func(_ int, h header, b flow.Batch) bool {
			if h.conn == id {
				out = append(flow.Batch(nil), b...)
			}
			return out == nil
		})
	})
	return out
}
