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
	at, parent := make([]int, len(p.steps)), []int(nil)
	for step, rules := range wanted {
		if rules == nil {
			continue
		}
		i := len(t.branches)
		at[step] = i
		b := branch{step: step, own: rules, all: slices.Clone(rules)}
		up := 0
		if i > 0 {
			b.reach, up = p.steps[step].how.Set(), at[p.steps[step].parent]
			t.branches[up].children = append(t.branches[up].children, i)
		}
		parent, t.branches = append(parent, up), append(t.branches, b)
	}
	for i := len(t.branches) - 1; i > 0; i-- {
		b, up := &t.branches[i], &t.branches[parent[i]]
		up.reach |= b.reach
		add(up.all, b.all)
	}
	return t
}
