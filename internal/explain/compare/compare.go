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
	Aligned     Alignment         // the loosest there is among what was compared
	Differences []Difference      // what matters most first
	Findings    []explain.Finding // of the bad side, that the differences name
}

// Alignment says what was held against what.
type Alignment uint8

const (
	Alike    Alignment = iota // what tried to do the same
	SameHost                  // requests to the same host, for want of the same request
	All                       // all with all, for want of anything in common
)

func (a Alignment) String() string { return [...]string{"alike", "same-host", "all"}[a%3] }

// Extent counts a side: what it had, and what of that was compared. The bad
// side's failing units alone are compared where some failed and others did not.
type Extent struct {
	Conns, Exchanges                 int
	FailedConns, FailedExchanges     int // a connection failed if an exchange on it did
	ComparedConns, ComparedExchanges int
	LeftOut                          int  // more of both, that were not looked at to bound memory
	Unread                           int  // connections whose content could not be read, for want of keys
	Troubled                         bool // something failed, or a finding of severity warning or error is there
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

// compare holds the units of one side against those of the other. To narrow is to
// leave out bad units that ended as the good ones did.
func compare(good, bad *side, narrow bool) *Result {
	r := &Result{Good: good.extent(), Bad: bad.extent()}
	p := paired(good, bad)
	if narrow {
		p.narrow()
	}
	if !p.fails {
		p.failuresByHost(good)
	}
	r.Aligned = p.aligned
	r.Good.ComparedConns, r.Bad.ComparedConns = compared(p.conns)
	r.Good.ComparedExchanges, r.Bad.ComparedExchanges = compared(p.exchanges)
	found := merge(differences(p.exchanges), differences(p.conns))
	found = append(found, onlyBad(p.onlyExchanges, len(bad.exchanges))...)
	found = r.explain(found, good, bad, p)
	slices.SortStableFunc(found, order)
	r.Differences = found
	return r
}

// extent counts what a side has.
func (s *side) extent() Extent {
	e := Extent{Conns: len(s.conns), Exchanges: len(s.exchanges), LeftOut: s.leftOut}
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
		if u.conn.Keys == flow.No && len(u.conn.Exchanges) == 0 {
			e.Unread++
		}
	}
	has := func(u *unit) bool { return u.failed || len(u.findings) > 0 }
	e.Troubled = slices.ContainsFunc(s.conns, has) || slices.ContainsFunc(s.exchanges, has)
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
