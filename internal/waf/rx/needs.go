package rx

import (
	"regexp/syntax"
	"slices"
)

// Needs is what every text that an expression matches holds. The zero value
// says nothing. It tells too little rather than too much: a text that has it all
// need not match.
type Needs struct {
	// Any: a matching text meets one of these, each on its own. Empty: nothing is
	// known.
	Any []Clause
}

// Clause is what a text must hold, all of it.
type Clause struct {
	// Literals: the text, its ASCII letters in lower case, contains one of these.
	// Empty: nothing is known.
	Literals []string
	// Bytes: the text contains, of each set, one byte.
	Bytes []ByteSet
	// MinLen is the least length of the text, in bytes.
	MinLen int
}

// Bounds of what is kept while an expression is read.
const (
	maxExact    = 64   // strings that stand for a whole part
	maxLiterals = 1000 // alternatives of which a text must hold one
	maxLength   = 8    // bytes of one of them
	maxConjunct = 5    // sets of bytes
	maxClauses  = 12   // alternatives with needs of their own
	maxMinLen   = 4096 // bytes
)

// facts is what is known of the texts that a part of an expression matches.
type facts struct {
	exact literals // all of them, if known
	any   []clause // each meets one of these; empty: the part matches nothing
}

// clause is what is known of some of the texts that a part matches.
type clause struct {
	some  literals // each contains one of these
	bytes []ByteSet
	min   int
}

// reader finds out about a part of an expression.
type reader struct {
	latin1 bool // a rune is a byte
}

func needsOf(tree *syntax.Regexp, latin1 bool) Needs {
	r := reader{latin1: latin1}
	f := r.read(tree)
	var n Needs
	for _, c := range f.withExact() {
		n.Any = append(n.Any, c.export())
	}
	return n
}

func (c clause) export() Clause {
	e := Clause{Literals: c.some.list, MinLen: c.min}
	for _, set := range c.bytes {
		if len(e.Literals) == 0 || !implied(set, e.Literals) {
			e.Bytes = append(e.Bytes, set)
		}
	}
	if len(e.Literals) == 0 {
		return e
	}
	if e.Literals = slices.Clone(e.Literals); c.some.kelvin {
		e.Literals = append(e.Literals, kelvin)
	}
	if c.some.longS {
		e.Literals = append(e.Literals, longS)
	}
	e.Literals = minimal(e.Literals)
	return e
}

// implied tells whether, but for case, a text that holds one of the literals has
// a byte of the set.
func implied(set ByteSet, list []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool {
		for i := range len(s) {
			if b := s[i]; set.Has(b) || 'a' <= b && b <= 'z' && set.Has(b-'a'+'A') {
				return false
			}
		}
		return true
	})
}

func (c clause) nothing() bool { return c.some.list == nil && len(c.bytes) == 0 }

// withExact is what is known, that the texts may be spelt out included.
func (f facts) withExact() []clause {
	if f.exact.list == nil || len(f.any) != 1 {
		return f.any
	}
	c := f.any[0]
	c.some = better(c.some, f.exact.useful())
	return []clause{c}
}

// Facts of the empty text, of any text at all, and of none.
func empty() facts {
	return facts{exact: literals{list: []string{""}}, any: []clause{{}}}
}
func anything(least int) facts { return facts{any: []clause{{min: least}}} }
func never() facts             { return facts{} }

func (f facts) never() bool { return len(f.any) == 0 }

