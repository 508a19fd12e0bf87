package waf

import (
	"strings"
	"testing"
)

// Whoever writes rules is told where they are wrong, in the file and on the line
// that was written, and what can be done.
func TestFaultsOfOwnRules(t *testing.T) {
	for own, says := range map[string][]string{
		"\nSecRule ARGS \"@rx a\" \"id:1,phase:1,deny":                 {"own.conf, line 2: ", "the actions do not stand in \"quotes\""},
		"# one\n\nSecFoo bar\n":                                        {"own.conf, line 3: ", `"SecFoo" is not known`},
		"\nSecRule ARGS \"@rx (a\" \"id:1000001,phase:1,deny\"":        {"own.conf, line 2: ", "rule 1000001", "missing closing )"},
		"SecRule ARGS \"@rx ((a{9}){99}){99}\" \"id:1000001,phase:1\"": {"own.conf, line 1: ", "invalid repeat count"},
		"\nSecRule FOO \"@rx a\" \"id:1000001,phase:1,deny\"":          {"own.conf, line 2: ", `"FOO" is not known`},
		"SecRule ARGS \"@rx a\" \"id:942100,phase:1,deny\"":            {"own.conf, line 1: ", "rule 942100 is there already"},
		"\nInclude more.conf":                                          {"own.conf, line 2: ", "more.conf", "write what is in it into own.conf itself"},
		"Include /etc/passwd":                                          {"own.conf, line 1: ", "write what is in it into own.conf itself"},
		"SecRule ARGS \"@pmFromFile x.data\" \"id:1000001,phase:1\"":   {"own.conf, line 1: ", "x.data", "@pm or in a SecDataset"},
		"SecRule REMOTE_ADDR \"@rbl a.test\" \"id:1000001,phase:1\"":   {"own.conf, line 1: ", "there is no operator @rbl here"},
		"SecRuleEngine Off":                                            {"own.conf: ", "waf: mode"},
		"SecRule ARGS \"@rx a\" \"id:1000001,phase:1,deny\"":           nil,
	} {
		p := Defaults()
		p.Mode, p.Directives, p.File = Block, own, "own.conf"
		e, err := New(&p)
		if err == nil {
			_ = e.Close()
		}
		if (err == nil) != (says == nil) {
			t.Errorf("%q: %v", own, err)
			continue
		}
		for _, part := range says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %q is not in %q", own, part, err)
			}
		}
	}
}
