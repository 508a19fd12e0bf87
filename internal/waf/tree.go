package waf

import (
	"slices"

	"fanlight/internal/waf/transform"
	"fanlight/internal/waf/vars"
)

// tree is the steps behind which rules look at all of a collection, and those on
// the way to them.
type tree struct {
	branches []branch // parents before children; the first is no transformation
	at       []int    // by step: its branch, -1 if nobody asks
	base     int      // of its branches among those of all trees
}

type branch struct {
	step     int
	parent   int
	children []int
	below    transform.Bytes // that this step, or one behind it, acts on
	whole    bool            // one of them acts on any value
}

// grow makes the tree of each collection, when all groups are known.
func (p *plan) grow() {
	wanted := make([][]bool, p.collections)
	for _, g := range p.groups {
		for i := range g.targets {
			if t := &g.targets[i]; t.all() {
				if wanted[t.of] == nil {
					wanted[t.of] = make([]bool, len(p.steps))
				}
				for step := g.step; ; step = p.steps[step].parent {
					wanted[t.of][step] = true
					if step == 0 {
						break
					}
				}
			}
		}
	}
	p.trees = make([]tree, p.collections)
	for id, steps := range wanted {
		p.trees[id] = p.tree(steps, p.branches)
		p.branches += len(p.trees[id].branches)
	}
}

// tree makes one of the steps that are wanted. A step's parent comes before it.
func (p *plan) tree(wanted []bool, base int) tree {
	t := tree{base: base, at: slices.Repeat([]int{-1}, len(p.steps))}
	for step, yes := range wanted {
		if !yes {
			continue
		}
		b := branch{step: step, parent: -1, below: p.steps[step].acts, whole: p.steps[step].whole}
		i := len(t.branches)
		t.at[step] = i
		if i > 0 {
			b.parent = t.at[p.steps[step].parent]
			t.branches[b.parent].children = append(t.branches[b.parent].children, i)
		}
		t.branches = append(t.branches, b)
	}
	for i := len(t.branches) - 1; i > 0; i-- {
		b, up := &t.branches[i], &t.branches[t.branches[i].parent]
		up.below, up.whole = up.below.Union(b.below), up.whole || b.whole
	}
	return t
}

// whole gives what may match in all of a collection, behind a step.
func (v *values) whole(id vars.ID, step int) []uint64 {
	t := &v.plan.trees[id]
	from, to := v.span(id)
	if s := &v.spans[id]; !s.summed {
		s.summed = true
		v.sum(t, from, to)
	}
	return v.set(v.sums, t.base+t.at[step])
}

func (v *values) set(of []uint64, n int) []uint64 {
	w := v.plan.words
	return of[n*w : n*w+w]
}

// sum walks the tree with each of some entries.
func (v *values) sum(t *tree, from, to int) {
	if len(t.branches) == 0 {
		return
	}
	for i := range t.branches {
		clear(v.set(v.sums, t.base+i))
		clear(v.set(v.under, t.base+i))
	}
	for e := from; e < to; e++ {
		v.walk(t, e, 0, v.form(e, 0))
	}
	for i := range t.branches {
		sum, under := v.set(v.sums, t.base+i), v.set(v.under, t.base+i)
		if i > 0 {
			add(under, v.set(v.under, t.base+t.branches[i].parent))
		}
		add(sum, under)
	}
}

// walk adds what may match an entry behind a branch, and behind those further up.
// Where none of these changes the value, it is added to all of them at once.
func (v *values) walk(t *tree, e, i, f int) {
	v.addMay(v.set(v.sums, t.base+i), f)
	for _, n := range t.branches[i].children {
		b := &t.branches[n]
		if !b.whole && !b.below.Meets(&v.forms[f].bytes) {
			v.addMay(v.set(v.under, t.base+n), f)
			continue
		}
		after := v.behind(f, b.step)
		v.made[e*len(v.plan.steps)+b.step] = int32(after + 1)
		v.walk(t, e, n, after)
	}
}

func add(set, more []uint64) {
	for w, bits := range more {
		set[w] |= bits
	}
}
