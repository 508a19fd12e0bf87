package waf

import (
	"slices"
	"strconv"
	"strings"

	"fanlight/internal/waf/operator"
)

// run is one request on its way through a plan.
type run struct {
	of  *planEngine
	req *Request

	forced    bool // a body of no known type is read as a form
	readsBody bool
	unseen    int64

	plan   *plan
	values values
	tx     txVars

	matched  []matched // MATCHED_VARS of the rule that runs
	last     matched   // MATCHED_VAR
	severest int

	engine  engineState
	removed []uint64      // rules taken off for this request, by place in plan.all
	without [][]selection // targets taken off, by a rule's place; empty: none at all
	allowed allowance

	interrupted *Interruption
	would       *Interruption // while watching
	scored      [3]int        // of the rule that runs, by where it counts
	hits        []Hit
	found       []finding
	quiet       []int
	scratch     []pair
}

// matched is a value that a rule matched, under the name it came with.
type matched struct{ variable, key, value string }

func (m *matched) name() string {
	variable := m.variable
	if variable == "XML" {
		variable = "REQUEST_XML" // as Coraza calls its members
	}
	if m.key == "" {
		return variable
	}
	return variable + ":" + m.key
}

// finding is a match, and the rule that it is of.
type finding struct {
	of *rule
	Match
}

// engineState is what SecRuleEngine says.
type engineState uint8

const (
	engineOn engineState = iota
	engineWatches
	engineOff
)

// selection is a target taken off a rule.
type selection struct {
	variable string
	selector
}

const lastPhase = 5

// phase runs the rules of a phase.
func (x *run) phase(number int) {
	if x.engine == engineOff {
		return
	}
	rules := x.plan.phases[number]
	skip := 0
	for i := 0; i < len(rules); i++ {
		r := rules[i]
		switch {
		case x.interrupted != nil && number != lastPhase:
			return
		case x.isRemoved(r):
			continue
		case skip > 0:
			skip--
			continue
		case x.passes(number):
			return
		case r.marker != "":
			continue
		case r.bit >= 0 && !x.values.mayMatch(r):
			x.matched = x.matched[:0]
			continue
		}
		x.matched = x.matched[:0]
		if x.top(r) {
			skip = r.skip
			i += r.jump
		}
	}
	if x.allowed == allowPhase {
		x.allowed = allowNothing
	}
}

// passes reports whether an allow action lets the rest of a phase pass.
func (x *run) passes(phase int) bool {
	switch x.allowed {
	case allowPhase:
		x.allowed = allowNothing
		return true
	case allowRequest:
		if phase == 2 {
			x.allowed = allowNothing
		}
		return phase <= 2
	case allowAll:
		return true
	}
	return false
}

// top runs a rule with its links.
func (x *run) top(r *rule) bool {
	x.hits, x.scored = x.hits[:0], [3]int{}
	if !x.one(r, 0) {
		return false
	}
	for i, link := range r.links {
		if !x.one(link, i+1) {
			return false
		}
	}
	if r.allow != allowNothing && x.engine == engineOn {
		x.allowed = r.allow
	}
	if r.level >= 0 {
		x.severest = min(x.severest, r.level)
	}
	message, data := "", ""
	if r.log {
		message, data = x.expand(r.message), x.expand(r.data)
		x.found = append(x.found, finding{r, Match{Rule: r.id, Message: message, Severity: r.severity, Tags: r.tags,
			Score: x.scored[inbound] + x.scored[outbound], Hits: slices.Clone(x.hits), Data: data}})
	} else {
		x.quiet = append(x.quiet, r.id)
	}
	if r.refuse != 0 {
		x.interrupt(&Interruption{Status: r.refuse, Rule: r.id, Cause: strings.Clone(message)})
	}
	return true
}

func (x *run) interrupt(i *Interruption) {
	if x.engine == engineOn {
		x.interrupted = i
	} else if x.would == nil {
		x.would = i
	}
}

// one runs one rule or link over its targets, with what it does to variables.
func (x *run) one(r *rule, link int) (matched bool) {
	if r.operator == nil {
		x.hit(r, &Hit{})
		return true
	}
	argument := x.expand(r.argument)
	for i := range r.targets {
		t := &r.targets[i]
		switch {
		case t.count:
			matched = x.compare(r, link, t, t.key, strconv.Itoa(x.count(r, t)), argument) || matched
		case t.live != notLive:
			matched = x.live(r, link, t, argument) || matched
		default:
			matched = x.gathered(r, link, t, argument) || matched
		}
	}
	return matched
}

