package seclang

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
)

// beside is what texts of tests may name.
func beside() fs.FS {
	return fstest.MapFS{
		"list.data":   {Data: []byte("One\n# no\n\n two \n")},
		"sub/a.conf":  {Data: []byte("SecAction \"id:901,pass\"\nInclude b.conf\nSecRule ARGS \"@pmFromFile c.data\" \"id:903\"\n")},
		"sub/b.conf":  {Data: []byte("SecAction \"id:902,pass\"\n")},
		"sub/c.data":  {Data: []byte("x\n")},
		"loop.conf":   {Data: []byte("Include loop.conf\n")},
		"broken.conf": {Data: []byte("# a\n\nSecAction \"id:1,\\\n  nonsense\"\n")},
	}
}

// excusable says that we may refuse what Coraza reads: it drops without a word
// what has no end, or follows a line that is too long.
func excusable(err error) bool {
	return strings.Contains(err.Error(), "the directive has no end") || strings.Contains(err.Error(), "the line is longer")
}

// laterFault says that Coraza refuses what we leave to who runs the rules: an
// expression that is none, bytes that are none. It panics when an expression of
// a key is also a list of phrases: it keeps both under one name.
func laterFault(err error) bool {
	for _, said := range []string{"error parsing regexp", "invalid byte", "panic: interface conversion"} {
		if strings.Contains(err.Error(), said) {
			return true
		}
	}
	return false
}

// agree reads a text with both, and tells whether both could.
func agree(t *testing.T, text string) bool {
	t.Helper()
	want, theirs := oracle(beside(), Text("x", text))
	set, ours := Read(beside(), Text("x", text))
	switch {
	case theirs != nil && ours != nil:
		return false
	case ours != nil:
		if !excusable(ours) {
			t.Errorf("we refuse, Coraza does not:\n%s\n%v", text, ours)
		}
		return false
	case theirs != nil:
		if !laterFault(theirs) {
			t.Errorf("Coraza refuses, we do not:\n%s\n%v", text, theirs)
		}
		return false
	}
	if len(want) != len(set.Rules) {
		t.Errorf("%d rules, Coraza has %d:\n%s", len(set.Rules), len(want), text)
		return false
	}
	for i, u := range set.Rules {
		if got := shown(u); got != want[i] {
			t.Errorf("%s\n%s\nCoraza:\n%s", text, got, want[i])
		}
	}
	return true
}