func (r reader) read(re *syntax.Regexp) facts {
	switch re.Op {
	case syntax.OpNoMatch:
		return never()
	case syntax.OpLiteral:
		return r.literal(re)
	case syntax.OpCharClass:
		return r.class(re.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return anything(1)
	case syntax.OpCapture:
		return r.read(re.Sub[0])
	case syntax.OpStar:
		return anything(0)
	case syntax.OpQuest:
		return optional(r.read(re.Sub[0]))
	case syntax.OpPlus:
		return repeated(r.read(re.Sub[0]), 1, -1)
	case syntax.OpRepeat:
		return repeated(r.read(re.Sub[0]), re.Min, re.Max)
	case syntax.OpConcat:
		return r.concat(re.Sub)
	case syntax.OpAlternate:
		return r.alternate(re.Sub)
	}
	return empty() // a condition
}

func optional(f facts) facts {
	if f.never() {
		return empty()
	}
	return facts{exact: union(f.exact, empty().exact, maxExact), any: []clause{{}}}
}

// repeated is f at least least times, and at most most times, -1 for no limit.
func repeated(f facts, least, most int) facts {
	switch {
	case least == 1 && most == 1:
		return f
	case most == 0:
		return empty()
	case least == 0 && most == 1:
		return optional(f)
	case least == 0:
		return anything(0)
	case f.never():
		return f
	}
	s := newSequence()
	for range min(least, 4) {
		s.add(f)
	}
	if most != least || least > 4 {
		s.breakOff()
	}
	g := s.facts()
	if more := least - 4; more > 0 {
		shortest := slices.MinFunc(f.any, func(a, b clause) int { return a.min - b.min }).min
		for i := range g.any {
			g.any[i].min = min(g.any[i].min+more*shortest, maxMinLen)
		}
	}
	return g
}

func (r reader) literal(re *syntax.Regexp) facts {
	s := newSequence()
	for _, c := range re.Rune {
		s.add(r.class(foldsOf(c, re.Flags&syntax.FoldCase != 0)))
	}
	return s.facts()
}

// class is what is known of one rune of a set, given as pairs of bounds.
func (r reader) class(set []rune) facts {
	if r.latin1 {
		set = latin1Of(set)
	}
	if len(set) == 0 {
		return never()
	}
	c := clause{min: 4}
	var bytes ByteSet
	for i := 0; i < len(set); i += 2 {
		if r.latin1 {
			c.min = 1
			bytes.addBytes(byte(set[i]), byte(set[i+1]))
			continue
		}
		c.min = min(c.min, width(set[i], set[i+1]))
		bytes.addRunes(set[i], set[i+1])
	}
	c.bytes = conjunction([]ByteSet{bytes})
	return facts{exact: spell(set, r.latin1), any: []clause{c}}
}

func (r reader) concat(subs []*syntax.Regexp) facts {
	s := newSequence()
	for _, sub := range subs {
		if sub.Op == syntax.OpPlus { // at least once, right behind what was before
			s.add(r.read(sub.Sub[0]))
			s.breakOff()
		} else {
			s.add(r.read(sub))
		}
	}
	return s.facts()
}

func (r reader) alternate(subs []*syntax.Regexp) facts {
	var exact literals
	var spelt, all []clause
	for _, sub := range subs {
		f := r.read(sub)
		if f.never() {
			continue
		}
		if all == nil {
			exact = f.exact
		} else {
			exact = union(exact, f.exact, maxExact)
		}
		spelt, all = append(spelt, f.any...), append(all, f.withExact()...)
	}
	switch {
	case all == nil:
		return never()
	case exact.list != nil:
		return facts{exact: exact, any: []clause{merge(spelt)}}
	}
	return facts{any: fewer(all, maxClauses)}
}

// sequence gathers what is known of parts that follow each other.
type sequence struct {
	run   literals // what the parts since the last unknown one spell
	whole bool     // there was no unknown one
	any   []clause
}

func newSequence() *sequence {
	return &sequence{run: empty().exact, whole: true, any: []clause{{}}}
}

func (s *sequence) add(f facts) {
	s.any = both(s.any, f.any)
	next := cross(s.run, f.exact)
	if next.list == nil || shortest(s.run) >= maxLength {
		s.breakOff()
		next = f.exact
	}
	if s.run = next; s.run.list == nil {
		s.run, s.whole = empty().exact, false
	}
}

// breakOff says that something unknown stands here.
func (s *sequence) breakOff() {
	if l := s.run.useful(); l.list != nil {
		s.any = both(s.any, []clause{{some: l}})
	}
	s.run, s.whole = empty().exact, false
}

func (s *sequence) facts() facts {
	if s.whole {
		return facts{exact: s.run, any: s.any}
	}
	s.breakOff()
	return facts{any: s.any}
}
