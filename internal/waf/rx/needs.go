package rx

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Needs is what every text that an expression matches holds. The zero value
// says nothing. It tells too little rather than too much: a text that has it all
// need not match.
type Needs struct {
	// Literals: a matching text, its ASCII letters in lower case, contains one of
	// these. Empty: nothing is known.
	Literals []string
	// Bytes: a matching text contains, of each set, one byte.
	Bytes []ByteSet
	// MinLen is the least length of a matching text, in bytes.
	MinLen int
}

// Bounds of what is kept while an expression is read.
const (
	maxExact    = 64   // strings that stand for a whole part
	maxLiterals = 600  // alternatives of which a text must hold one
	maxLength   = 16   // bytes of one of them
	maxConjunct = 4    // sets of bytes
	maxMinLen   = 4096 // bytes
)

// facts is what is known of the texts that a part of an expression matches.
type facts struct {
	exact literals // all of them, if known
	some  literals // each contains one of these
	bytes []ByteSet
	min   int
	never bool // it matches nothing
}

// literals is a set of strings with ASCII in lower case; nil is unknown.
type literals struct {
	list []string
	// Some k or s among them also stands for its fold that is not ASCII.
	kelvin, longS bool
}

func needsOf(tree *syntax.Regexp) Needs {
	f := read(tree)
	f.some = better(f.some, f.exact.useful())
	n := Needs{Literals: f.some.list, Bytes: f.bytes, MinLen: f.min}
	if len(n.Literals) == 0 {
		return n
	}
	n.Literals = slices.Clone(n.Literals)
	if f.some.kelvin {
		n.Literals = append(n.Literals, "\u212a")
	}
	if f.some.longS {
		n.Literals = append(n.Literals, "\u017f")
	}
	n.Literals = minimal(n.Literals)
	return n
}

// read finds out about a part of an expression.
func read(re *syntax.Regexp) facts {
	switch re.Op {
	case syntax.OpNoMatch:
		return facts{never: true}
	case syntax.OpLiteral:
		return readLiteral(re)
	case syntax.OpCharClass:
		return readClass(re.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return facts{min: 1}
	case syntax.OpCapture:
		return read(re.Sub[0])
	case syntax.OpStar:
		return facts{}
	case syntax.OpQuest:
		return optional(read(re.Sub[0]))
	case syntax.OpPlus:
		return repeated(read(re.Sub[0]), 1, -1)
	case syntax.OpRepeat:
		return repeated(read(re.Sub[0]), re.Min, re.Max)
	case syntax.OpConcat:
		return readConcat(re.Sub)
	case syntax.OpAlternate:
		return readAlternate(re.Sub)
	}
	return empty() // a condition
}

// empty is what is known of the empty text.
func empty() facts { return facts{exact: literals{list: []string{""}}} }

func optional(f facts) facts {
	if f.never {
		return empty()
	}
	return facts{exact: union(f.exact, empty().exact, maxExact)}
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
		return facts{}
	case f.never:
		return f
	}
	all := sequence{}
	for range min(least, 4) {
		all.add(f)
	}
	if most != least {
		all.breakOff()
	}
	g := all.facts()
	if least > 4 || most != least {
		g.exact = literals{}
	}
	g.min = min(f.min*least, maxMinLen)
	return g
}

func readLiteral(re *syntax.Regexp) facts {
	all := sequence{}
	for _, r := range re.Rune {
		all.add(readRune(r, re.Flags&syntax.FoldCase != 0))
	}
	return all.facts()
}

func readRune(r rune, fold bool) facts {
	set := []rune{r, r}
	if fold {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			set = append(set, f, f)
		}
	}
	return readClass(set)
}

