package rx

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza-coreruleset/v4/tests"
)

// rulePatterns is every distinct @rx expression of the rule set, as its parser
// hands it on, in the order of the rules.
var rulePatterns = sync.OnceValue(func() []string {
	var patterns []string
	names, err := fs.Glob(coreruleset.FS, "@owasp_crs/*.conf")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			panic(err)
		}
		patterns = append(patterns, patternsOf(string(text))...)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(patterns, func(p string) bool {
		had := seen[p]
		seen[p] = true
		return had
	})
})

func patternsOf(conf string) (patterns []string) {
	conf = strings.ReplaceAll(conf, "\\\n", " ")
	for line := range strings.Lines(conf) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "SecRule ") {
			continue
		}
		for _, mark := range []string{` "@rx `, ` "!@rx `} {
			if _, rest, ok := strings.Cut(line, mark); ok {
				patterns = append(patterns, unquoted(rest))
				break
			}
		}
	}
	return patterns
}

// unquoted is s up to the first quote without a backslash before it, and \" as ".
func unquoted(s string) string {
	var b strings.Builder
	for i := 0; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if i++; s[i] != '"' {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(s[i])
	}
	return strings.TrimSpace(b.String())
}

// compileAll compiles the rule set's expressions with a memory of their own.
func compileAll(t testing.TB) []*Regexp {
	t.Helper()
	m := NewMemory(DefaultMemory)
	all := make([]*Regexp, len(rulePatterns()))
	for i, p := range rulePatterns() {
		r, err := m.Compile(p)
		if err != nil {
			t.Fatalf("compile %q: %v", p, err)
		}
		all[i] = r
	}
	return all
}

// payloads is what the rule set's own tests send: values of data and uri, and
// headers, whole and in pieces.
var payloads = sync.OnceValue(func() []string {
	var all []string
	field := regexp.MustCompile(`(?m)^\s*-?\s*(?:data|uri|encoded_request|[A-Z][A-Za-z-]+): (.*)$`)
	err := fs.WalkDir(tests.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(tests.FS, name)
		if err != nil {
			return err
		}
		for _, m := range field.FindAllStringSubmatch(string(text), -1) {
			v := strings.Trim(m[1], `"' `)
			all = append(all, v, unescapePercent(v))
			for _, pair := range strings.FieldsFunc(v, func(r rune) bool { return r == '&' || r == '?' }) {
				_, value, _ := strings.Cut(pair, "=")
				all = append(all, unescapePercent(value))
			}
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	slices.Sort(all)
	return slices.Compact(all)
})

func unescapePercent(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, ok1 := hexDigit(s[i+1])
			lo, ok2 := hexDigit(s[i+2])
			if ok1 && ok2 {
				b.WriteByte(hi<<4 | lo)
				i += 2
				continue
			}
		}
		b.WriteByte(strings.ReplaceAll(s[i:i+1], "+", " ")[0])
	}
	return b.String()
}

// generator makes texts that an expression matches, or nearly.
type generator struct {
	*rand.Rand
	budget int  // bytes left
	bytes  bool // the expression is one over bytes
}

func (g *generator) text(re *syntax.Regexp) string {
	var b strings.Builder
	g.budget = 400
	g.write(&b, re)
	return b.String()
}

func (g *generator) write(b *strings.Builder, re *syntax.Regexp) {
	if b.Len() > g.budget {
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			g.put(b, g.fold(r, re.Flags&syntax.FoldCase != 0))
		}
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			i := g.IntN(len(re.Rune)/2) * 2
			lo, hi := re.Rune[i], re.Rune[i+1]
			g.put(b, lo+rune(g.IntN(min(int(hi-lo), 300)+1)))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte(" a1/\xff\x80=;"[g.IntN(8)])
	case syntax.OpBeginLine:
		if b.Len() > 0 && g.IntN(2) == 0 {
			b.WriteByte('\n')
		}
	case syntax.OpEndLine:
		if g.IntN(3) == 0 {
			b.WriteByte('\n')
		}
	case syntax.OpAlternate:
		g.write(b, re.Sub[g.IntN(len(re.Sub))])
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			g.write(b, sub)
		}
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		least, most := bounds(re)
		for range least + g.IntN(most-least+1) {
			g.write(b, re.Sub[0])
		}
	}
}

func (g *generator) put(b *strings.Builder, r rune) {
	if g.bytes {
		b.WriteByte(byte(r))
	} else {
		b.WriteRune(r)
	}
}

func bounds(re *syntax.Regexp) (least, most int) {
	switch re.Op {
	case syntax.OpStar:
		return 0, 3
	case syntax.OpPlus:
		return 1, 3
	case syntax.OpQuest:
		return 0, 1
	}
	if re.Max < 0 {
		return re.Min, re.Min + 2
	}
	return re.Min, min(re.Max, re.Min+3)
}

func (g *generator) fold(r rune, fold bool) rune {
	if fold {
		for range g.IntN(3) {
			r = unicode.SimpleFold(r)
		}
	}
	return r
}

// mutate changes a few bytes of s.
func (g *generator) mutate(s string) string {
	b := []byte(s)
	for range 1 + g.IntN(3) {
		i := g.IntN(len(b) + 1)
		switch g.IntN(5) {
		case 0:
			b = slices.Insert(b, i, byte(g.IntN(256)))
		case 1:
			b = slices.Insert(b, i, []byte([]string{"\n", "\x00", "\u212a", "\u017f", "\xc3", "\xe2\x84", "é", " ", "\ufffd"}[g.IntN(9)])...)
		case 2:
			if i < len(b) {
				b = slices.Delete(b, i, i+1)
			}
		case 3:
			if i < len(b) {
				b[i] = byte(g.IntN(256))
			}
		case 4:
			if i < len(b) {
				b[i] ^= 0x20
			}
		}
	}
	return string(b)
}

// noise is random bytes of one sort.
func (g *generator) noise() string {
	alphabet := []string{
		"abcdefghijklmnopqrstuvwxyz", " \t\r\n'\"`;|&$(){}<>=/\\", "sk\u212a\u017fSK", "\x00\x80\xbf\xc3\xa9\xe2\x84\xaa\xf0\x9f\x98\x80\xff",
		"0123456789.,:-_%", "",
	}[g.IntN(6)]
	b := make([]byte, g.IntN(80))
	for i := range b {
		if alphabet == "" {
			b[i] = byte(g.IntN(256))
		} else {
			b[i] = alphabet[g.IntN(len(alphabet))]
		}
	}
	return string(b)
}

// texts is n texts around one expression, always the same for a seed.
func texts(source string, seed uint64, n int) []string {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), bytes: wantsBytes(source)}
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		panic(fmt.Sprintf("parse %q: %v", source, err))
	}
	var all []string
	for len(all) < n {
		s := g.text(tree)
		all = append(all, s, g.mutate(s), g.noise()+s+g.noise(), g.mutate(g.noise()+s), g.noise(), strings.ToUpper(s))
		p := payloads()[g.IntN(len(payloads()))]
		all = append(all, p, g.mutate(p), p+s, s[:len(s)/2]+p)
	}
	if !slices.ContainsFunc(all, func(s string) bool { return !utf8.ValidString(s) }) {
		panic("no invalid UTF-8 among the texts")
	}
	return all
}
