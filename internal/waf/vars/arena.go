package vars

import (
	"strings"
	"unsafe"
)

// arena holds the strings that are made. They live until reset.
type arena struct{ buf []byte }

const (
	arenaStart = 4 << 10
	arenaKept  = 1 << 20 // more than this is given back by reset
)

func (a *arena) reset() {
	if cap(a.buf) > arenaKept {
		a.buf = nil
	}
	a.buf = a.buf[:0]
}

// room gives an empty slice with room for n bytes; keep makes a string of what
// was appended to it, before the next call of room.
func (a *arena) room(n int) []byte {
	if cap(a.buf)-len(a.buf) < n {
		// Strings in the old buffer keep it alive.
		a.buf = make([]byte, 0, max(arenaStart, 2*cap(a.buf), n))
	}
	return a.buf[len(a.buf):]
}

func (a *arena) keep(b []byte) string {
	a.buf = a.buf[:len(a.buf)+len(b)]
	return alias(b)
}

// string is a copy of b.
func (a *arena) string(b []byte) string { return a.keep(append(a.room(len(b)), b...)) }

// join is all parts in one string.
func (a *arena) join(parts ...string) string {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	b := a.room(n)
	for _, p := range parts {
		b = append(b, p...)
	}
	return a.keep(b)
}

// alias is a string of the same memory, which must not change while it is used.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// lower tells whether a name is its own fold, without a look at letters beyond
// ASCII.
func lower(name string) bool {
	for i := range len(name) {
		if c := name[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// fold is a name in lower case, by the rules of Unicode.
func (v *Values) fold(name string) string {
	if lower(name) {
		return name
	}
	b := v.arena.room(len(name))
	for i := range len(name) {
		c := name[i]
		if c >= 0x80 {
			return strings.ToLower(name)
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		b = append(b, c)
	}
	return v.arena.keep(b)
}
