package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var responseFramingConflict = explain.Rule{
	ID:       "response-framing-conflict",
	Title:    "The origin's response can be read in two ways",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The response's own headers contradict each other about where it ends. Browsers are often lenient; a strict gateway refuses it, because the next response on the connection could be misread.",
		Looks: "502 at the gateway although the origin answered 200; direct access works. nginx logs `upstream sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time` or `duplicate header line`, HAProxy shows `PH`, Envoy `UPE`.",
		Why:   "The framework and the application both set the header; an embedded device; a body on a response that must have none.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Remove the extra header in the application: set neither Content-Length nor Transfer-Encoding there, the server does it."),
		},
		Confirm: "`curl -sv --raw` straight to the origin shows both headers.",
		LookAlikes: []explain.Alike{
			{ID: "request-framing-ambiguous", Difference: "the client's side of the same fault"},
			{ID: "body-truncated", Difference: "the headers agree, the body is short"},
		},
		References: []string{"RFC 9112 section 6.3 and 11.1 (response splitting)", "nginx/nginx#1228"},
	},
	Hides: []string{"origin-closed-without-answer", "body-truncated"},
	Check: checkResponseFraming,
}

func checkResponseFraming(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, group := range irregularities(c, flow.Server, isFraming) {
			f, words, x := irregular(c, group)
			f.Cause = fmt.Sprintf("%s answered %s with %s.", peer(c), asked(x), words)
			if _, fx := p.Front(c, x); c.Self == flow.Client && fx != nil {
				report(p, f, c, x)
				continue
			}
			p.Blame(&f, c, x)
			p.ReportAs(explain.Warning, f)
		}
	}
}