// TestOddities are texts that both read alike: true, or both refuse.
func TestOddities(t *testing.T) {
	for _, c := range []struct {
		text string
		read bool
	}{
		{`SecRule ARGS "@rx a\"b\\\"c" "id:1"`, true},
		{`SecRule ARGS "@rx a\\" "id:1"`, true},
		{`SecRule ARGS "@rx a\\\" "id:1"`, false},
		{`SecRule  ARGS   "a"   "id:1"`, true},
		{`SecRule "ARGS" "a" "id:1"`, false},
		{"SecRule\tARGS \"a\" \"id:1\"", false},
		{`SecRule ARGS "a"`, true},
		{`SecRule ARGS a "id:1"`, false},
		{`SecRule ARGS "a" id:1`, false},
		{`SecRule ARGS "!" "id:1"`, true},
		{`SecRule ARGS "" "id:1"`, true},
		{`SecRule ARGS "!a" "id:1"`, true},
		{`SecRule ARGS "!!a" "id:1"`, true},
		{`SecRule ARGS "! @rx a" "id:1"`, true},
		{`SecRule ARGS "!@streq  a  " "id:1"`, true},
		{`SecRule ARGS "@streq" "id:1"`, false},
		{`SecRule ARGS "@" "id:1"`, false},
		{`SecRule ARGS "!@" "id:1"`, false},
		{`SecRule ARGS "@RX a" "id:1"`, false},
		{`SecRule ARGS "@pm A b  C" "id:1"`, true},
		{`SecRule ARGS "@pmFromFile list.data" "id:1"`, true},
		{`SecRule ARGS "@pmFromFile none.data" "id:1"`, false},
		{`SecRule args:Foo|!ArGs:Bar|&REQUEST_HEADERS:X-Y|!REQUEST_HEADERS:X-Z "a" "id:1"`, true},
		{`SecRule !ARGS:a|ARGS "a" "id:1"`, true},
		{`SecRule ARGS|!ARGS|!ARGS:/A\/b/ "a" "id:1"`, true},
		{`SecRule ARGS:/a|b/|REQUEST_COOKIES:/^A\S/|!REQUEST_COOKIES:/^A\S/ "a" "id:1"`, true},
		{`SecRule ARGS:'/a|b/'|FILES "a" "id:1"`, true},
		{`SecRule ARGS:'foo' "a" "id:1"`, true},
		{`SecRule ARGS:'foo'|FILES "a" "id:1"`, false},
		{`SecRule ARGS:fo/o/ "a" "id:1"`, true},
		{`SecRule ARGS:foo/ "a" "id:1"`, true},
		{`SecRule ARGS:/foo "a" "id:1"`, true},
		{`SecRule ARGS:/foo\/ "a" "id:1"`, true},
		{`SecRule ARGS:/foo\\/|FILES "a" "id:1"`, true},
		{`SecRule ARGS:/(/ "a" "id:1"`, false},
		{`SecRule ARGS:// "a" "id:1"`, true},
		{`SecRule ARGS: "a" "id:1"`, false},
		{`SecRule ARGS| "a" "id:1"`, true},
		{`SecRule |ARGS "a" "id:1"`, false},
		{`SecRule XML:/*|XML://@* "a" "id:1"`, true},
		{`SecRule xml:/a|b/ "a" "id:1"`, true},
		{`SecRule JSON:a.b "a" "id:1"`, true},
		{`SecRule REMOTE_ADDR:x "a" "id:1"`, false},
		{`SecRule NOTHING "a" "id:1"`, false},
		{`SecRule UNKNOWN "a" "id:1"`, true},
		{`SecRule ARGS "a" "id:'1',msg:'a, b: \'c\'',logdata:'%{TX.0} in %{MATCHED_VAR_NAME}',tag:a/b,tag:'c'"`, true},
		{`SecRule ARGS "a" "id:1,msg:''"`, false},
		{`SecRule ARGS "a" "id:1,msg:'"`, true},
		{`SecRule ARGS "a" "id:1,deny,block,pass"`, true},
		{`SecRule ARGS "a" "id:1,block"`, true},
		{`SecRule ARGS "a" "id:1,phase:1,block"`, true},
		{`SecRule ARGS "a" "id:1,t:lowercase,t:URLDECODEUNI,t:none,t:NONE,t:normalizePath,t:md5,t:sha1,multiMatch,capture"`, true},
		{`SecRule ARGS "a" "id:1,t:upside"`, false},
		{`SecRule ARGS "a" "id:1,t"`, false},
		{`SecRule ARGS "a" "id:0"`, false},
		{`SecRule ARGS "a" "id:+7"`, true},
		{`SecRule ARGS "a" "id:x"`, false},
		{`SecRule ARGS "a" "phase:2"`, true},
		{`SecRule ARGS "a" "id:1,phase:response,severity:CRITICAL,ver:1,rev:2,maturity:9,accuracy:1"`, true},
		{`SecRule ARGS "a" "id:1,phase:6"`, false},
		{`SecRule ARGS "a" "id:1,severity:8"`, false},
		{`SecRule ARGS "a" "id:1,severity:high"`, false},
		{`SecRule ARGS "a" "id:1,severity:3,status:500,skip:2,skipAfter:'END'"`, true},
		{`SecRule ARGS "a" "id:1,skip:0"`, false},
		{`SecRule ARGS "a" "id:1,allow:phase"`, true},
		{`SecRule ARGS "a" "id:1,allow:all"`, false},
		{`SecRule ARGS "a" "id:1,redirect:'https://a/?b=1,2'"`, true},
		{`SecRule ARGS "a" "id:1,deny:1"`, false},
		{`SecRule ARGS "a" "id:1,nolog,auditlog"`, true},
		{`SecRule ARGS "a" "id:1,log,noauditlog"`, true},
		{`SecRule ARGS "a" "id:1,setvar:tx.a=+%{tx.b},setvar:'TX.%{ARGS_NAMES.x}=a b',setvar:!tx.c,setvar:tx.d"`, true},
		{`SecRule ARGS "a" "id:1,setvar:ip.a=1"`, false},
		{`SecRule ARGS "a" "id:1,setvar:tx.a="`, false},
		{`SecRule ARGS "a" "id:1,setvar:tx.a=%{tx.b"`, false},
		{`SecRule ARGS "a" "id:1,setvar:tx.a=%{tx.}"`, false},
		{`SecRule ARGS "a" "id:1,setvar:tx.a=%{no.b}"`, false},
		{`SecRule ARGS "a" "id:1,setvar:tx.a=%{a b}"`, false},
		{`SecRule ARGS "a" "id:1,setvar:tx.a=x%{"`, true},
		{`SecRule ARGS "a" "id:1,setvar:tx.a=%{TX.B}%{tx%{ip}%{unknown.q}%"`, true},
		{`SecRule ARGS "a" "id:1,ctl:ruleRemoveTargetById=9-10;ARGS:/A.b/,ctl:ruleRemoveById=1,ctl:ruleRemoveTargetByTag=t;REQUEST_HEADERS:X-A"`, true},
		{`SecRule ARGS "a" "id:1,ctl:ruleRemoveTargetById=9;NOTHING:x"`, true},
		{`SecRule ARGS "a" "id:1,ctl:ruleRemoveTargetById=9;ARGS://"`, false},
		{`SecRule ARGS "a" "id:1,ctl:RuleEngine=On"`, false},
		{`SecRule ARGS "a" "id:1,ctl:ruleEngine"`, false},
		{`SecRule ARGS "a" "id:1,initcol:ip=%{REMOTE_ADDR},expirevar:ip.a=1,exec,setenv:a=b"`, true},
		{`SecRule ARGS "a" "id:1,exec:/bin/true"`, false},
		{`SecRule ARGS "a" "id:1,,pass"`, false},
		{`SecRule ARGS "a" "id:1,pass,"`, false},
		{`SecRule ARGS "a" "id:1, PASS ,  Phase : 1"`, true},
		{"SecRule ARGS \"a\" \"id:1,chain\"\nSecRule FILES \"b\" \"t:none,chain\"\nSecRule ENV \"c\"\nSecAction \"id:2,pass\"", true},
		{"SecRule ARGS \"a\" \"id:1,chain\"\nSecRule FILES \"b\" \"deny\"", false},
		{"SecRule ARGS \"a\" \"id:1,chain\"\nSecMarker END\nSecRule FILES \"b\" \"id:2\"", true},
		{"SecRule ARGS \"a\" \"id:1,chain\"\nSecAction \"setvar:tx.a=1,phase:1\"", true},
		{"SecRule ARGS \"a\" \"id:1\"\nSecRule FILES \"b\" \"id:1\"", false},
		{"SecRule ARGS \"a\" \\\n  # told\n\n \"id:1,\\\n  pass\"", true},
		{"SecRule ARGS \"a\" \"id:1\" \\", false},
		{"SecMarker \"END A\"\nSecMarker END-B\nSecMarker  \"c\"", true},
		{"SecMarker", false},
		{"SecDefaultAction \"phase:1,log,deny,status:403\"\nSecAction \"id:1,phase:1,block\"\nSecAction \"id:2,phase:1\"\nSecAction \"id:3,phase:1,pass,nolog\"", true},
		{"SecDefaultAction \"phase:2,nolog,drop\"\nSecAction \"id:1\"\nSecRule ARGS \"a\" \"id:2,chain\"\nSecRule ARGS \"b\" \"capture\"", true},
		{"SecDefaultAction \"phase:1,log\"\nSecAction \"id:1\"", false},
		{"SecDefaultAction \"phase:1,pass,t:none\"\nSecAction \"id:1\"", false},
		{"SecDefaultAction \"phase:1,pass\"\nSecDefaultAction \"phase:1,deny\"\nSecAction \"id:1\"", false},
		{"SecAction \"id:1,tag:a\"\nSecAction \"id:2,tag:a\"\nSecAction \"id:3\"\nSecRuleRemoveById 3 1-1", true},
		{"SecAction \"id:1,tag:a\"\nSecAction \"id:2,tag:a\"\nSecAction \"id:3\"\nSecRuleRemoveByTag a", true},
		{"SecMarker A\nSecAction \"id:1\"\nSecRuleRemoveById 0-5\nSecAction \"id:1\"", true},
		{"SecAction \"id:1\"\nSecRuleRemoveById 2-1", false},
		{"SecAction \"id:1\"\nSecRuleRemoveById -1", false},
		{"SecAction \"id:1\"\nSecRuleRemoveById 7", true},
		{"SecRule ARGS \"a\" \"id:5,tag:x\"\nSecRule ARGS \"a\" \"id:6,tag:x\"\nSecRuleUpdateTargetById 5 \"!ARGS:b|FILES\"\nSecRuleUpdateTargetById 5-6 !ARGS:c\nSecRuleUpdateTargetByTag x \"!ARGS:d\"", true},
		{"SecRule ARGS \"a\" \"id:5\"\nSecRule ARGS \"a\" \"id:6\"\nSecRuleUpdateTargetById 5 6 \"!ARGS:b\"", true},
		{"SecRule ARGS \"a\" \"id:5\"\nSecRuleUpdateTargetById 6 \"!ARGS:b\"", false},
		{"SecRule ARGS \"a\" \"id:5,deny\"\nSecRuleUpdateActionById 5 \"pass,tag:y,t:none\"\nSecRuleUpdateActionById 5-6 \"nolog\"", true},
		{"Include sub/a.conf", true},
		{"Include sub/*.conf", false},
		{"include  sub/b.conf", true},
		{"Include nowhere/*.conf\nSecAction \"id:1\"", true},
		{"Include loop.conf", false},
		{"Include broken.conf", false},
		{"SecDataset d `\n a\n# b\n\nC \n`\nSecRule ARGS \"@pmFromDataset d\" \"id:1\"", true},
		{"SecDataset d `\n a", false},
		{"SecRule ARGS \"@pmFromDataset d\" \"id:1\"", false},
		{"SecRuleEngine Maybe", false},
		{"SecRequestBodyAccess ON\nSecRequestBodyLimit 10\nSecRequestBodyLimitAction reject", true},
		{"SecRequestBodyJsonDepthLimit 0", false},
		{"SecArgumentsLimit x", false},
		{"SecUnicodeMap a 1\nSecPcreMatchLimit", true},
		{"SecRuleUpdateTargetByMsg a !ARGS:b", true},
		{"SecComponentSignature", false},
		{"nonsense", false},
	} {
		if got := agree(t, c.text); got != c.read {
			t.Errorf("read %v, want %v:\n%s", got, c.read, c.text)
		}
	}
}

