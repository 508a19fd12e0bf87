package waf

import (
	"slices"

	"fanlight/internal/waf/arena"
	"fanlight/internal/waf/transform"
	"fanlight/internal/waf/vars"
)

// values are what rules look at in one request, in all the forms that they wanted
// so far. Where a transformation changes nothing the form is shared.
type values struct {
	vars.Values
	plan    *plan
	arena   arena.Arena
	entries []entry
	spans   []span  // by collection
	version int     // of the collections
	made    []int32 // by entry.row and step: the form's number + 1; 0: not made
	forms   []form
	may     []uint64 // by form, plan.words each
	groups  []uint64 // by group, plan.words each
	grouped []bool
	sums    []uint64 // by collection, plan.words each: what may match in any member
	each    []uint64 // by entry.may, plan.words each: what may match in one
	shapes  []shape  // of the value that is judged, and those before it
	turns   []turn
	seen    seen
}

// entry is a member of a collection.
type entry struct {
	vars.Pair
	row int32 // in made; 0: none yet
	may int32 // in each, if the collection has been judged; 0: nothing may match
}

// span is where the members of a collection are among the entries.
type span struct {
	from, to, version int
	judged            bool // entry.may of each is known
}

// form is a value after some transformations.
type form struct {
	text    string
	acting  transform.Set // what may act on text
	scanned bool          // may is known
}

func (v *values) reset(p *plan) {
	v.plan = p
	v.Reset()
	v.arena.Reset()
	v.entries, v.forms, v.may = emptied(v.entries), emptied(v.forms), emptied(v.may)
	v.made = resized(emptied(v.made), len(p.steps)) // the row of nobody
	v.each = resized(emptied(v.each), p.words)      // nothing
	v.spans = resized(v.spans, len(p.trees))
	v.groups = slices.Grow(v.groups[:0], len(p.groups)*p.words)[:len(p.groups)*p.words]
	v.grouped = resized(v.grouped, len(p.groups))
	v.sums = resized(v.sums, len(p.trees)*p.words)
	for i := range v.shapes[:cap(v.shapes)] {
		v.shapes[:cap(v.shapes)][i].text = ""
	}
	v.version = 1
}

// fewEntries are those of an ordinary request.
const fewEntries = 4 << 10

// rest lets go of entries and their forms, if there are many; those that are
// wanted again are made again. What was found in them stays.
func (v *values) rest() {
	if cap(v.entries) <= fewEntries && cap(v.forms) <= fewEntries {
		return
	}
	v.entries, v.forms, v.may = nil, nil, nil
	v.made, v.each = make([]int32, len(v.plan.steps)), make([]uint64, v.plan.words)
	v.arena = arena.Arena{}
	clear(v.spans)
	v.changed()
}

