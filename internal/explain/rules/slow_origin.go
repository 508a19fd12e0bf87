package rules

import (
	"fmt"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var slowOrigin = explain.Rule{
	ID:       "slow-origin",
	Title:    "The time was spent waiting for the origin",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "Between the request and the first byte of the response passed several seconds, and nothing on the network explains them.",
		Looks: "A long wait, then a normal response; or a client that leaves while the origin still works.",
		Why:   "A slow handler or database, a cold start (then only the first request after a pause), a lock.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Profile the request; warm the application up; look at what it waits for."),
			fix(explain.Client, "", "If the work is known to take long, wait longer, or ask for it asynchronously."),
		},
		Confirm: "`curl -o /dev/null -w '%{time_starttransfer}\\n'` straight to the origin takes as long.",
		LookAlikes: []explain.Alike{
			{ID: "gateway-timeout", Difference: "no response came at all"},
			{ID: "renegotiation-answered", Difference: "the wait was a second handshake"},
			{ID: "long polling", Difference: "waiting is the purpose; event streams are left out"},
			{ID: "head-of-line-blocking", Difference: "the request had not reached the origin: it stood in a queue"},
			{ID: "streaming-buffered", Difference: "the origin had begun to answer, and the gateway held it back"},
			{ID: "slow-transfer", Difference: "the first byte came soon, the body slowly"},
		},
		References: []string{"RFC 9110 section 9.2.2 (what may be retried)"},
	},
	Hides: []string{"client-gave-up"},
	Check: checkSlowOrigin,
}

// slow is where a wait begins to be worth a word.
const slow = 5 * time.Second

func checkSlowOrigin(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.Self == flow.Server {
			continue // the origin's side is the one that proves it
		}
		for _, x := range c.Exchanges {
			checkSlow(p, c, x)
		}
	}
}

func checkSlow(p *explain.Pass, c *flow.Conn, x *flow.Exchange) {
	if x.Tunnel != "" || strings.HasPrefix(header(x.ResponseHeader, "Content-Type"), "text/event-stream") || sendsSlowly(x) {
		return
	}
	wait, known := x.Wait()
	if x.Status == 0 {
		if front, _ := p.Front(c, x); front == nil || front.Close.By != flow.Client || !unanswered(c, x) {
			return
		}
		wait, known = between(c, findOf(c, x, flow.Request), len(c.Events)-1)
	}
	if !known || wait < slow || x.Status >= 502 && x.Status <= 504 { // a gateway that says what it waited for
		return
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause:      fmt.Sprintf("%s needed %s for the first byte of its answer to %s.", peer(c), explain.Span(wait), asked(x)),
		Evidence:   responseEvidence(c, x),
	}
	if x.Status == 0 {
		f.Cause = fmt.Sprintf("%s had not answered %s for %s when the client left.", peer(c), asked(x), explain.Span(wait))
		f.Evidence = append(f.Evidence, explain.At(c, findOf(c, x, flow.Request), "request "+asked(x)))
	}
	p.Blame(&f, c, x)
	p.Report(f)
}

// sendsSlowly tells that the request body, not the origin, took the time.
func sendsSlowly(x *flow.Exchange) bool {
	if x.RequestDone.IsZero() || x.Responded.IsZero() {
		return x.RequestDone.IsZero() && hasBody(x)
	}
	return x.Responded.Sub(x.RequestDone) < slow
}
