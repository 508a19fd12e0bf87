package query

import (
	"testing"

	"fanlight/internal/flow"
)

// refusals has a request that the WAF blocked, one that filter and WAF only
// watched, one that the filter refused, and one that nobody minded.
const refusals = `
conn 1  192.0.2.10:51544 -> 10.0.0.5:443  source live  keys yes  scheme https  at 2026-11-21T10:00:00Z
  +0.010 > GET /?q=1 http=1.1 host=shop.test x1
  +0.011 waf-match "SQL Injection" rule=942100 adds=5 target=ARGS:q x1
  +0.011 waf-match "XSS" rule=941100 adds=5 target=ARGS:q x1
  +0.011 decision "block: the WAF refuses the request" by=waf score=10 threshold=5 x1
  +0.110 > GET /..b http=1.1 host=shop.test x2
  +0.111 decision "watch: the filter would refuse this" by=filter rule=deny_url x2
  +0.112 waf-match "SQL Injection" rule=942100 adds=5 target=ARGS:q x2
  +0.112 decision "watch: the WAF would refuse the request" by=waf score=5 threshold=5 x2
  +0.210 > GET /x.exe http=1.1 host=shop.test x3
  +0.211 decision "refuse: the filter refused it" by=filter rule="rule exe" x3
  +0.310 > GET / http=1.1 host=shop.test x4
  +0.311 decision "pass: everybody may" by=access rule=deny_url score=7 x4
`

func TestRefusals(t *testing.T) {
	tr, err := flow.Parse(refusals)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ expr, want string }{
		{`waf.verdict == block`, "c1 x1"},
		{`waf.verdict == watch`, "c1 x2"},
		{`waf.verdict`, "c1 x1 x2"},
		{`waf.rule == 941100`, "c1 x1"},
		{`waf.rule in {942000..942999}`, "c1 x1 x2"},
		{`waf.score >= 10`, "c1 x1"},
		{`waf.score`, "c1 x1 x2"},
		{`filter.rule`, "c1 x2 x3"},
		{`filter.rule == "rule exe"`, "c1 x3"},
		{`filter.verdict == refuse`, "c1 x3"},
		{`filter.verdict == watch && waf.verdict == watch`, "c1 x2"},
	} {
		f, err := Parse(test.expr)
		if err != nil {
			t.Errorf("%s: %v", test.expr, err)
			continue
		}
		if got := matched(f, tr); got != test.want {
			t.Errorf("%s: %q, want %q", test.expr, got, test.want)
		}
	}
}
