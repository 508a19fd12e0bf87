package compare

import (
	"slices"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// subjects are the aspects that a finding is about, those first that name its
// cause. A finding that is about none of them is a difference of its own.
func subjects(id string) []string {
	switch id {
	case "renegotiation-unanswered", "renegotiation-refused", "renegotiation-unfinished", "renegotiation-limit", "renegotiation-body-deadlock":
		return []string{"hello-request"}
	case "server-header-stripped-reauth":
		return []string{"response-header:server"}
	case "via-header-breaks-persistence":
		return []string{"request-header:via"}
	case "sni-missing-to-origin", "sni-unknown-alert":
		return []string{"sni"}
	case "certificate-name-mismatch", "certificate-date-invalid", "private-ca-not-trusted-here", "weak-certificate":
		return []string{"certificate", "certificate-issuer"}
	case "version-mismatch":
		return []string{"tls-versions-offered", "tls-version"}
	case "legacy-tls-origin":
		return []string{"tls-version"}
	case "client-certificate-not-sent":
		return []string{"client-certificate"}
	case "keepalive-race":
		return []string{"idle", "reused"}
	case "port-closed", "syn-unanswered", "address-unreachable":
		return []string{"connect"}
	case "gateway-timeout", "slow-origin":
		return []string{"wait"}
	case "receiver-stalls":
		return []string{"zero-window"}
	case "body-truncated":
		return []string{"outcome"}
	case "request-header-too-large":
		return []string{"request-header:cookie"}
	}
	return nil
}

// explain ties findings of the bad side alone to the differences they are about,
// and adds those that are about none.
func (r *Result) explain(found []Difference, good, bad *side, conns, exchanges []*group) []Difference {
	counts := findingCounts(good, bad, conns, exchanges)
	for _, c := range counts {
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
