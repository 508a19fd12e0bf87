package waf

import "testing"

// A value in XML has no name for rules; what it stands in is told all the same,
// so that passwords can be masked.
func TestWithin(t *testing.T) {
	p := Defaults()
	e, err := New(&p)
	if err != nil {
		t.Fatal(err)
	}
	const attack = "1' OR '1'='1"
	for body, want := range map[string]string{
		"<a><x:Password>" + attack + "</x:Password></a>":     "Password",
		"<a><b>c</b><br>" + attack + "</a>":                  "a",
		"<a><b/><b></b><Note>" + attack + "</Note></a>":      "Note",
		"<a>" + attack + "<Password>c</Password></a>":        "a",
		"<a><Password><b>c</b>" + attack + "</Password></a>": "Password",
	} {
		q := askWith(t, "POST", "/", "text/xml", body)
		got := ""
		for _, m := range q.judge(e).Matches {
			if m.Rule == 942100 {
				got = m.Hits[0].Within
			}
		}
		if got != want {
			t.Errorf("%s: within %q, want %q", body, got, want)
		}
	}
}
