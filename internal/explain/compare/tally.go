package compare

import (
	"cmp"
	"maps"
	"slices"
)

// tally counts the values of one aspect on both sides.
type tally struct {
	aspect
	good, bad []sighting
}

// sighting is a fact of a unit.
type sighting struct {
	unit *unit
	fact
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
		fields := g.fields()
		for _, u := range g.bad {
			for _, f := range u.all(fields) {
				t := all.of(f.aspect)
				t.bad = append(t.bad, sighting{u, f})
			}
		}
		for _, u := range g.good {
			for _, f := range u.all(fields) {
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

// all gives the facts of a unit, with those fields that it lacks.
func (u *unit) all(fields map[string]field) []fact {
	out := slices.Clone(u.facts)
	has := map[string]bool{}
	for _, f := range u.facts {
		has[f.key] = true
	}
	for key, f := range fields {
		if event, observed := u.heads[f.block]; observed && !has[key] {
			out = append(out, fact{aspect: f.aspect, value: absent, event: event})
		}
	}
	return out
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
