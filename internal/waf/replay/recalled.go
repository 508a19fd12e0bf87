package replay

import (
	"strconv"
	"strings"

	"fanlight/internal/flow"
	"fanlight/internal/waf"
)

// recalled is what the door's record says of its own verdict on a request that
// cannot be judged again, because the record does not hold all of it; nil: it
// says nothing.
func recalled(r *Request) *Judgement {
	said := met(r.conn, r.exchange)
	if said == nil || strings.HasPrefix(said.Text, "pass:") {
		return nil
	}
	v := &waf.Verdict{}
	for i := range r.conn.Events {
		if e := &r.conn.Events[i]; e.Exchange == r.exchange.ID && e.Kind == flow.WAFMatch {
			v.Matches = append(v.Matches, recalledMatch(e))
		}
	}
	score, err := strconv.Atoi(said.Attr(flow.KeyScore))
	if err != nil || len(v.Matches) == 0 {
		return nil
	}
	v.Inbound = score
	return &Judgement{Outcome: Refused, Score: score, Verdict: v}
}

// recalledMatch is a match as it was recorded: of several values that a rule
// matched in only the first is known, so that none is named.
func recalledMatch(e *flow.Event) waf.Match {
	m := waf.Match{Message: e.Text, Severity: e.Attr(flow.KeySeverity)}
	m.Rule, _ = strconv.Atoi(e.Attr(flow.KeyRule))  // 0: it was not recorded
	m.Score, _ = strconv.Atoi(e.Attr(flow.KeyAdds)) // as well
	if target := e.Attr(flow.KeyTarget); target != "" && e.Attr(flow.KeyFurther) == "" {
		name, key, _ := strings.Cut(target, ":")
		m.Hits = []waf.Hit{{Variable: name, Key: key, Before: e.Attr(flow.KeyValue), Known: true}}
	}
	return m
}

// unproven proposes an exclusion by what the door recorded; nil: it recorded
// nothing to go by.
func (s *search) unproven(r *Request) *Proposal {
	said := recalled(r)
	if said == nil || !s.widen(said) {
		return nil
	}
	return &Proposal{Request: r, Before: *said, Excluded: s.found, Policy: s.policy, Unproven: true}
}
