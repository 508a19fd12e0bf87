package transform

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestLookup(t *testing.T) {
	for _, name := range []string{"lowercase", "LowerCase", "NORMALISEPATH", "utf8toUnicode", "UTF8ToUnicode"} {
		if found, ok := Lookup(name); !ok || !strings.EqualFold(found.Name(), name) {
			t.Errorf("Lookup(%q) = %v, %v", name, found, ok)
		}
	}
	if _, ok := Lookup("lower"); ok {
		t.Error("lower is none")
	}
	if _, err := ParseChain("lowercase", "nope"); err == nil || err.Error() != "there is no transformation t:nope" {
		t.Error(err)
	}
	if c, err := ParseChain("lowercase", "none", "trim"); err != nil || len(c.Transformations()) != 1 {
		t.Error("none takes nothing back")
	}
}

func TestSteps(t *testing.T) {
	c, err := ParseChain("urlDecodeUni", "hexDecode", "removeNulls", "lowercase")
	if err != nil {
		t.Fatal(err)
	}
	got := c.Steps("%41B")
	want := []Step{{"urlDecodeUni", "AB", true}, {"hexDecode", "\xab", true}, {"removeNulls", "\xab", false}, {"lowercase", "\ufffd", true}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	got = c.Steps("%41x")
	want = []Step{{"urlDecodeUni", "Ax", true}, {"hexDecode", "Ax", false}, {"removeNulls", "Ax", false}, {"lowercase", "ax", true}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

// Strings of an arena stay as they are until Reset, however it grows.
func TestArenaKeeps(t *testing.T) {
	var a Arena
	c, _ := ParseChain("urlDecodeUni", "lowercase", "trim", "compressWhitespace")
	var got, want []string
	for i := range 3000 {
		text := strings.Repeat("x", i%97) + fmt.Sprint(i)
		got = append(got, c.Apply(&a, " %41  "+text+" "))
		want = append(want, "a "+text)
		if i%3 == 0 { // a value that lives in the arena itself
			got = append(got, c.Apply(&a, got[len(got)-1]), c.Apply(&a, "+"+got[len(got)-1]))
			want = append(want, want[len(want)-1], want[len(want)-1])
		}
	}
	if !slices.Equal(got, want) {
		t.Error("a string changed")
	}
}

func TestArenaIsBounded(t *testing.T) {
	var a Arena
	big := strings.Repeat("A", 3*arenaKept)
	c, _ := ParseChain("lowercase")
	if c.Apply(&a, big)[0] != 'a' {
		t.Fatal("not lower")
	}
	a.Reset()
	if cap(a.buf) > arenaKept {
		t.Errorf("keeps %d bytes", cap(a.buf))
	}
	c.Apply(&a, "A")
	a.Reset()
	if cap(a.buf) == 0 {
		t.Error("keeps nothing")
	}
}

// A chain keeps its result only, not what lies between.
func TestApplyKeepsTheResultOnly(t *testing.T) {
	var a Arena
	a.reserve(arenaKept)
	c, _ := ParseChain("urlDecodeUni", "lowercase", "removeNulls")
	for range 10 {
		c.Apply(&a, "%41"+strings.Repeat("B", 97))
	}
	if len(a.buf) != 10*98 {
		t.Errorf("%d bytes", len(a.buf))
	}
}

// benign comes out of most transformations as it is.
const benign = "dinner for two, 7 pm at harry"

func TestUnchangedAllocatesNothing(t *testing.T) {
	var a Arena
	for _, tr := range known {
		value := benign
		switch tr.name {
		case "cmdLine", "removeWhitespace", "urlEncode", "uppercase":
			value = "7"
		}
		if n := testing.AllocsPerRun(100, func() {
			a.Reset()
			out, changed := tr.Apply(&a, value)
			if !tr.Whole() && (out != value || changed) {
				t.Errorf("%s changes %q", tr.name, value)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", tr.name, n)
		}
	}
}

// What changes goes into the arena.
func TestChangedAllocatesNothing(t *testing.T) {
	var a Arena
	value := "/A/../%41+&lt;&#65;&eacute; \\x41\\u0041\\101\\a /* x */  É你\x00\xff -- \"q\" C:\\x. "
	for _, tr := range known {
		tr.Apply(&a, value)
		if n := testing.AllocsPerRun(100, func() {
			a.Reset()
			tr.Apply(&a, value)
		}); n != 0 {
			t.Errorf("%s: %v allocations", tr.name, n)
		}
	}
}

func BenchmarkTransformation(b *testing.B) {
	text := strings.Repeat("The quick brown fox (jumps) over the lazy dog; it's a 50% chance. ", 1600)
	for _, size := range []int{30, 1 << 10, 100 << 10} {
		value := text[:size]
		if size == 30 {
			value = "2f9d1c77-order-4711-dinner-two"
		}
		for _, tr := range known {
			b.Run(fmt.Sprintf("%s/%d", tr.name, size), func(b *testing.B) {
				var a Arena
				b.SetBytes(int64(len(value)))
				b.ReportAllocs()
				for b.Loop() {
					a.Reset()
					tr.Apply(&a, value)
				}
			})
		}
	}
}

func BenchmarkChain(b *testing.B) {
	c, _ := ParseChain("utf8toUnicode", "urlDecodeUni", "htmlEntityDecode", "jsDecode", "cssDecode", "removeNulls")
	var a Arena
	for b.Loop() {
		a.Reset()
		c.Apply(&a, benign)
	}
}