// resized gives a slice of n zeros, the old one if it has room.
func resized[T any](s []T, n int) []T {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

// changed is called when the collections may hold something else.
func (v *values) changed() {
	v.version++
	clear(v.grouped)
}

// span gives the entries of a collection. What was there before keeps its forms.
func (v *values) span(id vars.ID) (from, to int) {
	s := &v.spans[id]
	if s.version == v.version {
		return s.from, s.to
	}
	old, now := *s, v.Of(id)
	s.version = v.version
	if same(v.entries[old.from:old.to], now) {
		return s.from, s.to
	}
	s.judged = false
	s.from, s.to = len(v.entries), len(v.entries)+len(now)
	for i, p := range now {
		e := entry{Pair: p}
		if at := old.from + i; at < old.to && v.entries[at].Pair == p {
			e.row = v.entries[at].row
		}
		v.entries = append(v.entries, e)
	}
	return s.from, s.to
}

// same tells whether members are what they were: collections only grow, but for
// those of one value.
func same(before []entry, now []vars.Pair) bool {
	return len(before) == len(now) && (len(now) != 1 || before[0].Pair == now[0])
}

// form gives the number of an entry's form behind a step. What no step on the
// way acts on is as it came.
func (v *values) form(e, step int) int {
	one := &v.entries[e]
	if one.row == 0 {
		n := len(v.made)
		one.row = int32(n / len(v.plan.steps))
		v.made = slices.Grow(v.made, len(v.plan.steps))[:n+len(v.plan.steps)]
		clear(v.made[n:])
		v.made[n] = int32(v.newForm(one.Value) + 1)
	}
	row := v.made[int(one.row)*len(v.plan.steps):][:len(v.plan.steps)]
	if !v.forms[row[0]-1].acting.Meets(v.plan.steps[step].reach) {
		return int(row[0] - 1)
	}
	return v.formIn(row, step)
}

func (v *values) formIn(row []int32, step int) int {
	if n := row[step]; n != 0 {
		return int(n - 1)
	}
	f := v.behind(v.formIn(row, v.plan.steps[step].parent), step)
	row[step] = int32(f + 1)
	return f
}

// behind gives the number of the form that a step makes of one.
func (v *values) behind(f, step int) int {
	s, before := &v.plan.steps[step], &v.forms[f]
	if before.acting.Meets(s.how.Set()) {
		if after, other := s.apply(&v.arena, before.text); other {
			return v.newForm(after)
		}
	}
	return f
}

// apply gives what a step makes of a text, and whether that is another form.
func (s *step) apply(a *arena.Arena, text string) (after string, other bool) {
	after, changed := s.how.Apply(a, text)
	return after, (changed || !s.told) && after != text
}

func (v *values) newForm(text string) int {
	v.forms = append(v.forms, form{text: text, acting: transform.Acting(text)})
	n := len(v.may)
	v.may = slices.Grow(v.may, v.plan.words)[:n+v.plan.words]
	return len(v.forms) - 1
}

// mayOf gives the gated rules that may match a form.
func (v *values) mayOf(f int) []uint64 {
	may := v.set(v.may, f)
	if form := &v.forms[f]; !form.scanned {
		form.scanned = true
		v.plan.gate.Scan(form.text, may)
	}
	return may
}

// set is one of several sets of gated rules.
func (v *values) set(of []uint64, n int) []uint64 {
	w := v.plan.words
	return of[n*w : n*w+w]
}

func has(set []uint64, bit int) bool { return set[bit/64]>>(bit%64)&1 != 0 }

// mayMatch reports whether a gated rule may match anything of what its group
// looks at.
func (v *values) mayMatch(r *rule) bool {
	set := v.set(v.groups, r.group)
	if !v.grouped[r.group] {
		v.grouped[r.group] = true
		v.gather(&v.plan.groups[r.group], set)
	}
	return has(set, r.bit)
}

// gather collects what may match in the values that a group of rules looks at.
func (v *values) gather(g *group, set []uint64) {
	clear(set)
	for i := range g.targets {
		if t := &g.targets[i]; t.whole() {
			add(set, v.sum(t.of))
		} else {
			v.gatherSome(g, t, set)
		}
	}
}

// gatherSome is gather for a part of a collection.
func (v *values) gatherSome(g *group, t *target, set []uint64) {
	from, to := v.span(t.of)
	for e := from; e < to; e++ {
		if !t.wants(v.entries[e].Fold) {
			continue
		}
		for step := g.step; ; step = v.plan.steps[step].parent {
			add(set, v.mayOf(v.form(e, step)))
			if !g.every || step == 0 {
				break
			}
		}
	}
}

// mayMatchEntry is mayMatch of one value.
func (v *values) mayMatchEntry(r *rule, t *target, e int) bool {
	if t.whole() && v.spans[t.of].judged {
		return has(v.set(v.each, int(v.entries[e].may)), r.bit)
	}
	for step := r.step; ; step = v.plan.steps[step].parent {
		if has(v.mayOf(v.form(e, step)), r.bit) {
			return true
		}
		if !r.every || step == 0 {
			return false
		}
	}
}

// refute says that a gated rule does not match a value, though it might have:
// others that are equal need not be asked.
func (v *values) refute(r *rule, t *target, e int) {
	if t.whole() && v.spans[t.of].judged {
		v.set(v.each, int(v.entries[e].may))[r.bit/64] &^= 1 << (r.bit % 64)
	}
}
