package waf

import (
	"slices"

	"fanlight/internal/waf/transform"
	"fanlight/internal/waf/vars"
)

// sum gives what may match in all of a collection.
func (v *values) sum(id vars.ID) []uint64 {
	set := v.set(v.sums, int(id))
	from, to := v.span(id)
	if s := &v.spans[id]; !s.judged {
		s.judged = true
		clear(set)
		v.judge(id, from, to, set)
	}
	return set
}

// judge finds what may match in each of the members of a collection, and in any.
func (v *values) judge(id vars.ID, from, to int, sum []uint64) {
	t := &v.plan.trees[id]
	if len(t.branches) == 0 {
		return
	}
	v.seen.reset(to - from)
	for n := from; n < to; n++ {
		e := &v.entries[n]
		hash := v.plan.quiet.hash(e.Value)
		known := t.names || public(id, e.Fold) // may be known from other requests
		if known && v.plan.quiet.knows(id, hash, e.Value) {
			continue
		}
		if first := v.seen.first(v.entries, n, hash); first != n {
			e.may = v.entries[first].may
			continue
		}
		e.may = v.judgeOne(t, e.Value)
		add(sum, v.set(v.each, int(e.may)))
		if known && e.may == 0 {
			v.plan.quiet.add(id, hash, e.Value)
		}
	}
}

// judgeOne gives the place in v.each of what may match a value. The forms that it
// makes live no longer than it takes: hardly a rule will want one.
func (v *values) judgeOne(t *tree, value string) int32 {
	w, at := v.plan.words, len(v.each)
	v.each = slices.Grow(v.each, w)[:at+w]
	set := v.each[at:]
	clear(set)
	before := v.arena.Mark()
	v.shapes, v.turns = v.shapes[:0], v.turns[:0]
	v.walk(t, 0, v.shape(value, 0), set)
	v.arena.Release(before)
	if empty(set) {
		v.each = v.each[:at]
		return 0
	}
	return int32(at / w)
}

// public reports whether a value is none of a client's own: a field that says what
// program it is and what it takes. The same come with each request.
func public(of vars.ID, name string) bool {
	if of != vars.RequestHeaders {
		return false
	}
	switch name {
	case "user-agent", "accept", "accept-encoding", "accept-language", "host", "connection", "cache-control",
		"content-type", "upgrade-insecure-requests", "priority", "te", "dnt", "pragma", "origin",
		"sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user",
		"sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform":
		return true
	}
	return false
}

// remember has the names, and public values, known of which each rule that might have matched said
// that it does not.
func (v *values) remember() {
	for id := range v.plan.trees {
		s, names := &v.spans[id], v.plan.trees[id].names
		if !s.judged {
			continue
		}
		for i := s.from; i < s.to; i++ {
			e := &v.entries[i]
			if e.may > 0 && (names || public(vars.ID(id), e.Fold)) && empty(v.set(v.each, int(e.may))) {
				v.plan.quiet.add(vars.ID(id), v.plan.quiet.hash(e.Value), e.Value)
			}
		}
	}
}

// shape is a form of the value that is judged.
type shape struct {
	text   string
	acting transform.Set
	may    []uint64
}

// turn is what a transformation made of a shape.
type turn struct {
	from, to int
	how      *transform.Transformation
	changed  bool // how says so
}

// alike bounds the texts that are compared with all others before they are
// scanned, which for long ones would be no less work.
const alike = 4 << 10

// shape gives the number of a text, which was made of the shape from.
func (v *values) shape(text string, from int) int {
	n := len(v.shapes)
	for i := range v.shapes {
		if (len(text) <= alike || i == from) && v.shapes[i].text == text {
			return i
		}
	}
	if n == cap(v.shapes) {
		v.shapes = append(v.shapes, shape{})
	}
	v.shapes = v.shapes[:n+1]
	s := &v.shapes[n]
	if s.may == nil {
		s.may = make([]uint64, v.plan.words)
	}
	s.text, s.acting = text, transform.Acting(text)
	v.plan.gate.Scan(text, s.may)
	return n
}

// turned gives what a step makes of a shape. Several branches may want it.
func (v *values) turned(from int, s *step) int {
	n := slices.IndexFunc(v.turns, func(t turn) bool { return t.from == from && t.how == s.how })
	if n < 0 {
		n = len(v.turns)
		text, changed := s.how.Apply(&v.arena, v.shapes[from].text)
		v.turns = append(v.turns, turn{from, v.shape(text, from), s.how, changed})
	}
	if s.told && !v.turns[n].changed {
		return from
	}
	return v.turns[n].to
}

// walk adds what may match a shape behind a branch, and what becomes of it further
// up.
func (v *values) walk(t *tree, i, n int, set []uint64) {
	b, acting, may := &t.branches[i], v.shapes[n].acting, v.shapes[n].may
	addOf(set, may, b.own)
	for _, child := range b.children {
		c := &t.branches[child]
		if !acting.Meets(c.reach) {
			addOf(set, may, c.all)
			continue
		}
		next := n
		if step := &v.plan.steps[c.step]; acting.Meets(step.how.Set()) {
			next = v.turned(n, step)
		}
		v.walk(t, child, next, set)
	}
}

func add(set, more []uint64) {
	for w, bits := range more {
		set[w] |= bits
	}
}

// addOf adds what two sets have in common.
func addOf(set, a, b []uint64) {
	for w, bits := range a {
		set[w] |= bits & b[w]
	}
}

func empty(set []uint64) bool {
	all := uint64(0)
	for _, bits := range set {
		all |= bits
	}
	return all == 0
}
