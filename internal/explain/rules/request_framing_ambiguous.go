package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var requestFramingAmbiguous = explain.Rule{
	ID:       "request-framing-ambiguous",
	Title:    "The request can be read in two ways",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "Two readers could disagree about where this request ends and the next begins. An attacker can use that to slip a request past a front door (request smuggling), so a strict server refuses it and closes the connection.",
		Looks: "400 and a close at once, before any application saw the request. nginx logs `client sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time`, HAProxy shows state `PR`, HTTP.sys notes `BadRequest`.",
		Why:   "A home-made or broken HTTP client, a proxy in between that rewrites framing headers and leaves a stale one behind, or an attack.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Send either Content-Length or Transfer-Encoding: chunked, once, and end lines in CR LF. Leave framing to an HTTP library."),
			fix(explain.Gateway, "", "If a proxy stands before this door: let it write the framing headers anew instead of passing them on."),
			fix(explain.Gateway, "Fanlight", "Nothing to set: such requests are refused always."),
		},
		Confirm: "The evidence names the byte. Send the same request with `curl -v`: it is accepted.",
		LookAlikes: []explain.Alike{
			{ID: "request-malformed", Difference: "wrong, but nobody could mistake where it ends"},
			{ID: "response-framing-conflict", Difference: "the same on the side of the origin"},
			{ID: "plaintext-to-tls-port", Difference: "the bytes are not HTTP at all on this port"},
		},
		References: []string{"RFC 9112 section 6.3 and 11.2 (request smuggling)"},
	},
	Hides: []string{"request-malformed", "client-gave-up", "origin-closed-without-answer"},
	Check: checkRequestFraming,
}

func isFraming(name string) bool { _, ok := framingIrregularity(name); return ok }

func checkRequestFraming(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, group := range irregularities(c, flow.Client, isFraming) {
			f, words, x := irregular(c, group)
			f.Cause = fmt.Sprintf("%s sent %s with %s.", caller(c), asked(x), words)
			reportIrregular(p, f, c, x)
		}
	}
}

// reportIrregular says what became of the message. Where a request was let
// through all the same, and nobody refused it, that is a warning.
func reportIrregular(p *explain.Pass, f explain.Finding, c *flow.Conn, x *flow.Exchange) {
	if x != nil {
		f.Evidence = append(f.Evidence, responseEvidence(c, x)...)
		if x.Status > 0 && x.Status < 400 {
			p.Blame(&f, c, x)
			p.ReportAs(explain.Warning, f)
			return
		}
	}
	report(p, f, c, x)
}
