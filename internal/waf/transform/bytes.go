package transform

import "unicode/utf8"

// Bytes is a set of byte values.
type Bytes [4]uint64

// BytesOf is the set of the bytes in s.
func BytesOf(s string) Bytes {
	// One word after the other would have to be in memory for each byte.
	var low, high uint64
	var more Bytes
	for i := range len(s) {
		switch c := s[i]; {
		case c < 64:
			low |= 1 << c
		case c < 128:
			high |= 1 << (c - 64)
		default:
			more.add(c)
		}
	}
	more[0], more[1] = low, high
	return more
}

func (b *Bytes) add(c byte) { b[c>>6] |= 1 << (c & 63) }

// Has tells whether c is in the set.
func (b *Bytes) Has(c byte) bool { return b[c>>6]>>(c&63)&1 != 0 }

// Union is the set of what is in either.
func (b Bytes) Union(o Bytes) Bytes {
	return Bytes{b[0] | o[0], b[1] | o[1], b[2] | o[2], b[3] | o[3]}
}

// Meets tells whether the sets have a byte in common.
func (b *Bytes) Meets(o *Bytes) bool {
	return b[0]&o[0]|b[1]&o[1]|b[2]&o[2]|b[3]&o[3] != 0
}

func beyondASCII() (b Bytes) {
	for c := utf8.RuneSelf; c < 256; c++ {
		b.add(byte(c))
	}
	return b
}
