package rx

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"rsc.io/binaryregexp"
)

// compileOracle is what Coraza compiles a pattern with.
func compileOracle(pattern string) (engine, error) {
	if wantsBytes(multiline + pattern) {
		return binaryregexp.Compile(pattern)
	}
	return regexp.Compile(multiline + pattern)
}

// joined is up to n of the pieces, at random.
func joined(g *rand.Rand, n int, pieces []string) string {
	var b strings.Builder
	for range g.IntN(n + 1) {
		b.WriteString(pieces[g.IntN(len(pieces))])
	}
	return b.String()
}

// TestRandomExpressions makes expressions of what is treacherous, and texts that
// come near them.
func TestRandomExpressions(t *testing.T) {
	n := 20000
	if testing.Short() {
		n = 2000
	}
	g := rand.New(rand.NewPCG(5, 6))
	atoms := []string{
		"a", "b", "k", "s", "K", "ab", "ss", "1", "é", "\u212a", "\u017f", "\ufffd", `\xe9`, `\xff`, `\x80`, `\x00`, `\n`, `\x{10ffff}`, `\C`,
		"(?i)", "(?i:", "(", ")", ")", "(?:", ")", "|", "*", "+", "?", "{2}", "{1,3}", "{2,}", "(?-s)", "(?-m)", "(?U)", "^", "$", `\A`, `\z`, `\b`, `\B`, ".",
		"[ab]", "[^a]", "[^k]", "[k-s]", "(?i)[k-s]", "[é-ü]", `[\x{fff0}-\x{ffff}]`, `\w`, `\W`, `\s`, `\S`, `\d`, `\pL`, "[[:^alpha:]]",
	}
	runes := []string{
		"a", "b", "k", "s", "K", "S", "A", "B", "1", " ", "\n", "\x00", "ab", "ss", "é", "É", "日", "\u212a", "\u017f", "\ufffd", "\U0010ffff",
		"\xff", "\xe9", "\x80", "\xe2\x84", "\xf4\x90\x80\x80", "\xed\xa0\x80",
	}
	for range n {
		pattern := joined(g, 9, atoms)
		want, wantErr := compileOracle(pattern)
		r, err := compile(pattern)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("compile(%q): %v, want %v", pattern, err, wantErr)
		}
		if err != nil {
			continue
		}
		index, set := NewIndex([]Needs{r.Needs()}), NewBits(1)
		for range 30 {
			s := joined(g, 8, runes)
			matches := want.MatchString(s)
			if got := r.Match(s); got != matches {
				t.Fatalf("%q matches %q: %v", pattern, s, got)
			}
			if index.Scan(s, set); matches && !set.Has(0) {
				t.Fatalf("the index excludes %q, which %q matches; it needs %v", s, pattern, r.Needs().Any)
			}
		}
	}
}
