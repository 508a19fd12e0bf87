package rx

import (
	"math"
	"math/bits"
)

// An Index tells at one look at a text which of many expressions it may match.
// It is immutable.
type Index struct {
	size    int
	bytes   [256]column
	always  Bits                 // expressions of which nothing is known
	byMin   []condition          // clauses of which only the length is
	pivots  uint64               // the sets below
	byPivot [maxSets][]condition // by set: the clauses without literals of which it is the rarest
	words   *automaton
}

// maxSets bounds the sets of bytes that an index tells apart, so that a set of
// them is a word.
const maxSets = 64

// column is what the index knows of a byte.
type column struct {
	in    uint64 // the sets that hold it
	class uint32 // of the automaton
}

// condition is what a clause needs besides its literals.
type condition struct {
	sets   uint64
	min    int32
	number int32 // of the expression that may match
}

func (c *condition) met(in uint64, length int) bool {
	return c.sets&^in == 0 && int(c.min) <= length
}

// Len is the number of expressions.
func (x *Index) Len() int { return x.size }

// Scan puts into set, which has room for Len numbers, the expressions that s may
// match, and no other. It takes time in proportion to s and allocates nothing.
func (x *Index) Scan(s string, set Bits) {
	var ended places
	in, literal := x.search(s, &ended)
	copy(set, x.always)
	try(x.byMin, in, len(s), set)
	for word := in & x.pivots; word != 0; word &= word - 1 {
		try(x.byPivot[bits.TrailingZeros64(word)], in, len(s), set)
	}
	if !literal {
		return
	}
	for n, word := range ended[:(len(x.words.hits)+63)/64] {
		for ; word != 0; word &= word - 1 {
			try(x.words.hits[n*64+bits.TrailingZeros64(word)], in, len(s), set)
		}
	}
}

// search gives the sets that s has a byte of, and the places of its literals. The
// halves of a longer text are searched at the same time: each step of the automaton
// waits for the one before.
func (x *Index) search(s string, ended *places) (in uint64, literal bool) {
	next, hits := x.words.next, x.words.firstHit
	first, second := x.words.halves(s)
	row := uint32(0)
	for i, other := 0, uint32(0); i < len(second) && i < len(first); i++ {
		c, d := &x.bytes[first[i]], &x.bytes[second[i]]
		in |= c.in | d.in
		row, other = next[row+c.class], next[other+d.class]
		if row >= hits {
			literal = true
			ended.add(x.words.place(row))
		}
		if other >= hits {
			literal = true
			ended.add(x.words.place(other))
		}
	}
	for i := len(second); i < len(first); i++ {
		c := &x.bytes[first[i]]
		in |= c.in
		if row = next[row+c.class]; row >= hits {
			literal = true
			ended.add(x.words.place(row))
		}
	}
	return in, literal
}

// try adds the expressions whose conditions are met.
func try(all []condition, in uint64, length int, set Bits) {
	for i := range all {
		if c := &all[i]; c.met(in, length) {
			set.add(int(c.number))
		}
	}
}

// NewIndex makes the index of expressions by what they need. Their numbers are
// their places in needs.
func NewIndex(needs []Needs) *Index {
	x := &Index{size: len(needs), always: NewBits(len(needs))}
	sets := x.numberSets(needs)
	var words []keyword
	for i, n := range needs {
		if len(n.Any) == 0 {
			x.always.add(i)
		}
		for _, c := range n.Any {
			cond, pivot := conditionOf(c, sets)
			cond.number = int32(i)
			switch {
			case len(c.Literals) > 0:
				for _, l := range c.Literals {
					words = append(words, keyword{l[:min(len(l), maxWord)], cond})
				}
			case pivot >= 0:
				x.pivots |= 1 << pivot
				x.byPivot[pivot] = append(x.byPivot[pivot], cond)
			case cond.min > 0:
				x.byMin = append(x.byMin, cond)
			default:
				x.always.add(i)
			}
		}
	}
	x.words = newAutomaton(words)
	for b := range x.bytes {
		x.bytes[b].class = x.words.class[b]
	}
	return x
}

// numberSets chooses the sets of bytes that are told apart: those that clauses
// without literals rest on, then those that most clauses need.
func (x *Index) numberSets(needs []Needs) []ByteSet {
	weight := map[ByteSet]int{}
	for _, n := range needs {
		for _, c := range n.Any {
			rarest := rarestOf(c.Bytes)
			for i, s := range c.Bytes {
				weight[s]++
				if i == rarest && len(c.Literals) == 0 {
					weight[s] += 10
				}
			}
		}
	}
	sets := heaviest(weight, maxSets)
	for i, s := range sets {
		for b := range x.bytes {
			if s.Has(byte(b)) {
				x.bytes[b].in |= 1 << i
			}
		}
	}
	return sets
}

// rarestOf is the place of the set of which a text is least likely to have a
// byte, -1 if there is none.
func rarestOf(sets []ByteSet) int {
	rarest := -1
	for i, s := range sets {
		if rarest < 0 || s.chance() < sets[rarest].chance() {
			rarest = i
		}
	}
	return rarest
}

// conditionOf is what a clause needs besides its literals, by the numbers of the
// sets, and the number of the rarest set of bytes among it, -1 if there is none.
// A set that is not told apart from others counts as the rarest that holds it.
func conditionOf(c Clause, sets []ByteSet) (cond condition, pivot int) {
	cond.min, pivot = int32(min(c.MinLen, math.MaxInt32)), -1
	for _, s := range c.Bytes {
		number := -1
		for i, t := range sets {
			if s.within(&t) && (number < 0 || t.chance() < sets[number].chance()) {
				number = i
			}
		}
		if number < 0 {
			continue
		}
		cond.sets |= 1 << number
		if pivot < 0 || sets[number].chance() < sets[pivot].chance() {
			pivot = number
		}
	}
	return cond, pivot
}
