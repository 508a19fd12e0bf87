package operator

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"

	"fanlight/internal/waf/rx"
)

// spec is an operator as a rule has it.
type spec struct {
	name, argument string
	file           string // of phrases, instead of an argument
}

// An oracle has for each operator a rule that captures, and one that shows what.
type oracle struct {
	waf   coraza.WAF
	specs []spec
	ops   []Operator
}

func newOracle(t testing.TB, specs []spec) *oracle {
	files := fstest.MapFS{}
	var rules strings.Builder
	rules.WriteString("SecRuleEngine On\n")
	o := &oracle{specs: specs}
	for i, s := range specs {
		argument := s.argument
		phrases := strings.Split(argument, " ")
		if s.name == "ipMatch" {
			phrases = strings.Split(argument, ",")
		}
		if s.file != "" {
			argument = fmt.Sprintf("%s-%d.data", t.Name(), i) // Coraza keeps lists by name, for all of a program
			files[argument] = &fstest.MapFile{Data: []byte(s.file)}
			phrases = lines(s.file)
		}
		fmt.Fprintf(&rules, `SecAction "id:%d,phase:1,pass,nolog`, 10*i+1)
		for g := range 10 {
			fmt.Fprintf(&rules, ",setvar:tx.%d=%s", g, untouched)
		}
		fmt.Fprintf(&rules, "\"\nSecRule REQUEST_HEADERS:X \"@%s %s\" \"id:%d,phase:1,pass,log,t:none,capture\"\n", s.name, strings.ReplaceAll(argument, `"`, `\"`), 10*i+2)
		fmt.Fprintf(&rules, `SecRule TX:/^[0-9]$/ "@unconditionalMatch" "id:%d,phase:1,pass,log,t:none"`+"\n", 10*i+3)
		op, err := New(s.name, argument, phrases, rx.NewMemory(rx.DefaultMemory))
		if err != nil {
			t.Fatal(err)
		}
		o.ops = append(o.ops, op)
	}
	files["rules.conf"] = &fstest.MapFile{Data: []byte(rules.String())}
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(files).WithDirectivesFromFile("rules.conf"))
	if err != nil {
		t.Fatal(err)
	}
	o.waf = waf
	return o
}

func lines(file string) (all []string) {
	for line := range strings.Lines(file) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return all
}

type captured [10]string

// untouched is what a group holds that nothing was captured in.
const untouched = "(untouched)"

func nothing() (c captured) {
	for i := range c {
		c[i] = untouched
	}
	return c
}

func (c *captured) Capture(i int, text string) { c[i] = text }

func (o *oracle) agree(t *testing.T, value string) {
	t.Helper()
	tx := o.waf.NewTransaction()
	defer tx.Close()
	tx.AddRequestHeader("X", value)
	tx.ProcessRequestHeaders()
	wants := make([]captured, len(o.ops))
	for i := range wants {
		wants[i] = nothing()
	}
	match := make([]bool, len(o.ops))
	for _, m := range tx.MatchedRules() {
		i := m.Rule().ID() / 10
		switch m.Rule().ID() % 10 {
		case 1:
			continue
		case 2:
			match[i] = true
			continue
		}
		for _, d := range m.MatchedDatas() {
			wants[i][d.Key()[0]-'0'] = d.Value()
		}
	}
	for i, op := range o.ops {
		s := o.specs[i]
		got := nothing()
		if m := op.Match(value, s.argument, &got); m != match[i] {
			t.Errorf("@%s %s on %q: %v, want %v", s.name, s.argument, value, m, match[i])
		}
		if got != wants[i] {
			t.Errorf("@%s %s on %q captures %q, want %q", s.name, s.argument, value, got, wants[i])
		}
		if op.Match(value, s.argument, nil) != match[i] {
			t.Errorf("@%s %s on %q: another result without capture", s.name, s.argument, value)
		}
		if match[i] && !fulfils(op.Needs(), value) {
			t.Errorf("@%s %s matches %q without what it needs: %+v", s.name, s.argument, value, op.Needs())
		}
	}
}

func fulfils(n rx.Needs, value string) bool {
	for _, c := range n.Any {
		if meets(c, value) {
			return true
		}
	}
	return len(n.Any) == 0
}

func meets(c rx.Clause, value string) bool {
	if len(value) < c.MinLen {
		return false
	}
	for _, set := range c.Bytes {
		found := false
		for i := range len(value) {
			found = found || set.Has(value[i])
		}
		if !found {
			return false
		}
	}
	for _, l := range c.Literals {
		if strings.Contains(lowerASCII(value), l) {
			return true
		}
	}
	return len(c.Literals) == 0
}

