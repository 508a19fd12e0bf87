package waf

import (
	"slices"
	"testing"
)

// TestTelling has rules with chains say what they matched in: both engines, since
// they keep the hits of a chain.
func TestTelling(t *testing.T) {
	for _, engine := range []bool{false, true} {
		p := Defaults()
		p.Mode, p.Coraza = Watch, engine
		e, err := New(&p)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name   string
			fields string // from the value of Content-Type on
			rule   int
			want   []string
		}{
			{"one of several names", "text/xml\r\nExpect: 100-continue\r\nX: 1", 920450, []string{"REQUEST_HEADERS_NAMES:Expect"}},
			{"two of them", "text/xml\r\nExpect: 100-continue\r\nProxy: p", 920450, []string{"REQUEST_HEADERS_NAMES:Expect", "REQUEST_HEADERS_NAMES:Proxy"}},
			{"one value", "text/x-odd; charset=utf-8", 920420, []string{"REQUEST_HEADERS:Content-Type"}},
			{"no chain", "text/xml\r\nCookie: a=../../../etc/passwd", 930120, []string{"REQUEST_COOKIES:a"}},
		} {
			q := askWith(t, "POST", "/", test.fields, "")
			v := q.judge(e)
			i := slices.IndexFunc(v.Matches, func(m Match) bool { return m.Rule == test.rule })
			if i < 0 {
				t.Errorf("%s: rule %d did not match: %v", test.name, test.rule, v.IDs())
				continue
			}
			var got []string
			for _, h := range v.Matches[i].Telling() {
				got = append(got, h.Target())
			}
			slices.Sort(got) // Coraza keeps names in a map
			if !slices.Equal(got, test.want) {
				t.Errorf("%s by %s: rule %d matched in %q, not %q", test.name, v.Engine, test.rule, got, test.want)
			}
		}
		_ = e.Close()
	}
}

// TestBookkeepingStays refuses exclusions of the rules that sum up, in any form.
func TestBookkeepingStays(t *testing.T) {
	for rule, stays := range map[string]bool{
		"949110": true, "949110-949111": true, "900000-990000": true, "980000-989999": true, "901001": true, "tag:OWASP_CRS": true, "tag:owasp_crs": true, "tag:anomaly-evaluation": true,
		"942100": false, "942000-942999": false, "948999": false, "1-999": false, "tag:attack-sqli": false, "999999999-1999999999": false,
	} {
		p := Defaults()
		p.Exclusions = []Exclusion{{Rule: rule}}
		if err := p.valid(); (err != nil) != stays {
			t.Errorf("excluding %s: %v", rule, err)
		}
	}
}
