package arena

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Strings of an arena stay as they are until Reset, however it grows.
func TestKeeps(t *testing.T) {
	var a Arena
	var got, want []string
	for i := range 3000 {
		text := strings.Repeat("x", i%97) + fmt.Sprint(i)
		a.Room(i % 200) // and nothing kept
		got = append(got, a.String([]byte(text)), a.Join("a ", text, ""), a.Keep(append(a.Room(3), text...)))
		want = append(want, text, "a "+text, text)
		if i%3 == 0 { // a string that lives in the arena itself
			got = append(got, a.Join(got[len(got)-1], "+"), a.Keep(a.Room(9)))
			want = append(want, want[len(want)-1]+"+", "")
		}
	}
	if !slices.Equal(got, want) {
		t.Error("a string changed")
	}
}

// What was made before a mark outlives what was made since.
func TestRelease(t *testing.T) {
	for _, size := range []int{10, 3000, 30000} {
		var a Arena
		text := strings.Repeat("x", size)
		var kept []string
		for range 20 {
			kept = append(kept, a.Join(text, "kept"))
			m := a.Mark()
			a.Join(text, "gone")
			a.Join(text, text)
			a.Release(m)
		}
		for i, s := range kept {
			if s != text+"kept" {
				t.Fatalf("string %d of %d bytes changed", i, size)
			}
		}
		if used := len(a.buf); used > 20*(size+4) {
			t.Errorf("%d bytes are in use for 20 strings of %d", used, size+4)
		}
	}
}

func TestIsBounded(t *testing.T) {
	var a Arena
	a.Join(strings.Repeat("A", 3*Kept))
	a.Reset()
	if cap(a.buf) > Kept {
		t.Errorf("keeps %d bytes", cap(a.buf))
	}
	a.Join("A")
	a.Reset()
	if cap(a.buf) == 0 {
		t.Error("keeps nothing")
	}
}

func TestAllocatesNothing(t *testing.T) {
	var a Arena
	text := []byte("some text")
	a.String(text)
	if n := testing.AllocsPerRun(100, func() {
		a.Reset()
		a.Join(a.String(text), a.String(text))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
