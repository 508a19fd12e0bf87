package transform

import "unsafe"

// Arena holds the strings that transformations make. They live until Reset;
// what is wanted for longer must be cloned. The zero value is ready. It belongs
// to one goroutine at a time.
type Arena struct {
	buf []byte
}

const (
	arenaStart = 4 << 10
	arenaKept  = 1 << 20 // more than this is given back by Reset
)

// Reset ends the life of all strings of the arena.
func (a *Arena) Reset() {
	if cap(a.buf) > arenaKept {
		a.buf = nil
	}
	a.buf = a.buf[:0]
}

// reserve gives an empty slice with room for n bytes. What is appended to it
// beyond that leaves the arena. The next reserve may give the same room again,
// unless keep was called.
func (a *Arena) reserve(n int) []byte {
	if cap(a.buf)-len(a.buf) < n {
		// Strings in the old buffer keep it alive.
		a.buf = make([]byte, 0, max(arenaStart, 2*cap(a.buf), n))
	}
	return a.buf[len(a.buf) : len(a.buf) : len(a.buf)+n]
}

// keep makes a string of b, which reserve gave last.
func (a *Arena) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	end := len(a.buf)
	if end < cap(a.buf) && unsafe.SliceData(b) == &a.buf[:end+1][end] {
		a.buf = a.buf[:end+len(b)]
	}
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// A mark is a state of an arena, to which it can be taken back.
type mark struct {
	base *byte
	used int
}

func (a *Arena) mark() mark { return mark{unsafe.SliceData(a.buf), len(a.buf)} }

// settle frees what was kept since m but s, which is moved to the front.
func (a *Arena) settle(m mark, s string) string {
	if unsafe.SliceData(a.buf) != m.base {
		m.used = 0
	}
	if !a.holdsBeyond(m.used, s) {
		a.buf = a.buf[:m.used]
		return s
	}
	a.buf = append(a.buf[:m.used], s...)
	return unsafe.String(&a.buf[m.used], len(s))
}

// holdsBeyond tells whether s lies in the buffer, at index used or behind it.
func (a *Arena) holdsBeyond(used int, s string) bool {
	if len(s) == 0 || cap(a.buf) == 0 {
		return false
	}
	at := uintptr(unsafe.Pointer(unsafe.StringData(s)))
	base := uintptr(unsafe.Pointer(unsafe.SliceData(a.buf)))
	return at >= base+uintptr(used) && at < base+uintptr(cap(a.buf))
}
