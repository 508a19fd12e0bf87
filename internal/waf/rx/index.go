package rx

import "math/bits"

// An Index tells at one look at a text which of many expressions it may match.
// It is immutable.
type Index struct {
	size    int
	bytes   [256]column
	always  Bits                 // expressions of which nothing is known
	byMin   []condition          // clauses of which only the length is
	pivots  byteSets             // the sets below
	byPivot [maxSets][]condition // by set: the clauses without literals of which it is the rarest
	words   *automaton
}

// maxSets bounds the sets of bytes that an index tells apart.
const maxSets = 256

// byteSets is a set of such sets.
type byteSets [maxSets / 64]uint64

// column is what the index knows of a byte.
type column struct {
	in    byteSets // the sets that hold it
	class uint32   // of the automaton
}

// condition is what a clause needs besides its literals.
type condition struct {
	sets   byteSets
	min    int
	number int // of the expression that may match
}

func (c *condition) met(sets *byteSets, length int) bool {
	return c.sets[0]&^sets[0]|c.sets[1]&^sets[1]|c.sets[2]&^sets[2]|c.sets[3]&^sets[3] == 0 && c.min <= length
}

// Len is the number of expressions.
func (x *Index) Len() int { return x.size }

// Scan puts into set, which has room for Len numbers, the expressions that s may
// match, and no other. It takes time in proportion to s and allocates nothing.
func (x *Index) Scan(s string, set Bits) {
	var in byteSets
	var ended [maxLists / 64]uint64 // places of literals in s
	next, hits, row := x.words.next, x.words.firstHit, uint32(0)
	for i := range len(s) {
		c := &x.bytes[s[i]]
		in[0] |= c.in[0]
		in[1] |= c.in[1]
		in[2] |= c.in[2]
		in[3] |= c.in[3]
		row = next[row+c.class]
		if row >= hits {
			place := x.words.place(row)
			ended[place/64%uint32(len(ended))] |= 1 << (place & 63)
		}
	}
	copy(set, x.always)
	try(x.byMin, &in, len(s), set)
	for n, word := range in {
		for word &= x.pivots[n]; word != 0; word &= word - 1 {
			try(x.byPivot[n*64+bits.TrailingZeros64(word)], &in, len(s), set)
		}
	}
	for n, word := range ended {
		for ; word != 0; word &= word - 1 {
			try(x.words.hits[n*64+bits.TrailingZeros64(word)], &in, len(s), set)
		}
	}
}

// try adds the expressions whose conditions are met.
func try(all []condition, in *byteSets, length int, set Bits) {
	for i := range all {
		if c := &all[i]; c.met(in, length) {
			set.add(c.number)
		}
	}
}

// NewIndex makes the index of expressions by what they need. Their numbers are
// their places in needs.
func NewIndex(needs []Needs) *Index {
	x := &Index{size: len(needs), always: NewBits(len(needs))}
	numbers := x.numberSets(needs)
	var words []keyword
	for i, n := range needs {
		if len(n.Any) == 0 {
			x.always.add(i)
		}
		for _, c := range n.Any {
			cond, pivot := conditionOf(c, numbers)
			cond.number = i
			switch {
			case len(c.Literals) > 0:
				for _, l := range c.Literals {
					words = append(words, keyword{l, cond})
				}
			case pivot >= 0:
				x.pivots[pivot>>6] |= 1 << (pivot & 63)
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

// numberSets gives sets of bytes numbers: first those that clauses without
// literals rest on, then those that most clauses need.
func (x *Index) numberSets(needs []Needs) map[ByteSet]int {
	weight := map[ByteSet]int{}
	for _, n := range needs {
		for _, c := range n.Any {
			for i, s := range c.Bytes { // the rarest is first
				weight[s]++
				if i == 0 && len(c.Literals) == 0 {
					weight[s] += 1000
				}
			}
		}
	}
	numbers := map[ByteSet]int{}
	for i, s := range heaviest(weight, maxSets) {
		numbers[s] = i
		for b := range x.bytes {
			if s.Has(byte(b)) {
				x.bytes[b].in[i>>6] |= 1 << (i & 63)
			}
		}
	}
	return numbers
}

// conditionOf is what a clause needs besides its literals, and the number of the
// rarest set of bytes among it, -1 if there is none.
func conditionOf(c Clause, numbers map[ByteSet]int) (cond condition, pivot int) {
	cond.min, pivot = c.MinLen, -1
	rarest := 2.0
	for _, s := range c.Bytes {
		n, ok := numbers[s]
		if !ok {
			continue
		}
		cond.sets[n>>6] |= 1 << (n & 63)
		if p := s.chance(); p < rarest {
			rarest, pivot = p, n
		}
	}
	return cond, pivot
}
