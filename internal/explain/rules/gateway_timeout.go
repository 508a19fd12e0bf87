package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var gatewayTimeout = explain.Rule{
	ID:       "gateway-timeout",
	Title:    "The origin took the request and did not answer in time",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The request was sent to the origin completely; not one byte of a response came before the gateway's timer ran out. The client got 504 (502 from Apache's mod_proxy).",
		Looks: "On the origin's side of the gateway: the request, then nothing, then the gateway closes after a round number of seconds. nginx logs `upstream timed out (110) while reading response header from upstream`, HAProxy shows state `sH`, Envoy flag `UT`.",
		Why:   "A slow handler, a lock, an exhausted pool behind the application; or a timer that is shorter than the work takes.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Find out what the application does at that moment: a dump of its threads, slow queries, full pools."),
			fix(explain.Gateway, "Fanlight", "Wait longer on that route, if the work is known to take long:", "timeouts: {first_byte: 180s}"),
			fix(explain.Gateway, "nginx", "Wait longer:", "proxy_read_timeout 180s;"),
			fix(explain.Gateway, "Apache", "Wait longer:", "ProxyTimeout 180"),
			fix(explain.Gateway, "HAProxy", "Wait longer:", "timeout server 180s"),
			fix(explain.Gateway, "IIS ARR", "Wait longer:", `%windir%\system32\inetsrv\appcmd set config -section:system.webServer/proxy /timeout:"00:03:00" /commit:apphost`),
		},
		Confirm: "Ask the origin directly, without the gateway and with more patience: `curl -m 600 -w '%{time_starttransfer}\\n' -o /dev/null ...`",
		LookAlikes: []explain.Alike{
			{ID: "renegotiation-unanswered", Difference: "the origin did say something after the request: a HelloRequest"},
			{ID: "syn-unanswered", Difference: "there was no connection to the origin"},
			{ID: "receiver-stalls", Difference: "the origin did not even read the request"},
			{ID: "client-gave-up", Difference: "the client left before the gateway's timer"},
			{ID: "timers-inverted", Difference: "another gateway stands behind, and went on waiting"},
			{ID: "idle-mapping-dropped", Difference: "on a long idle connection: the request is never acknowledged"},
			{ID: "slow-origin", Difference: "the answer came in the end"},
		},
		References: []string{"RFC 9110 section 15.6.5 (504)", "HAProxy configuration manual, session state at disconnection"},
	},
	Hides:   []string{"slow-origin", "client-gave-up", "origin-closed-without-answer", "keepalive-race"},
	Silence: true,
	Check:   checkGatewayTimeout,
}

func checkGatewayTimeout(p *explain.Pass) {
	for _, c := range p.Conns() {
		for i := find(c, 0, flow.Unknown, flow.Timeout); i >= 0; i = find(c, i+1, flow.Unknown, flow.Timeout) {
			if c.Events[i].Text == "first-byte" {
				reportFirstByte(p, c, i)
			}
		}
		for _, x := range c.Exchanges {
			check504(p, c, x)
		}
	}
}

func reportFirstByte(p *explain.Pass, c *flow.Conn, i int) {
	x := waitingAt(c, i)
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("%s took %s and had not answered with a single byte when the wait ended %s.",
			peer(c), asked(x), after(c, i)),
	}
	if x != nil {
		if n := findOf(c, x, flow.RequestDone); n >= 0 {
			f.Evidence = append(f.Evidence, explain.At(c, n, "request sent completely"))
		}
	}
	f.Evidence = append(f.Evidence, explain.At(c, i, "first-byte timeout"))
	report(p, f, c, x)
}

// checkBehind504 sees both sides of a gateway in a capture: it left y without
// an answer, and told its client so. Apache says 502 where others say 504.
func checkBehind504(p *explain.Pass, y *flow.Exchange, status int) {
	back := p.Conn(y.Conn)
	if back == nil || back.Self != flow.Unknown {
		return
	}
	side, end := leaver(back)
	if answer := findOf(back, y, flow.Response); side != flow.Client || answer >= 0 && answer < end {
		return
	}
	asking := findOf(back, y, flow.Request)
	if wait, _ := between(back, asking, end); status == 502 && wait < time.Second {
		return // something else was wrong
	}
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause:      fmt.Sprintf("%s took %s and had not answered when the gateway gave up.", peer(back), asked(y)),
		Evidence:   []explain.Evidence{explain.At(back, asking, "request to the origin"), explain.At(back, end, "given up by the gateway ("+manner(back, end)+")")},
	}
	if wait, known := between(back, asking, end); known {
		f.Cause = fmt.Sprintf("%s took %s and had not answered when the gateway gave up after %s.", peer(back), asked(y), explain.Span(wait))
		f.Evidence = append(f.Evidence, timerNote(wait, response)...)
	}
	report(p, f, back, y)
}

// check504 sees only the client's side of a gateway: a 504 whose origin
// connection is not in the trace.
func check504(p *explain.Pass, c *flow.Conn, x *flow.Exchange) {
	if x.Status != 504 && x.Status != 502 || x.Incident != "" {
		return
	}
	if behind := p.Behind(x.ID); len(behind) > 0 {
		checkBehind504(p, behind[len(behind)-1], x.Status)
		return
	}
	if x.Status != 504 || len(p.Children(c.ID)) > 0 {
		return
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause:      fmt.Sprintf("%s is a gateway, and its origin did not answer %s in time.", peer(c), asked(x)),
		Evidence:   responseEvidence(c, x),
		Missing:    []string{"the gateway's connection to its origin: a capture or record taken there"},
	}
	if wait, known := x.Wait(); known {
		f.Evidence = append(f.Evidence, timerNote(wait, response)...)
	}
	report(p, f, c, x)
}
