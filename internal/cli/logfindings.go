package cli

import (
	"slices"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/foreignlog"
)

// seenTrace is what captures show, and what was found in it, by what it is
// about. A finding on the origin's side is also one of the client's side it was
// made for.
type seenTrace struct {
	trace      *flow.Trace
	found      []explain.Finding
	byExchange map[flow.ExchangeID][]int
	byConn     map[flow.ConnID][]int
	whole      map[flow.ConnID][]int // findings that name no exchange
}

func newSeenTrace(t *flow.Trace, found []explain.Finding) *seenTrace {
	s := &seenTrace{trace: t, found: found, byExchange: map[flow.ExchangeID][]int{}, byConn: map[flow.ConnID][]int{}, whole: map[flow.ConnID][]int{}}
	conns, exchanges := map[flow.ConnID]flow.ConnID{}, map[flow.ExchangeID]flow.ExchangeID{} // parents
	for _, c := range t.Conns {
		conns[c.ID] = c.Parent
		for _, x := range c.Exchanges {
			exchanges[x.ID] = x.Parent
		}
	}
	for i, f := range found {
		if f.Undecided {
			continue
		}
		for _, x := range f.Exchanges {
			note(s.byExchange, i, x, exchanges[x])
		}
		for _, c := range f.Conns {
			note(s.byConn, i, c, conns[c])
			if len(f.Exchanges) == 0 {
				note(s.whole, i, c, conns[c])
			}
		}
	}
	return s
}

// note enters a finding under an id and that of its parent; 0 is none.
func note[ID flow.ConnID | flow.ExchangeID](index map[ID][]int, finding int, ids ...ID) {
	for _, id := range ids {
		if id != 0 {
			index[id] = append(index[id], finding)
		}
	}
}

// findings are those about what a line is tied to, in the order they were
// found.
func (s *seenTrace) findings(tie foreignlog.Tie) (out []explain.Finding) {
	var about []int
	if tie.Exchange == 0 {
		about = slices.Clone(s.byConn[tie.Conn])
	} else {
		about = slices.Concat(s.byExchange[tie.Exchange], s.byExchange[tie.OriginExchange], s.whole[tie.Conn], s.whole[tie.Origin])
	}
	slices.Sort(about)
	for _, i := range slices.Compact(about) {
		out = append(out, s.found[i])
	}
	return out
}
