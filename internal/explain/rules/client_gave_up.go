package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var clientGaveUp = explain.Rule{
	ID:       "client-gave-up",
	Title:    "The client left before it had the answer",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The client closed its connection while its request was still being worked on, or while the response was still coming. That is a symptom: the question is why it did not want to wait.",
		Looks: "FIN, RST or a TLS close_notify from the client before the response. A response that was still coming, and no timer in sight, is only a note: somebody had enough. nginx logs 499, HAProxy `CH` or `CD`, Envoy flag `DC`, HTTPERR `Client_Reset`.",
		Why:   "The client's own timer, a user who navigated away or pressed stop, a program that ended; behind it often a slow server.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "If it was a timer: wait longer than the server needs:", "curl --max-time 120 ..."),
			fix(explain.Origin, "", "If many clients leave at the same request: make it faster, or answer early and deliver later."),
			fix(explain.Gateway, "", "Timers shrink from the client inward: let the gateway give up before its clients do, so that they get an answer that says why."),
		},
		Confirm: "The times after which clients leave: if they cluster at a round number, that is a timer on their side.",
		LookAlikes: []explain.Alike{
			{ID: "gateway-timeout", Difference: "the gateway gave up first"},
			{ID: "slow-origin", Difference: "the origin had been silent for most of the time: then that is the cause"},
			{ID: "server-header-stripped-reauth", Difference: "the client closes after a complete response"},
			{ID: "body-truncated", Difference: "the server's side ended the response"},
		},
		References: []string{"nginx: status 499", "Envoy: response flag DC"},
	},
	Silence: true,
	Check:   checkClientGaveUp,
}

func checkClientGaveUp(p *explain.Pass) {
	for _, c := range p.Conns() {
		side, end := leaver(c)
		if c.Self == flow.Client || find(c, 0, flow.Unknown, flow.Timeout) >= 0 {
			continue
		}
		for _, x := range c.Exchanges {
			if _, fx := p.Front(c, x); fx != nil {
				continue // a gateway that leaves is judged by what its client sees
			}
			if i := cancelled(c, x); i >= 0 {
				if d, known := between(c, findOf(c, x, flow.Request), i); known && d >= time.Second {
					reportGaveUp(p, c, x, i)
				}
				continue // at once: browsers do that all the time
			}
			if side != flow.Client {
				continue
			}
			if leftUnanswered(c, x, end) {
				reportGaveUp(p, c, x, end)
				continue
			}
			if unjudged(x) || givenUp(c, x) || x.Started.IsZero() || x.Tunnel != "" || !x.ResponseDone.IsZero() || x.Incident != "" && x.Status != 0 && x.Status != 499 {
				continue
			}
			if x.Status != 0 && x.Status != 499 && x.Outcome != flow.Truncated {
				continue
			}
			reportGaveUp(p, c, x, end)
		}
	}
}

// cancelled is the event with which the client ended the HTTP/2 stream of x by
// itself, while the server still meant to answer; or -1.
func cancelled(c *flow.Conn, x *flow.Exchange) int {
	i := findOf(c, x, flow.StreamReset)
	if i < 0 || c.Events[i].From != flow.Client || c.Events[i].Text != "CANCEL" && c.Events[i].Text != "NO_ERROR" {
		return -1
	}
	return i
}

// leftUnanswered tells that the client left while x waited, although the server
// still sent its response: it had waited for a while, and reset what came. A
// client that only ends its own direction wants the response.
func leftUnanswered(c *flow.Conn, x *flow.Exchange, end int) bool {
	asking, answer := findOf(c, x, flow.Request), findOf(c, x, flow.Response)
	if x.Incident != "" || x.Tunnel != "" || asking < 0 || asking > end || end > answer {
		return false
	}
	d, known := between(c, asking, end)
	return known && d >= time.Second && find(c, answer, flow.Client, flow.RST) >= 0
}

func reportGaveUp(p *explain.Pass, c *flow.Conn, x *flow.Exchange, end int) {
	asking, severity := findOf(c, x, flow.Request), explain.Warning
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause:      fmt.Sprintf("%s left before %s was answered.", caller(c), asked(x)),
		Evidence:   []explain.Evidence{explain.At(c, asking, "request "+asked(x)), explain.At(c, end, departure(c, end))},
	}
	coming := x.Status != 0 && x.Status != 499 && findOf(c, x, flow.Response) < end
	if coming {
		f.Cause = fmt.Sprintf("%s left while the response to %s was still coming.", caller(c), asked(x))
	}
	if d, known := between(c, asking, end); known {
		f.Cause += fmt.Sprintf(" It had waited for %s.", explain.Span(d))
		note := waitNote(d)
		f.Evidence = append(f.Evidence, note...)
		if coming && note == nil {
			severity = explain.Note // the server was answering, and no timer is in sight: somebody had enough
		}
	}
	p.Blame(&f, c, x)
	for _, y := range p.Behind(x.ID) {
		f.Exchanges = append(f.Exchanges, y.ID)
		if back := p.Conn(y.Conn); y.Status == 0 && back != nil {
			f.Conns = append(f.Conns, back.ID)
			f.Evidence = append(f.Evidence, explain.About(back, "the origin had not answered by then"))
		}
	}
	p.ReportAs(severity, f)
}

// departure words the event with which the client left.
func departure(c *flow.Conn, end int) string {
	if end >= 0 && c.Events[end].Kind == flow.StreamReset {
		return "stream cancelled by the client"
	}
	return "closed by the client (" + manner(c, end) + ")"
}

// waitNote names known timers, or points out a round number of seconds.
func waitNote(d time.Duration) []explain.Evidence {
	if note := timerNote(d, response); note != nil {
		return note
	}
	round := d.Round(time.Second)
	if off := (d - round).Abs(); round >= 2*time.Second && off <= 60*time.Millisecond {
		return []explain.Evidence{explain.Fact(explain.Span(d) + " is a round number: probably a timer of the client")}
	}
	return nil
}
