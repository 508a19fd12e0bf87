package rx

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func numbers(set Bits) (list []int) {
	for i := set.Next(0); i >= 0; i = set.Next(i + 1) {
		list = append(list, i)
	}
	return list
}

func bytesIn(s string) (set ByteSet) {
	for i := range len(s) {
		set.add(s[i])
	}
	return set
}

func TestIndex(t *testing.T) {
	quotes, digits := bytesIn("'\""), bytesIn("0123456789")
	needs := []Needs{
		0: {},
		1: {Any: []Clause{{Literals: []string{"select", "union"}}}},
		2: {Any: []Clause{{Literals: []string{"elect"}, MinLen: 9}}},
		3: {Any: []Clause{{Bytes: []ByteSet{quotes}}}},
		4: {Any: []Clause{{Bytes: []ByteSet{quotes, digits}}}},
		5: {Any: []Clause{{Literals: []string{"or"}, Bytes: []ByteSet{quotes}}, {Bytes: []ByteSet{digits}, MinLen: 4}}},
		6: {Any: []Clause{{MinLen: 12}}},
		7: {Any: []Clause{{Literals: []string{"\u212a", "\xff\x00"}}}},
	}
	index := NewIndex(needs)
	set := NewBits(index.Len())
	for _, c := range []struct {
		text string
		want []int
	}{
		{"", []int{0}},
		{"hello", []int{0}},
		{"SeLeCt", []int{0, 1}},
		{"preselected", []int{0, 1, 2}},
		{"reunion", []int{0, 1}},
		{"reunio n", []int{0}},
		{"it's", []int{0, 3}},
		{"it's 1", []int{0, 3, 4, 5}},
		{"or'", []int{0, 3, 5}},
		{"or", []int{0}},
		{"123", []int{0}},
		{"1234", []int{0, 5}},
		{"a long enough text", []int{0, 6}},
		{"4 \u212aelvin", []int{0, 5, 7}},
		{"x\xff\x00", []int{0, 7}},
		{"x\xffy\x00", []int{0}},
	} {
		if index.Scan(c.text, set); !slices.Equal(numbers(set), c.want) {
			t.Errorf("%q may match %v, want %v", c.text, numbers(set), c.want)
		}
	}
}

// TestIndexFindsLiteralsAnywhere has them at each place of texts of each length, as
// longer ones are searched by halves.
func TestIndexFindsLiteralsAnywhere(t *testing.T) {
	literals := []string{"ab", "cdefg", "hijklmnopqrs"}
	var needs []Needs
	for _, l := range literals {
		needs = append(needs, Needs{Any: []Clause{{Literals: []string{l}}}})
	}
	needs = append(needs, Needs{Any: []Clause{{Bytes: []ByteSet{bytesIn("!")}}}})
	index := NewIndex(needs)
	set := NewBits(index.Len())
	for i, l := range append(literals, "!") {
		for size := len(l); size < 80; size++ {
			for at := range size - len(l) + 1 {
				text := strings.Repeat("-", at) + l + strings.Repeat("-", size-at-len(l))
				if index.Scan(text, set); !slices.Equal(numbers(set), []int{i}) {
					t.Fatalf("%q may match %v, want %d", text, numbers(set), i)
				}
			}
		}
	}
	for size := range 80 {
		if index.Scan(strings.Repeat("-", size), set); len(numbers(set)) > 0 {
			t.Fatalf("%d bytes without literals may match %v", size, numbers(set))
		}
	}
}

// TestIndexBeyondBounds has more literals and more sets of bytes than an index
// tells apart: it lets more pass then, never less.
func TestIndexBeyondBounds(t *testing.T) {
	var needs []Needs
	var met []string
	for i := range 3 * maxLists / 2 {
		word := fmt.Sprintf("w%05dx", i)
		needs = append(needs, Needs{Any: []Clause{{Literals: []string{word}}}})
		met = append(met, strings.ToUpper(word))
	}
	for i := range 2 * maxSets {
		a, b := byte(i), byte(i/256*7+i+1)
		needs = append(needs, Needs{Any: []Clause{{Bytes: []ByteSet{bytesIn(string([]byte{a, b}))}}}})
		met = append(met, string([]byte{b}))
	}
	index := NewIndex(needs)
	set := NewBits(index.Len())
	for i, s := range met {
		if index.Scan(s, set); !set.Has(i) {
			t.Errorf("%q may not match number %d", s, i)
		}
	}
	if index.Scan("W00007X", set); len(numbers(set)) > maxSets+20 {
		t.Errorf("%d numbers pass for one literal", len(numbers(set)))
	}
}

func TestNeeds(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		literals string // of the only clause
		bytes    string // of its sets, each sorted, rarest first
		min      int
	}{
		{`union`, "union", "", 5},
		{`(?i)union`, "union", "", 5},
		{`(?i)sleep`, "sleep \u017f", "", 5},
		{`(?i)kk`, "kk \u212a", "", 2},
		{`[kK]k`, "kk", "", 2},
		{`un.*on`, "un", "o", 4},
		{`foo|bar`, "bar foo", "", 3},
		{`(?:foo|bar)baz`, "barbaz foobaz", "", 6},
		{`foo+bar`, "foo", "b a r", 6},
		{`(?:ab){3}`, "ababab", "", 6},
		{`(?:ab){2,}c`, "abab", "c", 5},
		{`a?`, "", "", 0},
		{`ab?c`, "abc ac", "", 2},
		{`['"].*;`, "", "\"' ;", 2},
		{`x['"]`, "x\" x'", "", 2},
		{`\bab\b`, "ab", "", 2},
		{`^$`, "", "", 0},
		{`é`, "é", "", 2},
		{`(?i)éa`, "Éa éa", "", 3},
		{"\ufffda", "", "\x80-\xff a", 2},
		{`[^a]`, "", "", 1},
		{`.b`, "", "b", 2},
		{`a[^\s\S]|b`, "", "b", 1},
		{`\xff\x00`, "\xff\x00", "", 2},
		{`abcdefghijklmn`, "abcdefgh", "", 14},
	} {
		r, err := compile(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		n := r.Needs()
		if len(n.Any) != 1 {
			t.Errorf("%s: clauses %v", c.pattern, n.Any)
			continue
		}
		var sets []string
		for _, s := range n.Any[0].Bytes {
			if s == bytesIn(high()) {
				sets = append(sets, "\x80-\xff")
			} else {
				sets = append(sets, string(bytesOf(s)))
			}
		}
		literals, bytes := strings.Join(n.Any[0].Literals, " "), strings.Join(sets, " ")
		if literals != c.literals || bytes != c.bytes || n.Any[0].MinLen != c.min {
			t.Errorf("%s: literals %q, bytes %q, length %d; want %q, %q, %d", c.pattern, literals, bytes, n.Any[0].MinLen, c.literals, c.bytes, c.min)
		}
	}
}

func high() string {
	var b strings.Builder
	for c := 0x80; c <= 0xff; c++ {
		b.WriteByte(byte(c))
	}
	return b.String()
}