// readClass is what is known of one rune of a set, given as pairs of bounds.
func readClass(set []rune) facts {
	if len(set) == 0 {
		return facts{never: true}
	}
	f := facts{min: utf8.UTFMax}
	var bytes ByteSet
	for i := 0; i < len(set); i += 2 {
		lo, hi := set[i], set[i+1]
		f.min = min(f.min, width(lo, hi))
		bytes.addRunes(lo, hi)
	}
	f.exact = spell(set)
	f.bytes = []ByteSet{bytes}
	return f
}

// width is the least length of a rune between two in a text. U+FFFD also stands
// for a byte that is no UTF-8.
func width(lo, hi rune) int {
	if lo <= utf8.RuneError && utf8.RuneError <= hi {
		return 1
	}
	if n := utf8.RuneLen(lo); n > 0 {
		return n
	}
	return 1
}

// spell writes the runes of a small set as strings; it is unknown for others.
func spell(set []rune) (l literals) {
	lower := func(r rune) bool { return slices.Contains(l.list, string(r)) }
	for i := 0; i < len(set); i += 2 {
		lo, hi := set[i], set[i+1]
		if hi-lo >= maxExact || lo <= utf8.RuneError && utf8.RuneError <= hi || len(l.list) > 8 {
			return literals{}
		}
		for r := lo; r <= hi; r++ {
			l.list = append(l.list, strings.ToLower(string(min(r, utf8.RuneSelf-1))))
			if r >= utf8.RuneSelf {
				l.list[len(l.list)-1] = string(r)
			}
		}
	}
	if i := slices.Index(l.list, "\u212a"); i >= 0 && lower('k') {
		l.list, l.kelvin = slices.Delete(l.list, i, i+1), true
	}
	if i := slices.Index(l.list, "\u017f"); i >= 0 && lower('s') {
		l.list, l.longS = slices.Delete(l.list, i, i+1), true
	}
	slices.Sort(l.list)
	l.list = slices.Compact(l.list)
	if len(l.list) > 8 {
		return literals{}
	}
	return l
}

// sequence gathers what is known of parts that follow each other.
type sequence struct {
	parts int
	run   literals // what the parts since the last unknown one spell
	whole bool     // there was no unknown one
	f     facts
}

func (s *sequence) add(f facts) {
	if s.parts++; s.parts == 1 {
		s.run, s.whole = empty().exact, true
	}
	s.f.never = s.f.never || f.never
	s.f.min = min(s.f.min+f.min, maxMinLen)
	s.f.bytes = conjunction(append(s.f.bytes, f.bytes...))
	s.f.some = better(s.f.some, f.some)
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
	s.f.some = better(s.f.some, s.run.useful())
	s.run, s.whole = empty().exact, false
}

func (s *sequence) facts() facts {
	if s.parts == 0 {
		return empty()
	}
	f := s.f
	if s.whole {
		f.exact = s.run
	}
	f.some = better(f.some, s.run.useful())
	return f
}

func readConcat(subs []*syntax.Regexp) facts {
	all := sequence{}
	for _, sub := range subs {
		if least := atLeastOnce(sub); least != nil {
			all.add(read(least))
			all.breakOff()
		} else {
			all.add(read(sub))
		}
	}
	return all.facts()
}

// atLeastOnce is what re repeats, if it spells something once and perhaps more
// often.
func atLeastOnce(re *syntax.Regexp) *syntax.Regexp {
	if re.Op == syntax.OpPlus {
		return re.Sub[0]
	}
	return nil
}

func readAlternate(subs []*syntax.Regexp) facts {
	f := facts{never: true}
	for _, sub := range subs {
		g := read(sub)
		switch {
		case g.never:
		case f.never:
			f = g
		default:
			f = either(f, g)
		}
	}
	return f
}

func either(f, g facts) facts {
	h := facts{min: min(f.min, g.min), bytes: disjunction(f.bytes, g.bytes)}
	h.exact = union(f.exact, g.exact, maxExact)
	h.some = union(better(f.some, f.exact.useful()), better(g.some, g.exact.useful()), maxLiterals)
	return h
}
