package compare

import (
	"slices"

	"fanlight/internal/flow"
)

// pairs are the aligned units of both sides, and the bad ones that found no
// counterpart.
type pairs struct {
	exchanges, conns         []*group
	onlyExchanges, onlyConns []*unit
	aligned                  Alignment
	fails                    bool // bad units among the aligned ones are what failed
}

// paired aligns what tried the same, or what comes nearest to it.
func paired(good, bad *side) *pairs {
	p := &pairs{}
	for how, keys := range [][]keyFunc{exchangeKeys(), {sameHost}, {anything}} {
		if len(p.exchanges) == 0 {
			p.exchanges, p.onlyExchanges = align(good.exchanges, bad.exchanges, keys)
			p.aligned = Alignment(how)
		}
	}
	if len(p.exchanges) == 0 {
		p.aligned = Alike
	}
	p.conns, p.onlyConns = align(good.conns, bad.conns, connKeys())
	if len(p.conns) == 0 {
		p.conns, p.onlyConns = align(good.conns, bad.conns, []keyFunc{anything})
		if len(p.exchanges) == 0 {
			p.aligned = All
		}
	}
	p.fails = len(p.exchanges) > 0
	return p
}

// narrow leaves of the bad units those that ended otherwise than the good ones
// beside them, if there are any: what worked is not the trouble.
func (p *pairs) narrow() {
	unlike := map[flow.ConnID]bool{}
	exchanges := keep(p.exchanges, func(u *unit) { unlike[u.conn.ID] = true }, (*endings).unlike)
	conns := keep(p.conns, nil, func(e *endings, u *unit) bool { return unlike[u.conn.ID] || e.unlike(u) })
	p.fails = len(exchanges) > 0 || len(conns) > 0 && len(p.failedAlone()) == 0
	if len(exchanges) > 0 {
		p.exchanges = exchanges
	}
	if len(conns) > 0 {
		p.conns = conns
	}
}

// failuresByHost takes failed exchanges that found no counterpart for the
// trouble, where nothing else is: they are held against others to the same host.
func (p *pairs) failuresByHost(good *side) {
	groups, _ := align(good.exchanges, p.failedAlone(), []keyFunc{sameHost})
	if len(groups) == 0 {
		return
	}
	p.exchanges, p.aligned, p.fails = groups, SameHost, true
	used, of := map[*unit]bool{}, map[flow.ConnID]bool{}
	for _, g := range groups {
		for _, u := range g.bad {
			used[u], of[u.conn.ID] = true, true
		}
	}
	p.onlyExchanges = slices.DeleteFunc(p.onlyExchanges, func(u *unit) bool { return used[u] })
	if conns := keep(p.conns, nil, func(_ *endings, u *unit) bool { return of[u.conn.ID] }); len(conns) > 0 {
		p.conns = conns
	}
}

// failedAlone are the failed exchanges that found no counterpart.
func (p *pairs) failedAlone() []*unit {
	return slices.DeleteFunc(slices.Clone(p.onlyExchanges), func(u *unit) bool { return !u.failed })
}

// keep leaves the bad units that are wanted, and tells of each. Groups without
// any are left out.
func keep(groups []*group, tell func(*unit), wanted func(*endings, *unit) bool) (out []*group) {
	for _, g := range groups {
		e := g.endings()
		var bad []*unit
		for _, u := range g.bad {
			if wanted(e, u) {
				bad = append(bad, u)
			}
		}
		if len(bad) == 0 {
			continue
		}
		out = append(out, &group{good: g.good, bad: bad})
		for _, u := range bad {
			if tell != nil {
				tell(u)
			}
		}
	}
	return out
}

// endings count how the units of a group ended.
type endings struct {
	good, bad map[string]int
	of        group
}

func (g *group) endings() *endings {
	e := &endings{map[string]int{}, map[string]int{}, *g}
	for _, u := range g.good {
		e.good[u.ending()]++
	}
	for _, u := range g.bad {
		e.bad[u.ending()]++
	}
	return e
}

// unlike tells that the bad units end as u did clearly more often than the good
// ones.
func (e *endings) unlike(u *unit) bool {
	share := func(n int, all []*unit) float64 { return float64(n) / float64(len(all)) }
	return 2*share(e.good[u.ending()], e.of.good) < share(e.bad[u.ending()], e.of.bad)
}
