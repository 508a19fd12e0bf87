package compare

import (
	"slices"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// explain ties findings of the bad side alone to the differences they are about,
// and adds those that are about none.
func (r *Result) explain(found []Difference, good, bad *side, p *pairs) []Difference {
	counts := findingCounts(good, bad, p.conns, p.exchanges)
	for _, c := range append(counts, onlyCounts(good, bad, p, counts)...) {
		if c.difference.contrast() < leastContrast {
			continue
		}
		for _, i := range c.shown {
			r.Findings = append(r.Findings, bad.findings[i])
		}
		if i := about(c.id, found, c.units); i >= 0 {
			found[i].Findings = append(found[i].Findings, c.id)
			found[i].Class = Known
			continue
		}
		found = append(found, c.difference)
	}
	return found
}

// about is the difference that a finding is about, -1 if there is none. The
// finding must name what shows the difference.
func about(id string, found []Difference, conns map[flow.ConnID]bool) int {
	for _, key := range subjects(id) {
		i := slices.IndexFunc(found, func(d Difference) bool {
			if d.Key != key {
				return false
			}
			for u := range d.units {
				if conns[u.conn.ID] {
					return true
				}
			}
			return false
		})
		if i >= 0 {
			return i
		}
	}
	return -1
}

// findingCount is a finding with how many of the compared connections have it.
type findingCount struct {
	id         string
	shown      []int                // indexes of the bad side's findings
	units      map[flow.ConnID]bool // connections of the bad side
	difference Difference
}

func findingCounts(good, bad *side, conns, exchanges []*group) []*findingCount {
	badConns, goodConns := connsOf(conns, exchanges, func(g *group) []*unit { return g.bad }), connsOf(conns, exchanges, func(g *group) []*unit { return g.good })
	return countFindings(good, bad, goodConns, badConns)
}

// onlyCounts are the findings on connections that the good side does not make:
// those made while an exchange that failed was waiting, or all that failed where
// nothing else did. What is told of already is left out.
func onlyCounts(good, bad *side, p *pairs, told []*findingCount) []*findingCount {
	wanted := map[flow.ConnID]bool{}
	for _, u := range p.onlyConns {
		if u.failed && (!p.fails || p.during(u)) {
			wanted[u.conn.ID] = true
		}
	}
	all := map[flow.ConnID]bool{}
	for _, u := range good.conns {
		all[u.conn.ID] = true
	}
	return slices.DeleteFunc(countFindings(good, bad, all, wanted), func(c *findingCount) bool {
		return slices.ContainsFunc(told, func(t *findingCount) bool { return t.id == c.id })
	})
}

// during tells that a connection was made while a compared exchange that failed
// waited for its response.
func (p *pairs) during(u *unit) bool {
	return slices.ContainsFunc(p.exchanges, func(g *group) bool {
		return slices.ContainsFunc(g.bad, func(x *unit) bool {
			return x.failed && x.failure < len(x.conn.Events) && !x.x.Started.After(u.conn.Started) && !x.conn.Events[x.failure].At.Before(u.conn.Started)
		})
	})
}

// countFindings counts the findings of the bad side on some of its connections.
func countFindings(good, bad *side, goodConns, badConns map[flow.ConnID]bool) []*findingCount {
	var out []*findingCount
	for i, f := range bad.findings {
		at := slices.IndexFunc(out, func(c *findingCount) bool { return c.id == f.ID })
		if f.Undecided || f.Severity == explain.Note || !touches(f, badConns) {
			continue
		}
		if at < 0 {
			at = len(out)
			out = append(out, newFindingCount(f, len(badConns), len(goodConns), having(good, f.ID, goodConns)))
		}
		c := out[at]
		c.shown = append(c.shown, i)
		for _, id := range f.Conns {
			if badConns[id] {
				c.units[id] = true
			}
		}
		c.difference.Bad.Count = len(c.units)
	}
	return out
}

func newFindingCount(f explain.Finding, bad, good, goodCount int) *findingCount {
	d := Difference{
		Key: "finding:" + f.ID, What: f.Title, Unit: "connection", Class: Known, When: Before, stage: waiting, Findings: []string{f.ID},
		Bad:  Shown{Value: "found", Of: bad, Evidence: f.Evidence[:min(len(f.Evidence), 2*shownEvidence)]},
		Good: Shown{Value: "not found", Of: good, Count: goodCount},
	}
	if ofCapture(f.ID) {
		d.Class = Incidental
	}
	return &findingCount{id: f.ID, units: map[flow.ConnID]bool{}, difference: d}
}

// ofCapture tells a finding about how the packets were captured.
func ofCapture(id string) bool { return strings.HasPrefix(id, "capture-") }

// connsOf are the connections of a side that were compared, by themselves or
// with an exchange.
func connsOf(conns, exchanges []*group, units func(*group) []*unit) map[flow.ConnID]bool {
	out := map[flow.ConnID]bool{}
	for _, g := range slices.Concat(conns, exchanges) {
		for _, u := range units(g) {
			out[u.conn.ID] = true
		}
	}
	return out
}

func touches(f explain.Finding, conns map[flow.ConnID]bool) bool {
	return slices.ContainsFunc(f.Conns, func(id flow.ConnID) bool { return conns[id] })
}

// having counts the connections that a finding of that id names.
func having(s *side, id string, conns map[flow.ConnID]bool) int {
	named := map[flow.ConnID]bool{}
	for _, f := range s.findings {
		if f.ID != id || f.Undecided {
			continue
		}
		for _, c := range f.Conns {
			if conns[c] {
				named[c] = true
			}
		}
	}
	return len(named)
}
