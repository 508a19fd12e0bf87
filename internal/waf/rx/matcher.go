package rx

import (
	"cmp"
	"slices"
	"sync"
)

// Needing is something that compares texts, of which only some can match. What
// has a method Expression() *Regexp, as a Regexp itself, and matches what that
// does may be run together with others.
type Needing interface {
	Needs() Needs
}

// A Matcher tells quickly which of many comparisons a text cannot match. It is
// safe for concurrent use.
//
// The index keeps most of them from an ordinary text. Of the others several
// expressions at a time are run as one, which hardly ever matches.
type Matcher struct {
	all     []*Regexp // nil: no expression
	index   *Index
	bundles []bundle
}

// bundle is expressions run as one.
type bundle struct {
	members Bits
	lazy    func() *dfa // gives nil if they are too large for one
}

// What a bundle is made of.
const (
	bundleSize = 8    // expressions: more would make states of its own for each text
	likely     = 0.02 // part of the texts that the index must let pass to an expression
)

// NewMatcher makes a matcher of comparisons, whose numbers are their places in
// all. Its own states count against m.
func NewMatcher[T Needing](m *Memory, all []T) *Matcher {
	needs := make([]Needs, len(all))
	x := &Matcher{all: make([]*Regexp, len(all))}
	for i, n := range all {
		needs[i] = n.Needs()
		if e, ok := any(n).(interface{ Expression() *Regexp }); ok {
			x.all[i] = e.Expression()
		}
	}
	x.index = NewIndex(needs)
	for _, latin1 := range []bool{false, true} {
		for members := range slices.Chunk(x.suited(latin1), bundleSize) {
			if len(members) > 1 {
				x.bundles = append(x.bundles, x.bundle(m, members, latin1))
			}
		}
	}
	return x
}

// Candidates puts into set those of the wanted numbers that s may match. It
// allocates nothing once the states for texts such as s are made.
func (x *Matcher) Candidates(s string, want, set Bits) {
	x.index.Scan(s, set)
	set.and(want)
	for i := range x.bundles {
		u := &x.bundles[i]
		if set.common(u.members) < 2 {
			continue
		}
		if d := u.lazy(); d != nil {
			if found, known := d.match(s); known && !found {
				set.without(u.members)
			}
		}
	}
}

// suited is the expressions that go into bundles, those first that the index lets
// pass most often: they are run together most often.
func (x *Matcher) suited(latin1 bool) []int {
	var list []int
	for i, r := range x.all {
		if r != nil && r.latin1 == latin1 && r.needs.chance >= likely && !slices.ContainsFunc(ordinary(), r.Match) {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(i, j int) int { return cmp.Compare(x.all[j].needs.chance, x.all[i].needs.chance) })
	return list
}

func (x *Matcher) bundle(m *Memory, members []int, latin1 bool) bundle {
	u := bundle{members: NewBits(len(x.all))}
	var sources []string
	for _, i := range members {
		u.members.add(i)
		sources = append(sources, x.all[i].source)
	}
	u.lazy = sync.OnceValue(func() *dfa { return newDFA(m, latin1, sources...) })
	return u
}

// ordinary is values as most requests have them. An expression that matches one
// would make its bundle match, and tell nothing, too often.
func ordinary() []string {
	return []string{
		"", "1", "true", "hello", "Anna", "sid4711abc", "2024-05-17", "New York", "a.berg@example.com", "/index.html",
		"gzip, br", "text/html;q=0.9,*/*", "en-US,en", "https://example.com/list?page=2", "Mozilla/5.0 (X11; Linux)", "Thanks!",
	}
}