// gathered compares values that do not change while rules run.
func (x *run) gathered(r *rule, link int, t *target, argument string) (matched bool) {
	v := &x.values
	from, to := v.span(t.of)
	for n := from; n < to; n++ {
		e := &v.entries[n]
		if r.bit >= 0 && !v.mayMatchEntry(r, t, n) || !t.wants(e.Fold) || x.isWithout(r, t, e.Fold) {
			continue
		}
		var hit bool
		if r.every {
			hit = x.everyForm(r, link, t, e.Key, e.Value, argument)
		} else {
			hit = x.match(r, link, t, e.Key, e.Value, v.forms[v.form(n, r.step)].text, argument)
		}
		if r.bit >= 0 && !hit {
			v.refute(r, t, n)
		}
		matched = matched || hit
	}
	return matched
}

// live compares values that rules change.
func (x *run) live(r *rule, link int, t *target, argument string) (matched bool) {
	if t.live == liveTX && t.key != "" {
		return x.variable(r, link, t, argument)
	}
	from := len(x.scratch)
	x.scratch = x.appendLive(x.scratch, t)
	to := len(x.scratch)
	for i := from; i < to; i++ {
		p := x.scratch[i]
		if !x.isWithout(r, t, lower(p.key)) {
			matched = x.compare(r, link, t, p.key, p.value, argument) || matched
		}
	}
	x.scratch = x.scratch[:from]
	return matched
}

// variable compares a variable of TX that the rule names.
func (x *run) variable(r *rule, link int, t *target, argument string) (matched bool) {
	for _, slot := range t.slots {
		if value, ok := x.tx.at(slot); ok && !x.isWithout(r, t, t.key) {
			matched = x.compare(r, link, t, t.key, value, argument) || matched
		}
	}
	return matched
}

// compare transforms a value and compares it.
func (x *run) compare(r *rule, link int, t *target, key, value, argument string) bool {
	if r.every {
		return x.everyForm(r, link, t, key, value, argument)
	}
	before := value
	for _, how := range r.chain {
		value, _ = how.Apply(&x.values.arena, value)
	}
	return x.match(r, link, t, key, before, value, argument)
}

// everyForm compares a value as it is, and behind each transformation that
// changes it.
func (x *run) everyForm(r *rule, link int, t *target, key, value, argument string) bool {
	before := value
	matched := x.match(r, link, t, key, before, value, argument)
	for _, how := range r.chain {
		if after, changed := how.Apply(&x.values.arena, value); changed {
			value = after
			matched = x.match(r, link, t, key, before, value, argument) || matched
		}
	}
	return matched
}

// match compares value, which was before until the rule transformed it.
func (x *run) match(r *rule, link int, t *target, key, before, value, argument string) bool {
	var capture operator.Capture
	if r.capture {
		capture = &x.tx
	}
	if r.operator.Match(value, argument, capture) == r.negated {
		return false
	}
	x.hit(r, &Hit{Variable: t.name, Key: key, Before: before, Known: true, Value: value, Link: link})
	return true
}

// hit notes a match, and does what the rule does for each.
func (x *run) hit(r *rule, h *Hit) {
	x.last = matched{h.Variable, h.Key, h.Value}
	x.matched = append(x.matched, x.last)
	for i := range r.sets {
		x.set(&r.sets[i])
	}
	for i := range r.controls {
		x.control(&r.controls[i])
	}
	if h.Variable != "" && r.top().log {
		x.hits = append(x.hits, *h)
	}
}

func (x *run) set(s *setting) {
	slot, name := s.slot, ""
	if slot < 0 {
		name = lower(x.expand(s.name))
	}
	if s.remove {
		if slot >= 0 {
			name = x.plan.names.list[slot]
		}
		x.tx.remove(name)
		return
	}
	value := x.expand(s.value)
	var current string
	if slot >= 0 {
		current, _ = x.tx.at(slot)
	} else {
		current, _ = x.tx.get(name)
	}
	after, ok := calculate(current, value)
	if !ok {
		return
	}
	if s.score > 0 && len(value) > 1 && value[0] == '+' {
		n, _ := strconv.Atoi(value[1:]) // calculate has read it
		x.scored[s.score] += n
	}
	if slot >= 0 {
		x.tx.putAt(slot, after)
	} else {
		x.tx.put(name, after)
	}
}

func (x *run) isRemoved(r *rule) bool {
	return len(x.removed) > 0 && r.marker == "" && x.removed[r.place/64]>>(r.place%64)&1 != 0
}

// isWithout reports whether a value was taken off a rule for this request.
func (x *run) isWithout(r *rule, t *target, lower string) bool {
	if len(x.without) == 0 {
		return false
	}
	for _, s := range x.without[r.top().place] {
		if s.variable == t.name && s.holds(lower) {
			return true
		}
	}
	return false
}

// top is the rule itself, also for a link of its chain.
func (r *rule) top() *rule {
	if r.parent != nil {
		return r.parent
	}
	return r
}
