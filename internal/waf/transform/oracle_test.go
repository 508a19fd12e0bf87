package transform

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/waf/arena"

	"github.com/corazawaf/coraza/v3"
)

// An oracle has for each chain two rules: one that compares the value at its
// end, and one with multiMatch.
type oracle struct {
	waf    coraza.WAF
	names  [][]string
	chains []Chain
}

func newOracle(t testing.TB, chains [][]string) *oracle {
	var rules strings.Builder
	rules.WriteString("SecRuleEngine On\n")
	o := &oracle{names: chains}
	for i, names := range chains {
		steps := "t:none,t:" + strings.Join(names, ",t:")
		fmt.Fprintf(&rules, `SecRule REQUEST_HEADERS:X "@unconditionalMatch" "id:%d,phase:1,pass,log,%s"`+"\n", 2*i+1, steps)
		fmt.Fprintf(&rules, `SecRule REQUEST_HEADERS:X "@unconditionalMatch" "id:%d,phase:1,pass,log,multiMatch,%s"`+"\n", 2*i+2, steps)
		c, err := ParseChain(names...)
		if err != nil {
			t.Fatal(err)
		}
		o.chains = append(o.chains, c)
	}
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectives(rules.String()))
	if err != nil {
		t.Fatal(err)
	}
	o.waf = waf
	return o
}

// agree compares all chains on one value.
func (o *oracle) agree(t *testing.T, a *arena.Arena, value string) {
	t.Helper()
	tx := o.waf.NewTransaction()
	defer tx.Close()
	tx.AddRequestHeader("X", value)
	tx.ProcessRequestHeaders()
	matched := tx.MatchedRules()
	if len(matched) != 2*len(o.chains) {
		t.Fatalf("%d rules of %d match", len(matched), 2*len(o.chains))
	}
	a.Reset()
	for _, m := range matched {
		i := (m.Rule().ID() - 1) / 2
		var want []string
		for _, d := range m.MatchedDatas() {
			want = append(want, d.Value())
		}
		got := values(o.chains[i], a, value, m.Rule().ID()%2 == 0)
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%v of %q is %q, want %q", o.names[i], value, got, want)
		}
		if (len(want) > 1 || want[0] != value) && !mayTouch(o.chains[i], value) {
			t.Errorf("%v touches %q", o.names[i], value)
		}
	}
}

// values are what a rule compares: the value as the chain leaves it, or with
// multiMatch as it came and after each transformation that says to have changed it.
func values(c Chain, a *arena.Arena, value string, multi bool) []string {
	all := []string{value}
	for _, t := range c {
		out, changed := t.Apply(a, value)
		if changed || !multi {
			all = append(all, out)
			value = out
		}
	}
	if !multi {
		return all[len(all)-1:]
	}
	return all
}

// mayTouch goes by what transformations say to act on.
func mayTouch(c Chain, value string) bool {
	acting := Acting(value)
	return slices.ContainsFunc(c, func(t *Transformation) bool { return acting.Meets(t.Set()) })
}

// allChains are each transformation alone, what the rule set combines, and
// some more.
func allChains() [][]string {
	var chains [][]string
	for _, t := range known {
		chains = append(chains, []string{t.name})
	}
	for _, c := range []string{
		"utf8toUnicode,urlDecodeUni,htmlEntityDecode,jsDecode,cssDecode,removeNulls",
		"urlDecodeUni,jsDecode,removeWhitespace,lowercase,base64Decode",
		"escapeSeqDecode,cmdLine", "urlDecodeUni,replaceComments,lowercase", "urlDecodeUni,normalizePathWin,cmdLine",
		"sha1,hexEncode", "hexEncode,hexDecode,trim,urlEncode", "base64Decode,urlDecodeUni,htmlEntityDecode",
		"compressWhitespace,trimLeft,trimRight,removeCommentsChar,lowercase", "none,cssDecode", "htmlEntityDecode,length",
	} {
		chains = append(chains, strings.Split(c, ","))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var c []string
		for range 2 + rng.IntN(4) {
			c = append(c, known[rng.IntN(len(known))].name)
		}
		chains = append(chains, c)
	}
	return chains
}

