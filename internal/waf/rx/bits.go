package rx

import "math/bits"

// Bits is a set of small numbers, those of the expressions of an Index.
type Bits []uint64

// NewBits is an empty set for the numbers below n.
func NewBits(n int) Bits { return make(Bits, (n+63)/64) }

// Has tells whether i is in the set.
func (b Bits) Has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }

// Next is the least number in the set that is not below i, -1 if there is none.
func (b Bits) Next(i int) int {
	n := i >> 6
	if n >= len(b) {
		return -1
	}
	word := b[n] &^ (1<<(i&63) - 1)
	for word == 0 {
		if n++; n == len(b) {
			return -1
		}
		word = b[n]
	}
	return n<<6 + bits.TrailingZeros64(word)
}

func (b Bits) add(i int) { b[i>>6] |= 1 << (i & 63) }
