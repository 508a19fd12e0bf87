package transform

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/waf/arena"
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
	if c, err := ParseChain("lowercase", "none", "trim"); err != nil || len(c) != 1 {
		t.Error("none takes nothing back")
	}
}

// Each transformation needs a bit of its own.
func TestSetsDiffer(t *testing.T) {
	seen := Set(0)
	for _, tr := range known {
		if tr.Set() == 0 || seen.Meets(tr.Set()) {
			t.Errorf("%s is %x", tr.name, tr.Set())
		}
		seen |= tr.Set()
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

// benign comes out of most transformations as it is.
const benign = "dinner for two, 7 pm at harry"

func TestUnchangedAllocatesNothing(t *testing.T) {
	var a arena.Arena
	for _, tr := range known {
		value := benign
		switch tr.name {
		case "cmdLine", "removeWhitespace", "urlEncode", "uppercase":
			value = "7"
		}
		if n := testing.AllocsPerRun(100, func() {
			a.Reset()
			out, changed := tr.Apply(&a, value)
			if !tr.whole && (out != value || changed) {
				t.Errorf("%s changes %q", tr.name, value)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", tr.name, n)
		}
	}
}

// What changes goes into the arena.
func TestChangedAllocatesNothing(t *testing.T) {
	var a arena.Arena
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
				var a arena.Arena
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
