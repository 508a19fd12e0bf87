package replay

import (
	"cmp"
	"slices"

	"fanlight/internal/waf"
)

// Result is what a replay found.
type Result struct {
	Requests int            // that were judged
	Lack     map[string]int // of them, by what the record lacks of them
	Left     map[string]int // exchanges that were not judged, by why
	Sides    [2]Side        // policy A and B
	Live     Live
	Shapes   []*Shape // those of most consequence first
	Rules    []*Rule
}

// Shape adds up the requests of one method and path.
type Shape struct {
	Name         string
	Requests     int
	Refused      [2]int
	NewlyRefused int
	NewlyPassing int
	ScoreChanged int // of those whose outcome is the same
	Highest      [2]int
	Example      *Example // newly refused, else newly passing, else of another score, else refused
	weight       int      // of the example
}

// Rule adds up in how many requests a rule matched.
type Rule struct {
	ID      int
	Message string
	Tags    []string
	Matched [2]int
	Hits    [2]int // values that it matched in
	Example *Example
}

// Example is one request of several.
type Example struct {
	Place
	Method, Host, Target string
	Outcome              [2]Outcome
	Score                [2]int
	Rules                []Cause // that scored by the policy that refuses or scores more
}

// Cause is a rule and what it matched in.
type Cause struct {
	Rule    int
	Message string
	Score   int
	Target  string // ARGS:q; empty: not known
	Value   string // as it stood, else as it was compared
	Stood   bool   // it is as it stood
}

// mostCauses bounds the causes of an example, mostValue a value in it.
const (
	mostCauses = 12
	mostValue  = 200
)

func example(r *Request, a, b *Judgement) *Example {
	e := &Example{Place: r.From, Method: r.Method, Host: r.Host, Target: clip(r.Target),
		Outcome: [2]Outcome{a.Outcome, b.Outcome}, Score: [2]int{a.Score, b.Score}}
	v := b.Verdict
	if a.Score > b.Score || a.Outcome == Refused && b.Outcome == Passes {
		v = a.Verdict
	}
	for _, m := range rulesOf(v) {
		if len(e.Rules) == mostCauses {
			break
		}
		if m.Score > 0 || v.Interrupted != nil && v.Interrupted.Rule == m.Rule {
			e.Rules = append(e.Rules, cause(m))
		}
	}
	return e
}

func cause(m *waf.Match) Cause {
	c := Cause{Rule: m.Rule, Message: m.Message, Score: m.Score}
	if hits := m.Telling(); len(hits) > 0 {
		h := hits[0]
		c.Target, c.Value = h.Target(), clip(h.Value)
		if h.Known {
			c.Value, c.Stood = clip(h.Before), true
		}
	}
	return c
}

func clip(s string) string {
	if len(s) > mostValue {
		return s[:mostValue] + "…"
	}
	return s
}

func (s *Shape) count(r *Request, a, b *Judgement) {
	s.Requests++
	weight := 0
	for i, j := range []*Judgement{a, b} {
		s.Highest[i] = max(s.Highest[i], j.Score)
		if j.Outcome == Refused || j.Outcome == TooLong {
			s.Refused[i]++
			weight = 1
		}
	}
	was, is := a.Outcome == Passes, b.Outcome == Passes
	switch {
	case was && !is:
		s.NewlyRefused++
		weight = 4
	case !was && is:
		s.NewlyPassing++
		weight = 3
	case a.Score != b.Score:
		s.ScoreChanged++
		weight = 2
	}
	if weight > s.weight {
		s.weight, s.Example = weight, example(r, a, b)
	}
}

func (r *Rule) count(side int, request *Request, j *Judgement, m *waf.Match) {
	r.Matched[side]++
	r.Hits[side] += len(m.Hits)
	if r.Example == nil {
		r.Example = &Example{Place: request.From, Method: request.Method, Host: request.Host, Target: clip(request.Target),
			Score: [2]int{j.Score, j.Score}, Rules: []Cause{cause(m)}}
	}
}

// Changed tells whether anything is another by policy B.
func (s *Shape) Changed() bool { return s.NewlyRefused+s.NewlyPassing+s.ScoreChanged > 0 }

// Result gives what was found so far.
func (r *Replay) Result() *Result {
	out := r.result
	for _, s := range r.shapes {
		out.Shapes = append(out.Shapes, s)
	}
	for _, rule := range r.rules {
		out.Rules = append(out.Rules, rule)
	}
	slices.SortFunc(out.Shapes, func(a, b *Shape) int {
		return cmp.Or(-cmp.Compare(a.NewlyRefused, b.NewlyRefused), -cmp.Compare(a.NewlyPassing, b.NewlyPassing), -cmp.Compare(a.ScoreChanged, b.ScoreChanged),
			-cmp.Compare(a.Refused[1], b.Refused[1]), -cmp.Compare(a.Requests, b.Requests), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(out.Rules, func(a, b *Rule) int {
		return cmp.Or(-cmp.Compare(a.difference(), b.difference()), -cmp.Compare(a.Matched[1], b.Matched[1]), cmp.Compare(a.ID, b.ID))
	})
	return &out
}

func (r *Rule) difference() int { return max(r.Matched[0]-r.Matched[1], r.Matched[1]-r.Matched[0]) }
