package rx

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// compile gives an expression memory of its own.
func compile(pattern string) (*Regexp, error) { return NewMemory(DefaultMemory).Compile(pattern) }

// oracle is what Coraza runs for a pattern.
func oracle(t testing.TB, pattern string) func(string) []int {
	t.Helper()
	e, err := compileOracle(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return e.FindStringSubmatchIndex
}

func TestMatch(t *testing.T) {
	patterns := []string{
		``, `^`, `$`, `\A`, `\z`, `\b`, `\B`, `^$`, `$^`, `\A\z`, `^\b`, `\b$`, `a`, `ab`, `a|b`, `(?i)kiss`, `(?i)[ks]+x`, `[^a]`, `.`, `.{3}`,
		`^abc$`, `^.*$`, `\Aabc\z`, `(?-s).+`, `(?-m)^a$`, `(?-m)^$`, `a*`, `a+b`, `(a|ab)(c|bcd)(d*)`, `\bfoo\b`, `\Bfoo\B`, `x\b\bx`, `\n^b`, `a$\n^b`,
		`\x{fffd}`, `[^\x{fffd}]`, `é`, `(?i)É`, `[à-ÿ]+`, `\pL`, `\PL{2}`, `\x00`, `[[:^ascii:]]`, `(?i)\x{212a}`, `(?i)ſ`, `a{2,5}b`, `(?:a{1,20}b){3}`,
		`\xc3\xa9`, `\xff`, `[\x80-\xff]`, `\xc3`, `(?i)\xe9x`, `a.\xffb`, `^\xff$`, `[^\x21-\x7E][\x21-\x39\x3B-\x7E]*:`, `a[^\s\S]`, `[^\s\S]|b`, `\b`, `(?i)s\b`,
	}
	in := []string{
		"", "a", "b", "ab", "aab", "abc", "abc\n", "\nabc", "x\nabc\ny", "kiss", "KISS", "\u212aI\u017f\u017f", "K", "\u017f", "\n", "\n\n", "a\nb", "a\n", "foo", " foo ", "xfoox",
		"foo-bar", "é", "É", "\xc3", "\xa9", "\xe2\x84", "\xe2\x84\xaa", "\xff", "\xff\n", "a\xff\xffb", "\ufffd", "\x00", "xx", "aaaaab", "aabaabaab", "abcd", "\xe9x", "\xc9X", "日本語", "\xf0\x9f\x98\x80", "\xed\xa0\x80",
		"x: y", "\x01ab:", "s", "\u017f ",
	}
	for _, p := range patterns {
		r, err := compile(p)
		if err != nil {
			t.Fatalf("compile(%q): %v", p, err)
		}
		find := oracle(t, p)
		for _, s := range in {
			want := find(s)
			if got := r.Match(s); got != (want != nil) {
				t.Errorf("%q matches %q: %v, want %v", p, s, got, want != nil)
			}
			if got := r.Find(s); !slices.Equal(got, want) {
				t.Errorf("%q finds in %q: %v, want %v", p, s, got, want)
			}
			if want != nil {
				if missing := lacks(r.Needs(), s); missing != "" {
					t.Errorf("%q matches %q, which lacks %s", p, s, missing)
				}
			}
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, p := range []string{`(`, `a**`, `\8`, "\xff", `(?<=a)b`, `\xff(`} {
		_, err := compile(p)
		if err == nil {
			t.Errorf("compile(%q) succeeds", p)
		}
	}
}

func TestWantsBytes(t *testing.T) {
	for _, c := range []struct {
		expr string
		want bool
	}{
		{`abc`, false}, {`\xff..`, true}, {`\xc3\xa9`, false}, {`\xc3.\xa9`, true}, {`\x{ff}`, true}, {`\x{c3}\x{a9}`, false}, {`\x{ff`, false},
		{`\x41`, false}, {`\xff`, true}, {`a\xf`, false}, {`\\xff`, true}, {`\xgg`, false}, {`\x{100}z`, false}, {`\x{fff}`, true}, {`\x{9}aa`, false},
		{`\x5c`, false}, {"é", false}, {"\xff", true}, {`[\x80-\xff]`, true}, {`é\xff`, true}, {`\`, false}, {`\x`, false}, {`\xf`, false},
	} {
		if got := wantsBytes(c.expr); got != c.want {
			t.Errorf("wantsBytes(%q) = %v", c.expr, got)
		}
	}
}

// TestRuleSet compares with package regexp on texts made for each expression.
func TestRuleSet(t *testing.T) {
	n := 300
	if testing.Short() {
		n = 40
	}
	all := compileAll(t)
	index := indexOf(all)
	set := NewBits(len(all))
	matches := 0
	for i, r := range all {
		find := oracle(t, rulePatterns()[i])
		hits := 0
		for _, s := range texts(multiline+rulePatterns()[i], uint64(i), n) {
			want := find(s) != nil
			if got := r.Match(s); got != want {
				t.Fatalf("expression %d, %.200q, matches %q: %v", i, r, s, got)
			}
			if !want {
				continue
			}
			hits++
			if missing := lacks(r.Needs(), s); missing != "" {
				t.Fatalf("expression %d, %.200q, matches %q, which lacks %s", i, r, s, missing)
			}
			if index.Scan(s, set); !set.Has(i) {
				t.Fatalf("expression %d, %.200q, matches %q but is no candidate", i, r, s)
			}
		}
		if hits == 0 {
			t.Errorf("no text for expression %d, %.200q, matches", i, r)
		}
		matches += hits
	}
	t.Logf("%d expressions, %d matches", len(all), matches)
}

// TestPayloads compares every expression on every payload of the rule set's tests.
func TestPayloads(t *testing.T) {
	all := compileAll(t)
	index := indexOf(all)
	set := NewBits(len(all))
	step := 17
	if testing.Short() {
		step = 301
	}
	for i, r := range all {
		find := oracle(t, rulePatterns()[i])
		for j := i % step; j < len(payloads()); j += step {
			s := payloads()[j]
			matches := find(s) != nil
			if got := r.Match(s); got != matches {
				t.Fatalf("expression %d, %.200q, matches %q: %v", i, r, s, got)
			}
			if index.Scan(s, set); matches && !set.Has(i) {
				t.Fatalf("expression %d, %.200q, matches %q but is no candidate", i, r, s)
			}
		}
	}
}

func indexOf(all []*Regexp) *Index {
	needs := make([]Needs, len(all))
	for i, r := range all {
		needs[i] = r.Needs()
	}
	return NewIndex(needs)
}

// lacks is what s does not have of n, empty if nothing.
func lacks(n Needs, s string) string {
	var all []string
	for _, c := range n.Any {
		missing := c.lacks(s)
		if missing == "" {
			return ""
		}
		all = append(all, missing)
	}
	return strings.Join(all, ", ")
}

func (c Clause) lacks(s string) string {
	if len(s) < c.MinLen {
		return fmt.Sprintf("the length %d", c.MinLen)
	}
	low := []byte(s)
	for i, b := range low {
		if 'A' <= b && b <= 'Z' {
			low[i] = b + 'a' - 'A'
		}
	}
	has := func(l string) bool { return strings.Contains(string(low), l) }
	if len(c.Literals) > 0 && !slices.ContainsFunc(c.Literals, has) {
		return fmt.Sprintf("the literals %q", c.Literals)
	}
	for _, set := range c.Bytes {
		if !slices.ContainsFunc([]byte(s), set.Has) {
			return fmt.Sprintf("a byte of %q", bytesOf(set))
		}
	}
	return ""
}

func bytesOf(s ByteSet) (all []byte) {
	for b := range 256 {
		if s.Has(byte(b)) {
			all = append(all, byte(b))
		}
	}
	return all
}

// TestSmallMemory gives the states next to no room, so that they are given up
// all the time.
func TestSmallMemory(t *testing.T) {
	m := NewMemory(0)
	for i := 0; i < len(rulePatterns()); i += 7 {
		p := rulePatterns()[i]
		r, err := m.Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		find := oracle(t, p)
		for _, s := range texts(multiline+p, 99, 200) {
			s = strings.Repeat(s, 3)
			if got, want := r.Match(s), find(s) != nil; got != want {
				t.Fatalf("%.200q matches %q: %v", p, s, got)
			}
		}
	}
	if used, most := m.Used(), int64(len(rulePatterns())*2*minStates); used > most {
		t.Errorf("states take %d bytes, at most %d are expected", used, most)
	}
}

// TestMemoryIsShared has equal expressions share their states, and give them
// back when nobody uses them any more.
func TestMemoryIsShared(t *testing.T) {
	m := NewMemory(DefaultMemory)
	match := func() {
		r, err := m.Compile(`a.{3}b`)
		if err != nil {
			t.Fatal(err)
		}
		again, err := m.Compile(`a.{3}b`)
		if err != nil || again != r {
			t.Fatalf("compiled twice: %p and %p, %v", r, again, err)
		}
		r.Match("aaaabaxxxb")
		if m.Used() == 0 {
			t.Error("the states take no memory")
		}
	}
	match()
	known := func() int {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.compiled)
	}
	for deadline := time.Now().Add(10 * time.Second); m.Used() != 0 || known() != 0; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are in use still, %d expressions known", m.Used(), known())
		}
	}
	match()
}

// TestManyStates runs expressions that have a state for nearly every text: their
// memory stays bounded, and the verdicts are right all the same.
func TestManyStates(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 3000)
	for i := range text {
		text[i] = "ab"[g.IntN(2)]
	}
	for _, p := range []string{`a[ab]{16}c`, `a.{50}b.{50}c`, `(?i)[a-z]{3,10}b.{5,40}a[^z]{10,50}q`} {
		m := NewMemory(DefaultMemory)
		r, err := m.Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		for from := 0; from < len(text); from += 100 {
			for _, s := range []string{string(text[from:]), string(text[from:]) + "cq", string(text[from:from+100]) + "cq"} {
				got := r.Match(s)
				if from%500 == 0 && got != r.plain().MatchString(s) {
					t.Fatalf("%q matches %.100q: %v", p, s, got)
				}
			}
		}
		if used := m.Used(); used > maxStates+maxStates/2 {
			t.Errorf("the states of %q take %d bytes", p, used)
		}
	}
}

// TestConcurrent lets eight goroutines make the states of the same expressions.
func TestConcurrent(t *testing.T) {
	m := NewMemory(128 << 10)
	var all []*Regexp
	var in [][]string
	var want [][]bool
	for i := 0; i < len(rulePatterns()); i += 29 {
		p := rulePatterns()[i]
		r, err := m.Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		find := oracle(t, p)
		made := texts(multiline+p, 5, 60)
		verdicts := make([]bool, len(made))
		for j, s := range made {
			verdicts[j] = find(s) != nil
		}
		all, in, want = append(all, r), append(in, made), append(want, verdicts)
	}
	index := indexOf(all)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			set := NewBits(len(all))
			for i, r := range all {
				for j, s := range in[i] {
					if index.Scan(s, set); want[i][j] && !set.Has(i) {
						t.Errorf("%.100q matches %q but is no candidate", r, s)
					}
					if got := r.Match(s); got != want[i][j] {
						t.Errorf("%.100q matches %q: %v", r, s, got)
					}
				}
			}
		})
	}
	group.Wait()
}

func TestMatchAllocatesNothing(t *testing.T) {
	all := compileAll(t)
	index := indexOf(all)
	set := NewBits(len(all))
	s := "the quick brown fox; SELECT * FROM users WHERE name = 'jumps' -- é over /etc/passwd"
	each := func() {
		index.Scan(s, set)
		for _, r := range all {
			r.Match(s)
		}
	}
	each()
	if n := testing.AllocsPerRun(5, each); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzMatch(f *testing.F) {
	for i, s := range []string{"' or 1=1 --", "<script>alert(1)</script>", "\u212a\u017f\xff\x00\n", ";cat /etc/passwd", "../../../etc/passwd"} {
		f.Add(uint16(i*50), s)
	}
	type pair struct {
		r    *Regexp
		find func(string) []int
	}
	pairs := map[uint16]pair{}
	all := compileAll(f)
	index := indexOf(all)
	set := NewBits(len(all))
	f.Fuzz(func(t *testing.T, number uint16, s string) {
		number %= uint16(len(rulePatterns()))
		p, ok := pairs[number]
		if !ok {
			r, err := compile(rulePatterns()[number])
			if err != nil {
				t.Fatal(err)
			}
			p = pair{r, oracle(t, rulePatterns()[number])}
			pairs[number] = p
		}
		want := p.find(s) != nil
		if got := p.r.Match(s); got != want {
			t.Fatalf("%.200q matches %q: %v", p.r, s, got)
		}
		if missing := lacks(p.r.Needs(), s); want && missing != "" {
			t.Fatalf("%.200q matches %q, which lacks %s", p.r, s, missing)
		}
		if index.Scan(s, set); want && !set.Has(int(number)) {
			t.Fatalf("%.200q matches %q but is no candidate", p.r, s)
		}
	})
}
