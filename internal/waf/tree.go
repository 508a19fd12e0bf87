package waf

import (
	"slices"
	"strings"

	"fanlight/internal/waf/transform"
	"fanlight/internal/waf/vars"
)

// tree is the steps behind which rules look at all of a collection, and those on
// the way to them.
type tree struct {
	branches []branch // parents before children; the first is no transformation
	depth    int      // the longest way
	names    bool     // the members are names
}

// branch is a step with those further up, which follow it.
type branch struct {
	step     int
	children []int
	reach    transform.Set // this step, and all further up
	own      []uint64      // gated rules that look at what is behind this step
	all      []uint64      // and further up
}

// grow makes the tree of each collection, when all rules are known.
func (p *plan) grow() {
	p.trees = make([]tree, vars.Empty+1)
	names := make([]bool, len(p.trees))
	wanted := make([][][]uint64, len(p.trees)) // rules by step; nil: nobody asks
	for _, r := range p.all {
		for i := range r.targets {
			t := &r.targets[i]
			if r.bit < 0 || !t.whole() {
				continue
			}
			if wanted[t.of] == nil {
				wanted[t.of] = make([][]uint64, len(p.steps))
			}
			p.want(wanted[t.of], r)
			names[t.of] = strings.HasSuffix(t.name, "_NAMES")
		}
	}
	for id, rules := range wanted {
		p.trees[id] = p.tree(rules)
		p.trees[id].names = names[id]
		p.depth = max(p.depth, p.trees[id].depth)
	}
}

// want notes the steps of a rule, and those on the way.
func (p *plan) want(rules [][]uint64, r *rule) {
	for step := r.step; ; step = p.steps[step].parent {
		if rules[step] == nil {
			rules[step] = make([]uint64, p.words)
		}
		if step == r.step || r.every {
			rules[step][r.bit/64] |= 1 << (r.bit % 64)
		}
		if step == 0 {
			return
		}
	}
}

// tree makes one of the steps that are wanted. A step's parent comes before it.
func (p *plan) tree(wanted [][]uint64) (t tree) {
	at, parent, depth := make([]int, len(p.steps)), []int(nil), []int(nil)
	for step, rules := range wanted {
		if rules == nil {
			continue
		}
		i := len(t.branches)
		at[step] = i
		b := branch{step: step, own: rules, all: slices.Clone(rules)}
		up, level := 0, 0
		if i > 0 {
			b.reach, up = p.steps[step].how.Set(), at[p.steps[step].parent]
			level = depth[up] + 1
			t.branches[up].children = append(t.branches[up].children, i)
		}
		parent, depth = append(parent, up), append(depth, level)
		t.branches, t.depth = append(t.branches, b), max(t.depth, level)
	}
	for i := len(t.branches) - 1; i > 0; i-- {
		b, up := &t.branches[i], &t.branches[parent[i]]
		up.reach |= b.reach
		add(up.all, b.all)
	}
	return t
}

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
		if t.names && v.plan.quiet.knows(id, hash, e.Value) {
			continue
		}
		if first := v.seen.first(v.entries, n, hash); first != n {
			e.may = v.entries[first].may
			continue
		}
		e.may = v.judgeOne(t, e.Value)
		add(sum, v.set(v.each, int(e.may)))
		if t.names && e.may == 0 {
			v.plan.quiet.add(id, hash, e.Value)
		}
	}
}

// judgeOne gives the place in v.each of what may match a value.
func (v *values) judgeOne(t *tree, value string) int32 {
	w, at := v.plan.words, len(v.each)
	v.each = slices.Grow(v.each, w)[:at+w]
	set := v.each[at:]
	clear(set)
	v.path[0].is(v.plan, value)
	v.walk(t, 0, v.path, set)
	if empty(set) {
		v.each = v.each[:at]
		return 0
	}
	return int32(at / w)
}

// remember has the names known of which each rule that might have matched said
// that it does not.
func (v *values) remember() {
	for id := range v.plan.trees {
		s := &v.spans[id]
		if !v.plan.trees[id].names || !s.judged {
			continue
		}
		for i := s.from; i < s.to; i++ {
			if e := &v.entries[i]; e.may > 0 && empty(v.set(v.each, int(e.may))) {
				v.plan.quiet.add(vars.ID(id), v.plan.quiet.hash(e.Value), e.Value)
			}
		}
	}
}

// passing is a form on the way through a tree.
type passing struct {
	text   string
	acting transform.Set
	may    []uint64
}

func newPath(p *plan) []passing {
	path := make([]passing, p.depth+1)
	for i := range path {
		path[i].may = make([]uint64, p.words)
	}
	return path
}

func (f *passing) is(p *plan, text string) {
	f.text, f.acting = text, transform.Acting(text)
	p.gate.Scan(text, f.may)
}

// walk adds what may match the form at the beginning of path, which is that
// behind a branch, and what becomes of it further up. The forms that it makes
// live no longer than it takes: hardly a rule will want one.
func (v *values) walk(t *tree, i int, path []passing, set []uint64) {
	f, b := &path[0], &t.branches[i]
	addOf(set, f.may, b.own)
	for _, n := range b.children {
		c := &t.branches[n]
		if !f.acting.Meets(c.reach) {
			addOf(set, f.may, c.all)
			continue
		}
		step := &v.plan.steps[c.step]
		if !f.acting.Meets(step.how.Set()) {
			v.walk(t, n, path, set)
			continue
		}
		before := v.arena.Mark()
		if after, other := step.apply(&v.arena, f.text); other {
			path[1].is(v.plan, after)
			v.walk(t, n, path[1:], set)
		} else {
			v.walk(t, n, path, set)
		}
		v.arena.Release(before)
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
