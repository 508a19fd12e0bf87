package rx

import (
	"encoding/binary"
	"math"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// maxClasses bounds the classes of an expression, so that one is a byte, the end
// of the text is another, and wide is none.
const maxClasses = 254

const wide = 255

// classSet is a set of classes.
type classSet [4]uint64

func (s *classSet) add(c uint8)      { s[c>>6] |= 1 << (c & 63) }
func (s *classSet) has(c uint8) bool { return s[c>>6]&(1<<(c&63)) != 0 }

// classes divides the runes: an expression treats all runes of a class alike.
type classes struct {
	byte   [256]uint8 // of a byte that is a rune; wide for one that may be part of one
	bounds []rune     // first rune of each range behind ASCII
	of     []uint8    // its class
	kinds  []kind     // by class
	end    uint8      // stands for the end of the text; also the number of classes
}

// kind is what a class says about the empty-width conditions beside it.
type kind uint8

const (
	kindOther kind = iota
	kindNewline
	kindWord
	kindNone // before the first rune, behind the last one
)

// of is the class of a rune behind ASCII.
func (c *classes) class(r rune) uint8 {
	lo, hi := 0, len(c.bounds)
	for hi-lo > 1 {
		if m := int(uint(lo+hi) >> 1); c.bounds[m] <= r {
			lo = m
		} else {
			hi = m
		}
	}
	return c.of[lo]
}

// runeSets collects the sets of runes of a program.
type runeSets struct {
	latin1 bool
	list   [][]rune // pairs of bounds
	index  map[string]uint32
	lines  bool // some condition looks at newlines
	words  bool // some condition looks at word characters
}

func (s *runeSets) note(conditions syntax.EmptyOp) {
	s.lines = s.lines || conditions&(syntax.EmptyBeginLine|syntax.EmptyEndLine) != 0
	s.words = s.words || conditions&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0
}

// add is the number of a set.
func (s *runeSets) add(set []rune) uint32 {
	var key []byte
	for _, r := range set {
		key = binary.AppendVarint(key, int64(r))
	}
	if i, ok := s.index[string(key)]; ok {
		return i
	}
	if s.index == nil {
		s.index = map[string]uint32{}
	}
	i := uint32(len(s.list))
	s.list, s.index[string(key)] = append(s.list, set), i
	return i
}

// classes divides the runes by the sets they are in and, where conditions look
// at it, by their kind. It fails if there are too many.
func (s *runeSets) classes() (c classes, takes []classSet, ok bool) {
	takes = make([]classSet, len(s.list))
	seen := map[string]uint8{}
	member := make([]byte, len(s.list)+1)
	starts := s.bounds()
	for i, lo := range starts {
		for j, set := range s.list {
			member[j] = 0
			if contains(set, lo) {
				member[j] = 1
			}
		}
		k := s.kind(lo)
		member[len(s.list)] = byte(k)
		class, known := seen[string(member)]
		if !known {
			if len(seen) == maxClasses {
				return c, nil, false
			}
			class = uint8(len(seen))
			seen[string(member)] = class
			c.kinds = append(c.kinds, k)
			for j := range s.list {
				if member[j] != 0 {
					takes[j].add(class)
				}
			}
		}
		hi := rune(math.MaxInt32)
		if i+1 < len(starts) {
			hi = starts[i+1] - 1
		}
		c.put(lo, hi, class, s.latin1)
	}
	c.end = uint8(len(seen))
	c.kinds = append(c.kinds, kindNone)
	return c, takes, true
}

// put gives the runes lo to hi, which follow those put before, their class.
func (c *classes) put(lo, hi rune, class uint8, latin1 bool) {
	for r := lo; r <= min(hi, 0xff); r++ {
		if c.byte[r] = wide; latin1 || r < utf8.RuneSelf {
			c.byte[r] = class
		}
	}
	if n := len(c.of); lo < utf8.RuneSelf || n > 0 && c.of[n-1] == class {
		return
	}
	c.bounds, c.of = append(c.bounds, lo), append(c.of, class)
}

// bounds are the runes at which some set, or some kind, starts or ends.
func (s *runeSets) bounds() []rune {
	starts := []rune{0, utf8.RuneSelf}
	for _, set := range s.list {
		for i := 0; i < len(set); i += 2 {
			starts = append(starts, set[i])
			if set[i+1] < math.MaxInt32 {
				starts = append(starts, set[i+1]+1)
			}
		}
	}
	if s.lines {
		starts = append(starts, '\n', '\n'+1)
	}
	if s.words {
		starts = append(starts, '0', '9'+1, 'A', 'Z'+1, '_', '_'+1, 'a', 'z'+1)
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}

func (s *runeSets) kind(r rune) kind {
	switch {
	case s.lines && r == '\n':
		return kindNewline
	case s.words && syntax.IsWordChar(r):
		return kindWord
	}
	return kindOther
}

func contains(set []rune, r rune) bool {
	for i := 0; i < len(set); i += 2 {
		if set[i] <= r && r <= set[i+1] {
			return true
		}
	}
	return false
}
