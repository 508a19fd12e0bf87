package explain

import (
	"cmp"
	"iter"
	"slices"

	"fanlight/internal/flow"
)

// Run runs the rules over a trace. The findings come in a fixed order, gravest
// first; those that are consequences of another finding on the same exchange
// or connection are left out, and so is every "cannot tell" about a connection
// that something else explains.
func Run(rules []Rule, t *flow.Trace) []Finding { return RunPausing(rules, t, func() {}) }

// RunPausing is Run with a call of pause behind each rule, so that the work can
// be spread.
func RunPausing(rules []Rule, t *flow.Trace, pause func()) []Finding {
	ix := newIndex(t)
	var all []Finding
	by := map[string]*Rule{}
	for i := range rules {
		r := &rules[i]
		by[r.ID] = r
		p := &Pass{Trace: t, rule: r, index: ix}
		r.Check(p)
		all = append(all, p.findings...)
		pause()
	}
	near := newNeighbours(all)
	kept := slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return hidden(f, near.of(f), by) })
	for i := range kept {
		ix.seenFirst(&kept[i])
	}
	slices.SortStableFunc(kept, order)
	return kept
}

func order(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(b.Severity, a.Severity),
		slices.Compare(a.Conns, b.Conns),
		slices.Compare(a.Exchanges, b.Exchanges),
		cmp.Compare(a.ID, b.ID),
	)
}

// hidden looks at all findings near f, also those hidden themselves: what a
// consequence would hide is a consequence too.
func hidden(f Finding, near iter.Seq[*Finding], rules map[string]*Rule) bool {
	for by := range near {
		r := rules[by.ID]
		if by.ID == f.ID || by.Undecided || r.Guard || !together(*by, f) {
			continue
		}
		if f.Undecided || slices.Contains(r.Hides, f.ID) {
			return true
		}
	}
	return false
}

// neighbours finds what names the same connections or exchanges as a finding,
// of which a large capture has many thousands.
type neighbours struct {
	all   []Finding
	conns map[flow.ConnID][]int
	xs    map[flow.ExchangeID][]int
}

func newNeighbours(all []Finding) *neighbours {
	n := &neighbours{all: all, conns: map[flow.ConnID][]int{}, xs: map[flow.ExchangeID][]int{}}
	for i := range all {
		for _, id := range all[i].Conns {
			n.conns[id] = append(n.conns[id], i)
		}
		for _, id := range all[i].Exchanges {
			n.xs[id] = append(n.xs[id], i)
		}
	}
	return n
}

// of gives the neighbours of f and f itself, some more than once.
func (n *neighbours) of(f Finding) iter.Seq[*Finding] {
	return func(yield func(*Finding) bool) {
		give := func(list []int) bool {
			for _, i := range list {
				if !yield(&n.all[i]) {
					return false
				}
			}
			return true
		}
		for _, id := range f.Conns {
			if !give(n.conns[id]) {
				return
			}
		}
		for _, id := range f.Exchanges {
			if !give(n.xs[id]) {
				return
			}
		}
	}
}

// together tells that two findings are about the same thing: an exchange in
// common, or, where one of them names none, a connection in common.
func together(a, b Finding) bool {
	if len(a.Exchanges) > 0 && len(b.Exchanges) > 0 {
		return overlap(a.Exchanges, b.Exchanges)
	}
	return overlap(a.Conns, b.Conns)
}

func overlap[T comparable](a, b []T) bool {
	return slices.ContainsFunc(a, func(v T) bool { return slices.Contains(b, v) })
}
