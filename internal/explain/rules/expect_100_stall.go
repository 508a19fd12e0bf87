package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var expect100Stall = explain.Rule{
	ID:       "expect-100-stall",
	Title:    "The client waited for a 100 Continue that did not come",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The client sent the header of its request with `Expect: 100-continue` and held the body back until the server says go on. Nobody said so. Most clients send the body after a second all the same; some wait for ever.",
		Looks: "A pause of one second (curl; 350 ms with .NET Framework) in each upload, between the header and the body. curl -v says `Done waiting for 100-continue`. With a client that never gives in: a timeout, and the server complains of a missing body.",
		Why:   "The server does not know Expect; or a gateway in between drops the field, or drops or delays the interim response.",
		Fixes: []explain.Fix{
			fix(explain.Client, "curl", "Do not ask:", "curl -H 'Expect:' ..."),
			fix(explain.Client, ".NET", "Do not ask:", "httpClient.DefaultRequestHeaders.ExpectContinue = false;"),
			fix(explain.Gateway, "nginx", "With request buffering (the default) it answers 100 itself; keep it:", "proxy_request_buffering on;"),
			fix(explain.Gateway, "HAProxy", "Do not pass the question on to an origin that does not know it, and answer it by reading the body first:", "option http-buffer-request", "http-request del-header Expect"),
			fix(explain.Origin, "", "Answer `HTTP/1.1 100 Continue` before reading the body; every HTTP/1.1 server has to, or has to answer finally."),
		},
		Confirm: "`curl -sv -H 'Expect: 100-continue' --data-binary @file URL` takes a second longer than with `-H 'Expect:'`.",
		LookAlikes: []explain.Alike{
			{ID: "slow-sender-cut", Difference: "parts of the body come, but too slowly"},
			{ID: "renegotiation-body-deadlock", Difference: "a HelloRequest came while the body was due"},
			{ID: "a slow upload", Difference: "100 Continue came at once, or was not asked for"},
		},
		References: []string{"RFC 9110 section 10.1.1 (Expect)", "curl: --expect100-timeout, default 1 s", "haproxy/haproxy#825"},
	},
	Hides:   []string{"slow-origin", "client-gave-up", "slow-sender-cut", "origin-closed-without-answer"},
	Silence: true,
	Check:   checkExpectStall,
}

const (
	heldBack    = 300 * time.Millisecond // a body that comes so late was held back
	smallUpload = 256 << 10              // is sent in much less than that
	curlWaits   = time.Second
	wholeUpload = 8 << 20 // may still be sent in little time after curlWaits
	stuck       = 5 * time.Second
)

func checkExpectStall(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			if x.HTTP != "2" && says(x.RequestHeader, "Expect", "100-continue") && findOf(c, x, flow.Interim) < 0 && !unjudged(x) {
				checkHeldBack(p, c, x)
			}
		}
	}
}

func checkHeldBack(p *explain.Pass, c *flow.Conn, x *flow.Exchange) {
	asking, sent := findOf(c, x, flow.Request), findOf(c, x, flow.RequestDone)
	if sent < 0 {
		checkNeverSent(p, c, x, asking)
		return
	}
	wait, known := between(c, asking, sent)
	answered := !x.Responded.IsZero() && x.Responded.Before(x.RequestDone)
	if !known || answered || !(wait >= heldBack && x.RequestBodyBytes <= smallUpload || wait >= curlWaits-20*time.Millisecond && wait < 3*curlWaits/2 && x.RequestBodyBytes <= wholeUpload) {
		return
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s asked whether to go on with the body of %s; %s did not say so, and the body of %d bytes was complete only after %s.",
			caller(c), asked(x), server(c), x.RequestBodyBytes, explain.Span(wait)),
		Evidence: []explain.Evidence{explain.At(c, asking, "Expect: 100-continue"), explain.At(c, sent, "body complete, without a 100 before it")},
	}
	switch {
	case wait >= curlWaits-20*time.Millisecond && wait < curlWaits+100*time.Millisecond:
		f.Evidence = append(f.Evidence, explain.Fact(explain.Span(wait)+" matches the time that curl waits"))
	case wait >= 340*time.Millisecond && wait < 400*time.Millisecond:
		f.Evidence = append(f.Evidence, explain.Fact(explain.Span(wait)+" matches the time that .NET Framework waits"))
	}
	p.Blame(&f, c, x)
	p.Report(f)
}

// checkNeverSent judges a client that waited until somebody gave up.
func checkNeverSent(p *explain.Pass, c *flow.Conn, x *flow.Exchange, asking int) {
	end := closing(c)
	if end < 0 {
		end = find(c, 0, flow.Unknown, flow.Timeout)
	}
	wait, known := between(c, asking, end)
	if !known || wait < stuck || x.Status != 0 && x.Status != 408 && x.Incident == "" || find(c, asking, flow.Unknown, flow.Retransmission, flow.ZeroWindow, flow.Gap) >= 0 {
		return
	}
	report(p, explain.Finding{
		Confidence: explain.Possible,
		Cause: fmt.Sprintf("%s asked whether to go on with the body of %s, %s did not say so, and the body was not complete when the waiting ended after %s.",
			caller(c), asked(x), server(c), explain.Span(wait)),
		Evidence: []explain.Evidence{explain.At(c, asking, "Expect: 100-continue"), explain.At(c, end, "end of the waiting")},
		Missing:  []string{"how much of the body was sent"},
	}, c, x)
}