// What transformations act on, and what breaks it.
var pieces = strings.Fields(`%41 %u0041 %U0027 %uff1c %uFF41 %uff00 %uff5f %u2018 %u00e9 %zz % %u %u00 %4 + %2 %u12g4 %00 %2527
	&lt; &lt &#60; &#x3c; &#x3C &#0; &# &#x &#x; &#128; &#159 &#99999999999; &#xd800; &amp; &ampx; &copyright; &notin; &notit; &nGt; &nLl;
	&semi; &CounterClockwiseContourIntegral; &CounterClockwiseContourIntegralx; &AMP &a &; &a; & &hellip; &hellip &Aacute &yumlyuml;
	\u0041 \uff1c \uFF5F \u{41} \u{ff1c} \u{1F600} \u{} \u{1234567} \u{41 \u004 \x41 \xg1 \x4 \X41 \101 \400 \377 \8 \08 \a \b \f \n \r \t \v \? \' \" \\ \0
	\000041 \00004z \10ffff \110000 \d800 \ff1c \61 \61z \1 / // /* */ /./ /../ . .. ... ./ ../ \ C: c:\ :: :$DATA . <!-- --> -- - # * < > ! ; , ^ " '
	( cmd.EXE CamelCase abc x ( 0a 0A ff = == YWJj YW== Y-_w aGVsbG8 é É İ ı ẞ Ⱥ ɐ K 你好 à Å ą € 😀`)

var rawPieces = []string{" ", "  ", "\t", "\n", "\r\n", "\v", "\f", "\u0085", "\u00a0", "\u2003", "\xa0", "\x85", "\xff", "\xc3", "\xe4\xbd", "\xf0\x9f\x98",
	"\xed\xa0\x80", "\xc0\xaf", "\x00", "\x01", "\x7f", "\\\n", "\\ ", "%u0041 ", "a /b", "a (b", "\ufffd", "\\41 a", "\\41\ta", "a. /b .", " ."}

func generate(rng *rand.Rand) string {
	var s strings.Builder
	for range 1 + rng.IntN(8) {
		switch n := rng.IntN(20); {
		case n < 12:
			s.WriteString(pieces[rng.IntN(len(pieces))])
		case n < 17:
			s.WriteString(rawPieces[rng.IntN(len(rawPieces))])
		case n < 18:
			s.WriteByte(byte(rng.IntN(256)))
		default:
			s.WriteByte(byte(' ' + rng.IntN(95)))
		}
	}
	out := s.String()
	switch rng.IntN(5) {
	case 0:
		out = out[:rng.IntN(len(out)+1)]
	case 1:
		b := []byte(out)
		b[rng.IntN(len(b))] = byte(rng.IntN(256))
		out = string(b)
	}
	return out
}

func TestAgainstCoraza(t *testing.T) {
	o := newOracle(t, allChains())
	var a arena.Arena
	for _, p := range append(pieces, rawPieces...) {
		for i := range len(p) + 1 {
			o.agree(t, &a, p[:i])
			o.agree(t, &a, "a"+p[:i]+"/")
		}
	}
	for c := range 256 {
		o.agree(t, &a, string([]byte{byte(c)}))
		o.agree(t, &a, string([]byte{'a', byte(c), 'b', byte(c), byte(c)}))
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		o.agree(t, &a, generate(rng))
	}
}

// Of %uHHHH each code, and all of the escapes with a number.
func TestCodesAgainstCoraza(t *testing.T) {
	o := newOracle(t, [][]string{{"urlDecodeUni"}, {"jsDecode"}, {"cssDecode"}, {"htmlEntityDecode"}, {"escapeSeqDecode"}})
	var a arena.Arena
	var s strings.Builder
	for code := range 0x10000 {
		fmt.Fprintf(&s, "%%u%04x", code)
		if code >= 0xfe00 || code < 0x300 {
			fmt.Fprintf(&s, `\u%04x \u{%x} \%o `, code, code, code)
		}
		if code >= 0xd700 || code < 0x300 {
			fmt.Fprintf(&s, `&#%d;\%x `, code, code)
		}
		if code%16 == 15 {
			o.agree(t, &a, s.String())
			s.Reset()
		}
	}
}

func FuzzTransformations(f *testing.F) {
	for _, p := range append(pieces, rawPieces...) {
		f.Add(p)
	}
	o := newOracle(f, allChains())
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) > 1000 {
			return
		}
		o.agree(t, new(arena.Arena), value)
	})
}