// TestMutations reads texts put together from pieces, most of them faulty.
func TestMutations(t *testing.T) {
	variables := []string{"ARGS", "ARGS:a", "!ARGS:/x/", "&FILES", "ARGS:/a|b\\/c/", "|", "|", "|", "XML:/*", "'", "/", "\\", "tx:A", "!REQUEST_COOKIES:A", "REQUEST_COOKIES", ":", "!"}
	operators := []string{"@rx ", "!", "@pm ", "@streq ", "a", "b c", "\\\"", "\\\\", "%{tx.a}", "%{", "}", " ", "x", "@within "}
	actions := []string{"id:1", ",", ",", ",", ",", ",", "'", "\\", ":", "pass", "deny", "block", "t:none", "t:lowercase", "msg:'a, b'", "logdata:%{tx.0}",
		"setvar:tx.a=1", "setvar:'tx.b=+%{tx.a}'", "ctl:ruleRemoveById=3", "chain", "phase:1", "capture", "tag:a", "nolog", "status:400", " ", "severity:2"}
	pick := func(rng *rand.Rand, from []string, most int) string {
		var b strings.Builder
		for range 1 + rng.IntN(most) {
			b.WriteString(from[rng.IntN(len(from))])
		}
		return b.String()
	}
	read := 0
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		text := "SecDefaultAction \"phase:1,log,deny\"\n"
		for range 1 + rng.IntN(3) {
			switch rng.IntN(6) {
			case 0:
				text += "SecRule " + pick(rng, variables, 6) + " \"" + pick(rng, operators, 4) + "\" \"id:1,pass\"\n"
			case 1:
				text += "SecRule " + pick(rng, variables[:5], 1) + " \"" + pick(rng, operators, 6) + "\" \"" + pick(rng, actions, 4) + "\"\n"
			case 2:
				text += "SecAction \"id:" + string(rune('2'+rng.IntN(7))) + "," + pick(rng, actions, 6) + "\"\n"
			case 3:
				text += "SecRule ARGS \"a\" \"id:" + string(rune('2'+rng.IntN(7))) + ",chain\"\n"
			case 4:
				text += "SecRuleUpdateTargetById 1-9 \"" + pick(rng, variables, 5) + "\"\n"
			default:
				text += "SecRuleUpdateActionById 1-9 \"" + pick(rng, actions, 5) + "\"\n"
			}
		}
		if agree(t, text) {
			read++
		}
	}
	if read < 300 {
		t.Errorf("only %d texts could be read: the comparison shows little", read)
	}
}

// FuzzRead never panics, never loops, and always names a place.
func FuzzRead(f *testing.F) {
	conf, _ := fs.ReadFile(coreruleset.FS, "@coraza.conf-recommended")
	f.Add(string(conf))
	for _, s := range []string{
		"SecRule ARGS:/a|b/|!ARGS:'c' \"!@rx a\\\"b\" \"id:1,t:none,chain,setvar:tx.a=+%{tx.b}\"\nSecRule ENV \"c\"",
		"SecDataset d `\n a\n`\nSecRule ARGS \"@pmFromDataset d\" \"id:1\"\nSecRuleUpdateTargetById 1-2 !ARGS:x",
		"Include loop.conf\nInclude sub/*.conf\nSecMarker \"A\"\nSecRuleRemoveById 1-900",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Read(beside(), Text("x", text))
		if place := (*Fault)(nil); err != nil && (!errors.As(err, &place) || place.File == "" || place.Line == 0) {
			t.Errorf("%v names no place", err)
		}
	})
}
