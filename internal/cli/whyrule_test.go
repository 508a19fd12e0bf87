package cli

import (
	"strings"
	"testing"
)

// TestAdvice names what to change for each refusal that has a setting.
func TestAdvice(t *testing.T) {
	for _, test := range []struct{ event, want string }{
		{`decision "refuse: too many" by=rate-limit x1`, "change `rate_limit` of the site or the route"},
		{`decision "refuse: it is \"long\"" by=waf-body x1`, "or `files` there for a form with files"},
		{`decision "refuse: the WAF failed: panic" by=waf-failure x1`, "`on_failure: pass` lets them go on unjudged"},
		{`decision "refuse: no" by=filter rule=max.url x1`, "change `url` in `max` of its `filter`"},
		{`decision "refuse: no" by=filter rule="rule sql" x1`, "change the entry sql in `rules` of its `filter`"},
		{`decision "watch: it would" by=waf-body x1`, ""},
		{`decision "refuse: stopped" by=site x1`, ""},
	} {
		item := whyItem{Notation: "conn 1  192.0.2.1:1 -> 192.0.2.2:443  source live\n  +0.001 " + test.event + "\n"}
		got := item.advice()
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.event, got, test.want)
		}
	}
}
