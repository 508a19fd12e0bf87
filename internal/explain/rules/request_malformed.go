package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var requestMalformed = explain.Rule{
	ID:       "request-malformed",
	Title:    "The request is not well formed",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The request breaks the grammar of HTTP in a place that does not change where it ends: its target, its method, its version, its Host.",
		Looks: "400 and a close at once. IIS and HTTP.sys answer `Bad Request - Invalid Hostname` or `Invalid URL`, with nothing in the site's log.",
		Why:   "A home-made client, blanks or control bytes pasted into a URL, a missing or repeated Host, a scanner.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Encode the target (blanks as %20, other bytes as %XX), and send Host exactly once."),
		},
		Confirm: "The evidence names the byte. `curl -v` with the same URL shows what a correct request looks like.",
		LookAlikes: []explain.Alike{
			{ID: "request-framing-ambiguous", Difference: "readers could disagree about where the request ends"},
			{ID: "request-header-too-large", Difference: "the request is correct, and too long"},
			{ID: "host-rejected", Difference: "the Host is correct, and not known there"},
		},
		References: []string{"RFC 9112 section 3 (request line) and 3.2 (Host)"},
	},
	Hides: []string{"sni-host-mismatch"},
	Check: checkRequestMalformed,
}

func checkRequestMalformed(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, group := range irregularities(c, flow.Client, func(name string) bool { return !isFraming(name) && name != forbiddenField }) {
			f, words, x := irregular(c, group)
			f.Cause = fmt.Sprintf("%s sent %s with a fault in it: %s.", caller(c), asked(x), words)
			reportIrregular(p, f, c, x)
		}
	}
}
