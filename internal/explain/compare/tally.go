package compare

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
)

// tally counts the values of one aspect on both sides.
type tally struct {
	aspect
	good, bad []sighting
}

// sighting is a fact of a unit.
type sighting struct {
	unit *unit
	*fact
}

// tallies counts the facts of aligned units. A good unit that stands beside
// several groups counts once.
func tallies(groups []*group) []*tally {
	all := sightings{}
	type once struct {
		unit *unit
		key  string
	}
	counted := map[once]bool{}
	for _, g := range groups {
		fields, common := g.fields(), g.common()
		for _, u := range g.bad {
			for f := range u.all(fields, common) {
				t := all.of(f.aspect)
				t.bad = append(t.bad, sighting{u, f})
			}
		}
		for _, u := range g.good {
			for f := range u.all(fields, common) {
				if counted[once{u, f.key}] {
					continue
				}
				counted[once{u, f.key}] = true
				t := all.of(f.aspect)
				t.good = append(t.good, sighting{u, f})
			}
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b *tally) int { return cmp.Compare(a.key, b.key) })
}

// fields are the header fields that any unit of the group has, by side.
func (g *group) fields() map[string]field {
	out := map[string]field{}
	for _, u := range slices.Concat(g.good, g.bad) {
		for _, f := range u.facts {
			if block, _, ok := f.field(); ok {
				out[f.key] = field{f.aspect, block}
			}
		}
	}
	return out
}

// field is a header field of the requests or the responses.
type field struct {
	aspect
	block string // request, response
}

const absent = "missing"

// common are the fields that all units of the group have, by block.
func (g *group) common() map[string]map[string]bool {
	out, units := map[string]map[string]bool{}, map[string]int{}
	count := map[[2]string]int{}
	for _, u := range slices.Concat(g.good, g.bad) {
		for block, names := range u.names {
			units[block]++
			for _, name := range names {
				count[[2]string{block, name}]++
			}
		}
	}
	for of, n := range count {
		if n == units[of[0]] {
			if out[of[0]] == nil {
				out[of[0]] = map[string]bool{}
			}
			out[of[0]][of[1]] = true
		}
	}
	return out
}

// inOrder are the common fields of a block in the order that the unit has.
func (u *unit) inOrder(block string, common map[string]bool) (fact, bool) {
	var names []string
	for _, name := range u.names[block] {
		if common[name] {
			names = append(names, headerName(name))
		}
	}
	a := aspect{block + "-order", "order of the " + block + " header", requesting, incidental}
	if block == "response" {
		a.stage = responding
	}
	return fact{aspect: a, value: strings.Join(names, ", "), event: u.heads[block]}, len(names) > 1
}

// all gives the facts of a unit, with those fields that it lacks. The order of
// fields counts where all have them; that of a failed response is the failure's.
func (u *unit) all(fields map[string]field, common map[string]map[string]bool) iter.Seq[*fact] {
	return func(yield func(*fact) bool) {
		has := map[string]bool{}
		for i := range u.facts {
			has[u.facts[i].key] = true
			if !yield(&u.facts[i]) {
				return
			}
		}
		for block, names := range common {
			if f, some := u.inOrder(block, names); some && (block == "request" || u.x.Status < 400) && !yield(&f) {
				return
			}
		}
		for key, f := range fields {
			_, name, _ := f.field()
			if event, observed := u.heads[f.block]; observed && !has[key] && !u.without(name) && !yield(&fact{aspect: f.aspect, value: absent, event: event}) {
				return
			}
		}
	}
}

// sightings of the bad and the good, by aspect.
type sightings map[string]*tally

func (s sightings) of(a aspect) *tally {
	t := s[a.key]
	if t == nil {
		t = &tally{aspect: a}
		s[a.key] = t
	}
	return t
}
