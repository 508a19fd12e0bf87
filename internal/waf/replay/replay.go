package replay

import (
	"runtime"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/waf"
)

// Replay judges requests as they come, and adds up what is found. Not safe for
// concurrent use.
type Replay struct {
	A, B *Judge // B nil: there is nothing to compare A with

	result Result
	shapes map[string]*Shape
	rules  map[int]*Rule
}

// Limits on what is told apart.
const (
	mostShapes = 2000
	otherShape = "(others)"
)

// New makes a replay. b may be nil.
func New(a, b *Judge) *Replay {
	return &Replay{A: a, B: b, shapes: map[string]*Shape{}, rules: map[int]*Rule{},
		result: Result{Lack: map[string]int{}, Left: map[string]int{}}}
}

// Add judges an exchange. It may be called while others of its connection are
// still to come.
func (r *Replay) Add(c *flow.Conn, x *flow.Exchange) {
	request, why := Rebuild(c, x)
	if request == nil {
		r.result.Left[why]++
		return
	}
	runtime.LockOSThread() // whose time is taken
	defer runtime.UnlockOSThread()
	a := r.A.Judge(request)
	b := a
	if r.B != nil {
		b = r.B.Judge(request)
	}
	r.count(request, &a, &b)
	r.result.Live.compare(met(c, x), request, &a)
}

func (r *Replay) count(request *Request, a, b *Judgement) {
	sum := &r.result
	sum.Requests++
	for _, lack := range request.Lack {
		sum.Lack[lack]++
	}
	for _, kind := range []string{a.Blind, b.Blind} {
		if kind != "" {
			sum.Lack["its body of "+kind+" is not looked at"]++
			break
		}
	}
	for i, j := range []*Judgement{a, b} {
		side := &sum.Sides[i]
		side.count(j)
		for _, m := range rulesOf(j.Verdict) {
			r.rule(m).count(i, request, j, m)
		}
	}
	r.shape(request.Shape()).count(request, a, b)
}

func (r *Replay) shape(name string) *Shape {
	if r.shapes[name] == nil {
		if len(r.shapes) >= mostShapes {
			name = otherShape
		}
		if r.shapes[name] == nil {
			r.shapes[name] = &Shape{Name: name}
		}
	}
	return r.shapes[name]
}

func (r *Replay) rule(m *waf.Match) *Rule {
	if r.rules[m.Rule] == nil {
		r.rules[m.Rule] = &Rule{ID: m.Rule, Message: m.Message, Tags: m.Tags}
	}
	return r.rules[m.Rule]
}

// rulesOf are the matches that say something about the request, the first of
// each rule.
func rulesOf(v *waf.Verdict) (out []*waf.Match) {
	if v == nil {
		return nil
	}
	seen := map[int]bool{}
	for i := range v.Matches {
		if m := &v.Matches[i]; m.Told() && !seen[m.Rule] {
			seen[m.Rule] = true
			out = append(out, m)
		}
	}
	return out
}

// met is what the door's WAF said of an exchange when it passed, if the record
// has it.
func met(c *flow.Conn, x *flow.Exchange) *flow.Event {
	for i := range c.Events {
		if e := &c.Events[i]; e.Exchange == x.ID && e.Kind == flow.Decision && e.Attr(flow.KeyBy) == "waf" {
			return e
		}
	}
	return nil
}

// Live is how the judgement of A agrees with what the door's WAF said.
type Live struct {
	Told    int // exchanges whose record has a verdict
	Differ  int
	Example *Example // of what differs
	Said    string   // by the door, of the example
}

func (l *Live) compare(said *flow.Event, request *Request, a *Judgement) {
	if said == nil {
		return
	}
	l.Told++
	refused := !strings.HasPrefix(said.Text, "pass:")
	score := said.Attr(flow.KeyScore)
	if refused == (a.Outcome != Passes) && (score == "" || score == strconv.Itoa(a.Score)) {
		return
	}
	l.Differ++
	if l.Example == nil {
		l.Example, l.Said = example(request, a, a), said.Text
	}
}

// Side adds up what one policy said.
type Side struct {
	Refused int // in all
	ByScore int // of them
	TooLong int // of them
	Failed  int
	Scored  int // requests with a score above 0
	Highest int // score
	Cost    time.Duration
	Failure error // the first
}

func (s *Side) count(j *Judgement) {
	s.Cost += j.Cost
	if j.Score > 0 {
		s.Scored++
	}
	s.Highest = max(s.Highest, j.Score)
	switch j.Outcome {
	case Refused:
		s.Refused++
		if j.ByScore() {
			s.ByScore++
		}
	case TooLong:
		s.Refused++
		s.TooLong++
	case Failed:
		s.Failed++
		if s.Failure == nil {
			s.Failure = j.Failure
		}
	}
}

// BreakEven is the lowest threshold at which no request is refused for its
// score.
func (s *Side) BreakEven() int { return s.Highest + 1 }
