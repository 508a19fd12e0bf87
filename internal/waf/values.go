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
	entries []vars.Pair
	spans   []span  // by collection
	version int     // of the collections
	made    []int32 // by entry and step: the form's number + 1; 0: not made
	forms   []form
	may     []uint64 // by form, plan.words each
	groups  []uint64 // by group, plan.words each
	grouped []bool
	sums    []uint64 // by branch of the trees, plan.words each: of all members of a collection
	under   []uint64 // the same: what holds for a branch and all further up
}

// span is where the members of a collection are among the entries.
type span struct {
	from, to, version int
	summed            bool // what may match in them
}

// form is a value after some transformations.
type form struct {
	text    string
	bytes   transform.Bytes // that text has
	scanned bool            // may is known
	none    bool            // and empty
}

func (v *values) reset(p *plan) {
	v.plan = p
	v.Reset()
	v.arena.Reset()
	v.entries, v.forms, v.made, v.may = emptied(v.entries), emptied(v.forms), emptied(v.made), emptied(v.may)
	v.spans = resized(v.spans, p.collections)
	v.groups = slices.Grow(v.groups[:0], len(p.groups)*p.words)[:len(p.groups)*p.words]
	v.grouped = resized(v.grouped, len(p.groups))
	n := p.branches * p.words
	v.sums, v.under = slices.Grow(v.sums[:0], n)[:n], slices.Grow(v.under[:0], n)[:n]
	v.version = 1
}

// fewForms are those of an ordinary request.
const fewForms = 1 << 10

// rest lets go of forms, if there are many; those that are wanted again are made
// again. What was found in them stays.
func (v *values) rest() {
	if cap(v.forms) <= fewForms {
		return
	}
	v.entries, v.forms, v.made, v.may = nil, nil, nil, nil
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
	steps := len(v.plan.steps)
	s.summed = false
	s.from, s.to = len(v.entries), len(v.entries)+len(now)
	v.entries = append(v.entries, now...)
	n := len(v.made)
	v.made = slices.Grow(v.made, steps*len(now))[:n+steps*len(now)]
	clear(v.made[n:])
	for i := range min(old.to-old.from, len(now)) {
		if v.entries[old.from+i] == now[i] {
			copy(v.made[n+i*steps:n+(i+1)*steps], v.made[(old.from+i)*steps:])
		}
	}
	return s.from, s.to
}

// same tells whether members are what they were: collections only grow, but for
// those of one value.
func same(before, now []vars.Pair) bool {
	return len(before) == len(now) && (len(now) != 1 || before[0] == now[0])
}

// form gives the number of an entry's form behind a step. What no step on the
// way acts on is as it came.
func (v *values) form(e, step int) int {
	raw := &v.made[e*len(v.plan.steps)]
	if *raw == 0 {
		*raw = int32(v.newForm(v.entries[e].Value) + 1)
	}
	s := &v.plan.steps[step]
	if !s.wholes && !s.reach.Meets(&v.forms[*raw-1].bytes) {
		return int(*raw - 1)
	}
	return v.madeForm(e, step)
}

func (v *values) madeForm(e, step int) int {
	at := e*len(v.plan.steps) + step
	if n := v.made[at]; n != 0 {
		return int(n - 1)
	}
	f := v.behind(v.madeForm(e, v.plan.steps[step].parent), step)
	v.made[at] = int32(f + 1)
	return f
}

// behind gives the number of the form that a step makes of one.
func (v *values) behind(f, step int) int {
	s := &v.plan.steps[step]
	if before := &v.forms[f]; s.whole || s.acts.Meets(&before.bytes) {
		if after, changed := s.how.Apply(&v.arena, before.text); after != before.text && (changed || !s.told) {
			return v.newForm(after)
		}
	}
	return f
}

func (v *values) newForm(text string) int {
	v.forms = append(v.forms, form{text: text, bytes: bytesOf(text)})
	n := len(v.may)
	v.may = slices.Grow(v.may, v.plan.words)[:n+v.plan.words]
	return len(v.forms) - 1
}

// bytesOf is transform.BytesOf, quicker for long texts: there each byte would wait
// for the one before.
func bytesOf(text string) transform.Bytes {
	if len(text) < 512 {
		return transform.BytesOf(text)
	}
	var seen [256]bool
	for i := range len(text) {
		seen[text[i]] = true
	}
	var out transform.Bytes
	for c, yes := range seen {
		if yes {
			out[c>>6] |= 1 << (c & 63)
		}
	}
	return out
}

// mayOf gives the gated rules that may match a form.
func (v *values) mayOf(f int) []uint64 {
	w := v.plan.words
	may := v.may[f*w : f*w+w]
	if form := &v.forms[f]; !form.scanned {
		form.scanned = true
		v.plan.gate.Scan(form.text, may)
		form.none = !slices.ContainsFunc(may, func(bits uint64) bool { return bits != 0 })
	}
	return may
}

// addMay adds the gated rules that may match a form to a set.
func (v *values) addMay(set []uint64, f int) {
	if form := &v.forms[f]; form.scanned && form.none {
		return
	}
	add(set, v.mayOf(f))
}

// mayMatch reports whether a gated rule may match anything of what its group
// looks at.
func (v *values) mayMatch(r *rule) bool {
	w := v.plan.words
	set := v.groups[r.group*w : r.group*w+w]
	if !v.grouped[r.group] {
		v.grouped[r.group] = true
		v.gather(&v.plan.groups[r.group], set)
	}
	return set[r.bit/64]>>(r.bit%64)&1 != 0
}

// gather collects what may match in the values that a group of rules looks at.
func (v *values) gather(g *group, set []uint64) {
	clear(set)
	for i := range g.targets {
		t := &g.targets[i]
		for step := g.step; ; step = v.plan.steps[step].parent {
			if t.all() {
				add(set, v.whole(t.of, step))
			} else {
				v.gatherSome(t, step, set)
			}
			if !g.every || step == 0 {
				break
			}
		}
	}
}

// gatherSome is gather for a part of a collection.
func (v *values) gatherSome(t *target, step int, set []uint64) {
	from, to := v.span(t.of)
	for e := from; e < to; e++ {
		if t.wants(v.entries[e].Fold) {
			v.addMay(set, v.form(e, step))
		}
	}
}

// mayMatchEntry is mayMatch of one value.
func (v *values) mayMatchEntry(r *rule, e int) bool {
	for step := r.step; ; step = v.plan.steps[step].parent {
		if v.mayOf(v.form(e, step))[r.bit/64]>>(r.bit%64)&1 != 0 {
			return true
		}
		if !r.every || step == 0 {
			return false
		}
	}
}
