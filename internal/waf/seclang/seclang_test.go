package seclang

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
)

var update = flag.Bool("update", false, "write the golden files")

func whole() []Source {
	return []Source{Text("whole", "Include @coraza.conf-recommended\nInclude @crs-setup.conf.example\nInclude @owasp_crs/*.conf")}
}

func TestWholeRuleSet(t *testing.T) {
	set := same(t, coreruleset.FS, whole()...)
	kinds := map[string]int{}
	for _, u := range set.Rules {
		switch {
		case u.IsMarker():
			kinds["marker"]++
		case u.Operator.Name == "":
			kinds["action"]++
		default:
			kinds["rule"]++
		}
		kinds["link"] += len(u.Chain)
		if len(u.Operator.Phrases) > 0 {
			kinds["with phrases"]++
		}
	}
	if want := map[string]int{"marker": 30, "action": 8, "rule": 623, "link": 72, "with phrases": 31}; !maps.Equal(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
	if len(set.Ignored) > 0 || set.Settings["SecRuleEngine"] != "DetectionOnly" || set.Settings["SecRequestBodyLimit"] != "13107200" {
		t.Errorf("ignored %v, settings %v", set.Ignored, set.Settings)
	}
	if want := map[int]string{1: "phase:1,log,auditlog,pass", 2: "phase:2,log,auditlog,pass"}; !maps.Equal(set.Defaults, want) {
		t.Errorf("defaults %v", set.Defaults)
	}
}

// TestAwkwardRules shows a dozen rules that are easily read wrongly: chains,
// quotes in expressions, files of phrases, negated targets.
func TestAwkwardRules(t *testing.T) {
	set, err := Read(coreruleset.FS, whole()...)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, id := range []int{200001, 901162, 911011, 911100, 913100, 920121, 920420, 920450, 921180, 930120, 932240, 933151, 941110, 942440, 943120, 949110} {
		i := slices.IndexFunc(set.Rules, func(u *Rule) bool { return u.ID == id })
		if i < 0 {
			t.Fatalf("no rule %d", id)
		}
		u := set.Rules[i]
		fmt.Fprintf(&got, "%s, line %d\n", u.File, u.Line)
		for line := range strings.Lines(shown(u)) {
			if word := strings.Fields(line)[0]; word != "msg" && word != "severity" {
				fmt.Fprintf(&got, "%.140s\n", strings.TrimSuffix(line, "\n"))
			}
		}
		if n := len(u.Operator.Phrases); n > 0 {
			fmt.Fprintf(&got, "  %d phrases, from %q to %q\n", n, u.Operator.Phrases[0], u.Operator.Phrases[n-1])
		}
	}
	const golden = "testdata/awkward.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the rules are not those of %s; run with -update and look at the difference", golden)
	}
}

func BenchmarkWholeRuleSet(b *testing.B) {
	for b.Loop() {
		if _, err := Read(coreruleset.FS, whole()...); err != nil {
			b.Fatal(err)
		}
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		text, want  string
		unsupported string
	}{
		{"\nSecNothing On", `x, line 2: the directive "SecNothing" is not known`, "directive"},
		{`SecRule NOTHING "a" "id:1"`, `x, line 1: read SecRule: the variable "NOTHING" is not known`, "variable"},
		{`SecRule ARGS "@near a" "id:1"`, `x, line 1: read SecRule: the operator "near" is not known`, "operator"},
		{`SecRule ARGS "a" "id:1,shout"`, `x, line 1: read SecRule: the action "shout" is not known`, "action"},
		{`SecRule ARGS "a" "id:1,t:flip"`, `x, line 1: read SecRule: read the action t: the transformation "flip" is not known`, "transformation"},
		{`SecAction "id:1,ctl:sleep=1"`, `x, line 1: read SecAction: read the action ctl: the ctl "sleep" is not known`, "ctl"},
		{`SecAction "id:1,msg:'%{no.x}'"`, `x, line 1: read SecAction: read the action msg: the variable "NO" is not known`, "variable"},
		{"SecAction \"id:1\"\n\n\nSecAction \\\n\"id:1\"", "x, line 4: read SecAction: rule 1 is there already: x, line 1", ""},
		{"SecRule ARGS \"a\" \\\n\"id:1\" \\\n", "x, line 1: the directive has no end", ""},
		{strings.Repeat("#", 1<<16), "x, line 1: the line is longer than 65535 bytes", ""},
		{"\nInclude broken.conf", `broken.conf, line 3: read SecAction: the action "nonsense" is not known`, "action"},
		{"\nInclude none.conf", "x, line 2: read none.conf: open none.conf: file does not exist", ""},
		{"Include loop.conf", "loop.conf, line 1: read Include: there are more than 100 of them", ""},
		{`SecRule ARGS "@pmFromFile no.data" "id:1"`, "x, line 1: read SecRule: read the argument of @pmFromFile: read no.data: open no.data: file does not exist", ""},
		{`SecRule ARGS "a" "id:1,severity:high"`, `x, line 1: read SecRule: read the action severity: "high" is no severity`, ""},
		{"SecRequestBodyLimitAction Maybe", `x, line 1: read SecRequestBodyLimitAction: "Maybe" is none of reject, processpartial`, ""},
	} {
		_, err := Read(beside(), Text("x", c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%.80s: %v, want %s", c.text, err, c.want)
		}
		u := (*Unsupported)(nil)
		if errors.As(err, &u) != (c.unsupported != "") || u != nil && u.Kind != c.unsupported {
			t.Errorf("%s: unsupported %v, want %q", c.text, u, c.unsupported)
		}
	}
}

// TestBesideRules is what stands around the rules of a set.
func TestBesideRules(t *testing.T) {
	text := "SecUnicodeMap a\nSecRuleEngine On\nSecRuleEngine Off\nSecResponseBodyMimeType a/b c/d\nSecResponseBodyMimeTypesClear\n" +
		"SecRule ARGS \"@pmFromFile list.data\" \"id:1\"\nInclude sub/a.conf\nSecRule ARGS \"@ipMatch 10.0.0.0/8, ::1,\" \"id:2\""
	set, err := Read(beside(), Text("x", text))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"list.data", "sub/a.conf", "sub/b.conf", "sub/c.data"}; !slices.Equal(set.Files, want) {
		t.Errorf("files %q, want %q", set.Files, want)
	}
	if want := []Ignored{{"SecUnicodeMap", "x", 1}}; !slices.Equal(set.Ignored, want) {
		t.Errorf("ignored %v", set.Ignored)
	}
	if want := map[string]string{"SecRuleEngine": "Off", "SecResponseBodyMimeType": ""}; !maps.Equal(set.Settings, want) {
		t.Errorf("settings %q", set.Settings)
	}
	if got := set.Rules[0].Operator.Phrases; !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("phrases %q", got)
	}
	last := set.Rules[len(set.Rules)-1]
	if got := last.Operator.Phrases; !slices.Equal(got, []string{"10.0.0.0/8", "::1"}) || last.Line != 8 {
		t.Errorf("addresses %q, line %d", got, last.Line)
	}
}
