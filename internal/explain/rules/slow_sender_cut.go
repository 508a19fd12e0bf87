package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var slowSenderCut = explain.Rule{
	ID:       "slow-sender-cut",
	Title:    "The server gave up waiting for the rest of the request",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The request did not arrive completely in time. The server answered 408 or closed.",
		Looks: "408, or a close at a round number of seconds after the last byte of the request. HAProxy shows `cR`, HTTPERR `Timer_HeaderWait` or `Timer_EntityBody`. A connection on which a browser never sent a byte (preconnect) is harmless and not meant.",
		Why:   "A slow or paused upload, a lost connection, a proxy that holds the body back; sometimes an attack that keeps connections open.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Wait longer for slow clients:", "limits: {header_timeout: 30s, body_timeout: 60s, body_rate: 100B}"),
			fix(explain.Origin, "nginx", "Wait longer:", "client_header_timeout 120s;", "client_body_timeout 120s;"),
			fix(explain.Origin, "Apache", "Wait longer (mod_reqtimeout):", "RequestReadTimeout header=20-60,MinRate=500 body=60,MinRate=500"),
			fix(explain.Origin, "HAProxy", "Wait longer:", "timeout http-request 60s"),
			fix(explain.Origin, "IIS", "Lower the rate it insists on (bytes a second), or wait longer:", `%windir%\system32\inetsrv\appcmd set config -section:system.applicationHost/webLimits /minBytesPerSecond:100 /headerWaitTimeout:"00:02:00" /commit:apphost`),
			fix(explain.Client, "", "Find out why it pauses while sending."),
		},
		Confirm: "The time between the last byte of the request and the close is the server's timer.",
		LookAlikes: []explain.Alike{
			{ID: "expect-100-stall", Difference: "the client waits for 100 Continue before its body"},
			{ID: "client-gave-up", Difference: "the client closed first"},
			{ID: "early-response-lost", Difference: "the client was still sending, and the server refused and reset"},
		},
		References: []string{"RFC 9110 section 15.5.9 (408)", "Microsoft Learn: error logging in the HTTP Server API"},
	},
	Hides:   []string{"client-gave-up", "slow-origin"},
	Silence: true,
	Check:   checkSlowSender,
}

func checkSlowSender(p *explain.Pass) {
	for _, c := range p.Conns() {
		if i := ranOut(c, "request-head", "request-body", "request-body-rate"); i >= 0 {
			p.Report(slowSender(c, waitingAt(c, i), i, c.Events[i].Text+" timeout", after(c, i)))
			continue
		}
		for _, x := range c.Exchanges {
			if x.Status == 408 && c.Self != flow.Server && findOf(c, x, flow.Request) >= 0 {
				i := findOf(c, x, flow.Response)
				f := slowSender(c, x, i, "answered 408", "with 408")
				if wait, known := x.Wait(); known {
					f.Evidence = append(f.Evidence, timerNote(wait, sending)...)
				}
				p.Report(f)
			}
			checkCutSilently(p, c, x)
		}
	}
}

// checkCutSilently looks for a server that closed without a word, a second or
// more after the last that came of a request that is not complete.
func checkCutSilently(p *explain.Pass, c *flow.Conn, x *flow.Exchange) {
	i := droppedAt(c, x)
	d, known := between(c, findOf(c, x, flow.Request), i)
	if i < 0 || !unsent(c, x) || !known || d < time.Second {
		return
	}
	f := slowSender(c, x, i, "closed by the server ("+manner(c, i)+")", "after "+explain.Span(d))
	f.Confidence = explain.Likely
	f.Evidence = append(f.Evidence, timerNote(d, sending)...)
	p.Report(f)
}

// unsent tells that the body of x was announced and did not come to its end.
func unsent(c *flow.Conn, x *flow.Exchange) bool {
	return hasBody(x) && x.RequestDone.IsZero() && findOf(c, x, flow.RequestDone) < 0 && find(c, 0, flow.Client, flow.Gap) < 0
}

func slowSender(c *flow.Conn, x *flow.Exchange, i int, text, how string) explain.Finding {
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause:      fmt.Sprintf("%s did not send %s completely; the wait for the rest ended %s.", caller(c), asked(x), how),
		Conns:      []flow.ConnID{c.ID},
		Evidence:   []explain.Evidence{explain.At(c, i, text)},
	}
	if x != nil {
		f.Exchanges = []flow.ExchangeID{x.ID}
	}
	return f
}
