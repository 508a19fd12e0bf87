package transform

import "unicode/utf8"

// Set is a set of transformations.
type Set uint64

// Meets tells whether the sets have one in common.
func (s Set) Meets(o Set) bool { return s&o != 0 }

// Set is the transformation alone.
func (t *Transformation) Set() Set { return t.self }

// Acting are the transformations that may act on a value: all others leave it as
// it is, and do not say to have changed it.
func Acting(value string) Set {
	set := actingOnAll
	for i := range len(value) {
		set |= actingOn[value[i]]
	}
	return set
}

var actingOn = func() (on [256]Set) {
	for _, t := range known {
		for i := range len(t.acts) {
			on[t.acts[i]] |= t.self
		}
	}
	return on
}()

// actingOnAll act on any value, the empty one too.
var actingOnAll = func() (set Set) {
	for _, t := range known {
		if t.whole {
			set |= t.self
		}
	}
	return set
}()

// numbered makes a set of its own of each of at most 64 transformations.
func numbered(all []*Transformation) []*Transformation {
	for i, t := range all {
		t.self = 1 << i
	}
	return all
}

// bytesWhere are the bytes for which a condition holds.
func bytesWhere(holds func(c byte) bool) string {
	var all []byte
	for c := range 256 {
		if holds(byte(c)) {
			all = append(all, byte(c))
		}
	}
	return string(all)
}

var beyondASCII = bytesWhere(func(c byte) bool { return c >= utf8.RuneSelf })
