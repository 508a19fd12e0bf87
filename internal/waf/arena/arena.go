// Package arena keeps the strings that are made while a request is judged, so
// that none of them is allocated by itself.
package arena

import "unsafe"

// Arena holds strings. They live until Reset; what is wanted for longer must be
// cloned. The zero value is ready. It belongs to one goroutine at a time.
type Arena struct{ buf []byte }

const start = 4 << 10

// Kept is how many bytes an arena holds on to at most when it is reset.
const Kept = 1 << 20

// Reset ends the life of all strings of the arena.
func (a *Arena) Reset() {
	if cap(a.buf) > Kept {
		a.buf = nil
	}
	a.buf = a.buf[:0]
}

// Size is how many bytes are in use.
func (a *Arena) Size() int { return len(a.buf) }

// Room gives an empty slice with room for n bytes. What is appended to it beyond
// that leaves the arena. The next call may give the same room again, unless Keep
// was called.
func (a *Arena) Room(n int) []byte {
	if cap(a.buf)-len(a.buf) < n {
		// Strings in the old buffer keep it alive.
		a.buf = make([]byte, 0, max(start, 2*cap(a.buf), n))
	}
	return a.buf[len(a.buf) : len(a.buf) : len(a.buf)+n]
}

// Keep makes a string of what was appended to the slice that Room gave last.
func (a *Arena) Keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	end := len(a.buf)
	if end < cap(a.buf) && unsafe.SliceData(b) == &a.buf[:end+1][end] {
		a.buf = a.buf[:end+len(b)]
	}
	return Alias(b)
}

// String is a copy of b.
func (a *Arena) String(b []byte) string { return a.Keep(append(a.Room(len(b)), b...)) }

// Join is all parts in one string.
func (a *Arena) Join(parts ...string) string {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	b := a.Room(n)
	for _, p := range parts {
		b = append(b, p...)
	}
	return a.Keep(b)
}

// Mark is a state of an arena, to which it can be taken back.
type Mark struct {
	base *byte
	used int
}

// Mark is the state now.
func (a *Arena) Mark() Mark { return Mark{unsafe.SliceData(a.buf), len(a.buf)} }

// Release ends the life of the strings that were made since m.
func (a *Arena) Release(m Mark) {
	if unsafe.SliceData(a.buf) != m.base {
		m.used = 0 // nothing in here is older
	}
	a.buf = a.buf[:m.used]
}

// Alias is a string of the same memory, which must not change while it is used.
func Alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