func allSpecs(t testing.TB) []spec {
	specs := []spec{
		{name: "streq", argument: "AbC"}, {name: "contains", argument: "a.B"}, {name: "strmatch", argument: "xy"},
		{name: "beginsWith", argument: "/a"}, {name: "endsWith", argument: "z%"}, {name: "within", argument: "GET POST abc.def"},
		{name: "eq", argument: "5"}, {name: "ge", argument: "-3"}, {name: "gt", argument: "10x"}, {name: "le", argument: "+7"}, {name: "lt", argument: "99999999999999999999"},
		{name: "validateByteRange", argument: "9,10,13,32-126"}, {name: "validateByteRange", argument: " 0-255 "}, {name: "validateByteRange", argument: "5-3, 1"},
		{name: "validateUrlEncoding"}, {name: "validateUtf8Encoding"}, {name: "unconditionalMatch"}, {name: "noMatch"},
		{name: "ipMatch", argument: "10.0.0.0/8, 192.168.1.7,::1,fe80::/10, nonsense,,::ffff:9.8.7.0/120,1.2.3.4/33"},
		{name: "detectSQLi"}, {name: "detectXSS"},
		{name: "rx", argument: `(a)(b)?(c)?(d)?(e)?(f)?(g)?(h)?(i)?(j)?(k)?`}, {name: "rx", argument: `^(?i:x|(y))+$`}, {name: "rx", argument: `\xff(.)`},
		{name: "pm", argument: "abc bcd ab b cdef a.b aa aaaa Union İx select"},
		{name: "pm", argument: "( )"}, {name: "pm", argument: "?>"}, {name: "pm", argument: "zz zq xzz"}, {name: "pm", argument: "abcde bc cdz bcq"},
		{name: "pmFromFile", file: "# no\nabc\n  bcd \n\nab\r\nab cd\nÄbc\nscript\n" + strings.Repeat("long", 80) + "\n"},
		{name: "pmf", file: "#nothing\n"},
	}
	for _, name := range []string{"unix-shell.data", "lfi-os-files.data", "sql-errors.data", "windows-powershell-commands.data", "scanners-user-agents.data"} {
		specs = append(specs, spec{name: "pmFromFile", file: ruleSetFile(t, name)})
	}
	return specs
}

func ruleSetFile(t testing.TB, name string) string {
	b, err := fs.ReadFile(coreruleset.FS, path.Join("@owasp_crs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var pieces = append(strings.Fields(`a b c d ab abc bcd cdef A.B aa AAAA union İx i̇x ( ) ?> zz zq xzz abcde bc cdz bcq Äbc äbc script SCRIPT ab
	/a z% AbC a.B xy GET POST abc.def 5 -3 10 +7 007 0x5 99999999999999999999 -99999999999999999999 1_0 10.1.2.3 192.168.1.7 ::1 fe80::1%eth0 fe80::2 ::ffff:10.1.1.1 9.8.7.6
	% %4 %41 %zz \xff é bin/bash etc/passwd .htaccess Invoke-Expression nikto syntax x y xyX abcdefghijkl
	' " -- # /* */ ; , . = < > ! || && & | @ @@x $ $$ $a$ [ ] { } \ + * ~ ^ : := :: ? 1 0 1.5 1e 1e5 0x1f 0xg 0b1 0b12 .5 1f 1d fU dec DEC de c abc-def 2f9d-11
	or and union select null having order by 1=1 sleep(5) user() password sp_password into outfile not like in x'41' q'[a]' n'a' u&'a' b'1' e'a' waitfor delay exec declare
	<script <script> </script> <a <b href= href=javascript:alert(1) onclick= onerror=x style= xmlns= to= by= from=data: src onload =x <! <!doctype <!-- --> <? <?import <% %> <svg <xsl <x onfocus = <!entity <1 / /> xlink:href= attributename= ON`),
	" ", "\t", "\n", "\x00", "\xa0", "\xff", "\x80", "\v", "\x01", "\x7f", strings.Repeat("long", 80), "on\x00click\x00 =", "ſelect", "  ", "'x'onclick=1", "\xff\n")

func generate(rng *rand.Rand) string {
	var s strings.Builder
	for range 1 + rng.IntN(9) {
		switch n := rng.IntN(20); {
		case n < 14:
			s.WriteString(pieces[rng.IntN(len(pieces))])
		case n < 17:
			s.WriteByte(' ')
		case n < 18:
			s.WriteByte(byte(rng.IntN(256)))
		default:
			s.WriteByte(byte(' ' + rng.IntN(95)))
		}
	}
	return s.String()
}

func TestAgainstCoraza(t *testing.T) {
	o := newOracle(t, allSpecs(t))
	o.agree(t, "")
	for _, p := range pieces {
		for i := range min(len(p), 30) {
			o.agree(t, p[:i+1])
		}
		o.agree(t, "x "+p)
		o.agree(t, p+p)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 4000 {
		o.agree(t, generate(rng))
	}
}

// Sets of few letters, of which phrases overlap in all ways, and of bytes by
// which Coraza's search skips ahead.
func TestPhrasesAgainstCoraza(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	word := func(alphabet string, limit int) string {
		b := make([]byte, 1+rng.IntN(limit))
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		return string(b)
	}
	var specs []spec
	for i := range 90 {
		var phrases []string
		for range 1 + rng.IntN(7) {
			phrases = append(phrases, word([]string{"abcA", "a1-.", "z7/"}[i%3], 5))
		}
		if i%2 == 0 {
			specs = append(specs, spec{name: "pm", argument: strings.Join(phrases, " ")})
		} else {
			specs = append(specs, spec{name: "pmFromFile", file: strings.Join(phrases, "\n")})
		}
	}
	o := newOracle(t, specs)
	for range 500 {
		o.agree(t, word("abcA", 14))
		o.agree(t, word("aA1-.z7/", 40))
		o.agree(t, word("eeeeeeeeA1-z7/", 80))
	}
}

func FuzzOperators(f *testing.F) {
	for _, p := range pieces {
		f.Add(p)
	}
	o := newOracle(f, allSpecs(f))
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) < 1000 {
			o.agree(t, value)
		}
	})
}
