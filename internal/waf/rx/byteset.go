package rx

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// ByteSet is a set of bytes.
type ByteSet [4]uint64

func (s *ByteSet) add(b byte) { s[b>>6] |= 1 << (b & 63) }

// Has tells whether b is in the set.
func (s *ByteSet) Has(b byte) bool { return s[b>>6]&(1<<(b&63)) != 0 }

func (s *ByteSet) addBytes(lo, hi byte) {
	for b := int(lo); b <= int(hi); b++ {
		s.add(byte(b))
	}
}

// addRunes adds the first bytes of the runes lo to hi. U+FFFD also stands for
// every byte that is no UTF-8.
func (s *ByteSet) addRunes(lo, hi rune) {
	for r := lo; r <= hi && r < utf8.RuneSelf; r++ {
		s.add(byte(r))
	}
	if hi < utf8.RuneSelf {
		return
	}
	first, last := lead(max(lo, utf8.RuneSelf)), lead(min(hi, utf8.MaxRune))
	if lo <= utf8.RuneError && utf8.RuneError <= hi {
		first, last = utf8.RuneSelf, 0xff
	}
	s.addBytes(first, last)
}

// lead is the first byte of a rune in UTF-8; of a surrogate, that it would have.
func lead(r rune) byte {
	if 0xd800 <= r && r <= 0xdfff {
		return 0xed
	}
	var b [utf8.UTFMax]byte
	utf8.EncodeRune(b[:], r)
	return b[0]
}

func (s *ByteSet) or(t ByteSet) ByteSet {
	return ByteSet{s[0] | t[0], s[1] | t[1], s[2] | t[2], s[3] | t[3]}
}

// within tells whether every byte of s is in t.
func (s *ByteSet) within(t *ByteSet) bool { return s.or(*t) == *t }

// chance is about how often a byte is one of s.
func (s *ByteSet) chance() float64 {
	sum := 0.0
	for n, word := range s {
		for ; word != 0; word &= word - 1 {
			sum += frequency(byte(n*64 + bits.TrailingZeros64(word)))
		}
	}
	return sum
}

// common is the chance above which a set says too little to be kept.
const common = 0.5

// conjunction is the sets that say most, none of which follows from another.
func conjunction(sets []ByteSet) []ByteSet {
	kept := make([]ByteSet, 0, len(sets))
	for i, s := range sets {
		weaker := func(t ByteSet) bool { return t.within(&s) }
		if s.chance() < common && !slices.ContainsFunc(sets[:i], weaker) {
			kept = append(kept, s)
		}
	}
	slices.SortStableFunc(kept, func(a, b ByteSet) int { return cmp.Compare(a.chance(), b.chance()) })
	return kept[:min(len(kept), maxConjunct)]
}

// disjunction is what holds of a text of which all of a holds or all of b.
func disjunction(a, b []ByteSet) []ByteSet {
	var sets []ByteSet
	for _, s := range a {
		for _, t := range b {
			sets = append(sets, s.or(t))
		}
	}
	return conjunction(sets)
}

// heaviest is the n sets of most weight, in an order that is always the same.
func heaviest(weight map[ByteSet]int, n int) []ByteSet {
	sets := slices.Collect(maps.Keys(weight))
	slices.SortFunc(sets, func(a, b ByteSet) int {
		if c := cmp.Compare(weight[b], weight[a]); c != 0 {
			return c
		}
		return slices.Compare(a[:], b[:])
	})
	return sets[:min(len(sets), n)]
}
