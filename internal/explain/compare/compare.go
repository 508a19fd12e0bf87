package compare

import (
	"errors"
	"slices"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// Result is what differs between two sides, and how much of each was compared.
type Result struct {
	Good, Bad   Extent
	Loose       bool              // the sides tried nothing alike: all was compared with all
	Differences []Difference      // what matters most first
	Findings    []explain.Finding // of the bad side, that the differences name
}

// Extent counts a side: what it had, and what of that was compared. The bad
// side's failing units alone are compared where some failed and others did not.
type Extent struct {
	Conns, Exchanges                 int
	FailedConns, FailedExchanges     int // a connection failed if an exchange on it did
	ComparedConns, ComparedExchanges int
}

// ErrOneOutcome says that a trace cannot be split by outcome.
var ErrOneOutcome = errors.New("there is nothing to compare with: all of it failed, or none of it")

// First is the first difference that matters: one that came before the failure
// and may have caused it. It is nil if there is none.
func (r *Result) First() *Difference {
	if len(r.Differences) == 0 || r.Differences[0].Class > Wait {
		return nil
	}
	return &r.Differences[0]
}

// Compare holds the connections of a trace that does not work against those of
// one that does. It keeps both traces as they are.
func Compare(rules []explain.Rule, good, bad *flow.Trace) *Result {
	return compare(newSide(rules, good), newSide(rules, bad), true)
}

// Split compares what failed in a trace with what worked in it. The error is
// ErrOneOutcome if it does not hold both.
func Split(rules []explain.Rule, t *flow.Trace) (*Result, error) {
	all := newSide(rules, t)
	for _, failed := range []func(*unit) bool{
		func(u *unit) bool { return u.failed },
		func(u *unit) bool { return len(u.findings) > 0 }, // worked, with a warning
	} {
		if good, bad := all.split(failed); !good.empty() && !bad.empty() {
			return compare(good, bad, false), nil
		}
	}
	return nil, ErrOneOutcome
}

func (s *side) empty() bool { return len(s.conns) == 0 && len(s.exchanges) == 0 }

// split takes a connection for bad if any exchange on it is. What belongs to a
// sign-in is on neither side's mind.
func (s *side) split(failed func(*unit) bool) (good, bad *side) {
	good, bad = &side{findings: s.findings}, &side{findings: s.findings}
	badConns := map[flow.ConnID]bool{}
	for _, u := range s.exchanges {
		if failed(u) {
			bad.exchanges = append(bad.exchanges, u)
			badConns[u.conn.ID] = true
		} else {
			good.exchanges = append(good.exchanges, u)
		}
	}
	for _, u := range s.conns {
		if badConns[u.conn.ID] || failed(u) {
			bad.conns = append(bad.conns, u)
		} else {
			good.conns = append(good.conns, u)
		}
	}
	return good, bad
}

func compare(good, bad *side, narrow bool) *Result {
	r := &Result{
		Good: good.extent(),
		Bad:  bad.extent(),
	}
	exchanges, only := align(good.exchanges, bad.exchanges, exchangeKeys())
	conns, _ := align(good.conns, bad.conns, connKeys())
	if len(exchanges) == 0 {
		exchanges, only = align(good.exchanges, bad.exchanges, []keyFunc{anything})
		r.Loose = len(exchanges) > 0
	}
	if len(conns) == 0 {
		conns, _ = align(good.conns, bad.conns, []keyFunc{anything})
		r.Loose = r.Loose || len(exchanges) == 0 && len(conns) > 0
	}
	if narrow {
		exchanges, conns = narrowed(exchanges, conns)
	}
	r.Good.ComparedConns, r.Bad.ComparedConns = compared(conns)
	r.Good.ComparedExchanges, r.Bad.ComparedExchanges = compared(exchanges)
	found := merge(differences(exchanges), differences(conns))
	found = append(found, onlyBad(only, len(bad.exchanges))...)
	found = r.explain(found, good, bad, conns, exchanges)
	slices.SortStableFunc(found, order)
	r.Differences = found
	return r
}

// extent counts what a side has.
func (s *side) extent() Extent {
	e := Extent{Conns: len(s.conns), Exchanges: len(s.exchanges)}
	failed := map[flow.ConnID]bool{}
	for _, u := range s.exchanges {
		if u.failed {
			e.FailedExchanges++
			failed[u.conn.ID] = true
		}
	}
	for _, u := range s.conns {
		if u.failed || failed[u.conn.ID] {
			e.FailedConns++
		}
	}
	return e
}

func compared(groups []*group) (good, bad int) {
	distinct := map[*unit]bool{}
	for _, g := range groups {
		bad += len(g.bad)
		for _, u := range g.good {
			distinct[u] = true
		}
	}
	return len(distinct), bad
}

// narrowed leaves of the bad units those that ended otherwise than the good ones
// beside them, if there are any: what worked is not the trouble.
func narrowed(exchanges, conns []*group) (someExchanges, someConns []*group) {
	unlike := map[flow.ConnID]bool{}
	someExchanges = keep(exchanges, func(g *group, u *unit) bool {
		is := g.unlike(u)
		unlike[u.conn.ID] = unlike[u.conn.ID] || is
		return is
	})
	someConns = keep(conns, func(g *group, u *unit) bool { return unlike[u.conn.ID] || g.unlike(u) })
	if len(someExchanges) == 0 {
		someExchanges = exchanges
	}
	if len(someConns) == 0 {
		someConns = conns
	}
	return someExchanges, someConns
}

func keep(groups []*group, wanted func(*group, *unit) bool) (out []*group) {
	for _, g := range groups {
		var bad []*unit
		for _, u := range g.bad {
			if wanted(g, u) {
				bad = append(bad, u)
			}
		}
		if len(bad) > 0 {
			out = append(out, &group{good: g.good, bad: bad})
		}
	}
	return out
}

// unlike tells that the bad units end as u did clearly more often than the good
// ones.
func (g *group) unlike(u *unit) bool {
	share := func(all []*unit) float64 {
		same := 0
		for _, v := range all {
			if v.ending() == u.ending() {
				same++
			}
		}
		return float64(same) / float64(len(all))
	}
	return 2*share(g.good) < share(g.bad)
}

// ending is how a unit ended, coarsely.
func (u *unit) ending() string {
	switch {
	case u.x == nil && u.failed:
		return "failed"
	case u.x == nil:
		return "worked"
	case u.x.Status == 0 && !u.failed && !u.x.Over:
		return "open"
	case u.x.Status == 0, u.failure < len(u.conn.Events) && u.left(u.failure):
		return "no response"
	case u.x.Outcome == flow.Truncated:
		return flow.Truncated
	case u.x.Status < 400:
		return "worked"
	case u.x.Status < 500:
		return "refused"
	}
	return "server error"
}
