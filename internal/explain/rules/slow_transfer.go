package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var slowTransfer = explain.Rule{
	ID:       "slow-transfer",
	Title:    "The time was spent moving the body of the response",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The answer began soon, and then its body came so slowly that this is what the user waits for.",
		Looks: "A short wait and a long download: `curl -w '%{time_starttransfer} %{time_total}\\n'` prints two numbers far apart; the browser's developer tools show a long bar `Content Download`. In the packets the receiver's window is open and the sender sends little.",
		Why:   "A rate limit in the server, a gateway or the line; an application that makes the body bit by bit (an export row by row, a slow disk or store); a gateway whose origin is slow. If the receiver's window is closed, it is the receiver that does not keep up.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Where the body comes in pieces with pauses: look at what the application does between them, or let it write to a file first and send that."),
			fix(explain.Origin, "nginx", "Look for limits; with limit_rate it sends a piece each second:", "nginx -T | grep -E 'limit_rate|proxy_limit_rate'"),
			fix(explain.Origin, "Apache", "Look for limits:", "grep -rniE 'rate-limit|RATE_LIMIT' /etc/apache2 /etc/httpd"),
			fix(explain.Origin, "IIS", "Look for limits (maxBandwidth is in bytes a second):", `%windir%\system32\inetsrv\appcmd list site /config | findstr maxBandwidth`),
			fix(explain.Gateway, "HAProxy", "Look for limits:", "grep -nE 'bwlim|set-bandwidth-limit' /etc/haproxy/haproxy.cfg"),
			fix(explain.Network, "", "Where the body comes steadily and no server limits it: measure the line itself.", "iperf3 -R -c SERVER", "tc -s qdisc show dev eth0"),
			fix(explain.Client, "", "Ask for less, or for a packed body:", "curl --compressed ..."),
		},
		Confirm: "The same download on the server's own machine: `curl -o /dev/null -w '%{speed_download}\\n' ...` If it is as slow there, it is the server.",
		LookAlikes: []explain.Alike{
			{ID: "slow-origin", Difference: "the wait is before the first byte"},
			{ID: "loss-limited-transfer", Difference: "many retransmissions"},
			{ID: "receiver-stalls", Difference: "the receiver takes nothing at all, and a timer ends it"},
			{ID: "streaming-buffered", Difference: "the origin was sending, the gateway held it back"},
			{ID: "an event stream", Difference: "it is meant to take long; a body without known length is not judged unless it is large"},
		},
		References: []string{"nginx: ngx_http_core_module, limit_rate", "Apache: mod_ratelimit", "RFC 9293 section 3.8.6 (window management)"},
	},
	Check: checkSlowTransfer,
}

const (
	slowBytes   = 100_000  // a second, below which a transfer is slow
	muchBody    = 16 << 10 // bytes; what is shorter is not called a transfer
	largeBody   = 64 << 10 // the same of a body whose length was not told
	plainWindow = 64 << 10 // window of a receiver that does not scale it (RFC 7323)
)

func checkSlowTransfer(p *explain.Pass) {
	for _, c := range p.Conns() {
		if c.Self != flow.Unknown {
			continue // who takes part does not see who waited for whom
		}
		for _, x := range c.Exchanges {
			took, known := slowBody(x)
			if !known || slowBehind(p, x) {
				continue
			}
			reportSlowTransfer(p, turn{c, x}, took)
		}
	}
}

// slowBody tells how long the body of x took, if that is the trouble.
func slowBody(x *flow.Exchange) (took time.Duration, slow bool) {
	took, known := x.Receive()
	if !known || took < slowAfter || x.Status/100 != 2 || x.Tunnel != "" || eventStream(x) {
		return 0, false
	}
	least := int64(largeBody)
	if header(x.ResponseHeader, "Content-Length") != "" {
		least = muchBody
	}
	return took, x.ResponseBodyBytes >= least && perSecond(x, took) < slowBytes
}

// slowAfter is where a transfer begins to be worth a word.
const slowAfter = 5 * time.Second

func perSecond(x *flow.Exchange, took time.Duration) int64 {
	return int64(float64(x.ResponseBodyBytes) / took.Seconds())
}

// slowBehind tells that the gateway got the body of x as slowly as it gave it.
func slowBehind(p *explain.Pass, x *flow.Exchange) bool {
	y := lastTry(p, x)
	if y == nil {
		return false
	}
	_, slow := slowBody(y)
	return slow
}

func reportSlowTransfer(p *explain.Pass, t turn, took time.Duration) {
	from, to := findOf(t.c, t.x, flow.Response), findOf(t.c, t.x, flow.ResponseDone)
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("The body of %s, %d bytes, took %s: %s kB a second. ",
			asked(t.x), t.x.ResponseBodyBytes, explain.Span(took), thousands(perSecond(t.x, took))),
		Evidence: []explain.Evidence{explain.At(t.c, from, "the answer begins"), explain.At(t.c, to, "its body is complete"+longest(pause(t)))},
	}
	severity := explain.Warning
	closed, where := closedWindow(p, t)
	switch {
	case closed >= 0:
		severity = explain.Note // it may want it so
		f.Cause += fmt.Sprintf("It is %s that does not take it faster.", caller(where))
		f.Evidence = append(f.Evidence, explain.At(where, closed, "the receiver's window is closed"))
	case pause(t) > 0:
		f.Cause += fmt.Sprintf("It came from %s in pieces, with pauses, although the receiver was ready.", peer(t.c))
	default:
		f.Cause += "It came steadily, although the receiver was ready: a rate limit, in the server or on the line."
	}
	if trip, known := roundTrip(t.c); closed < 0 && known {
		f.Evidence = append(f.Evidence, explain.Fact("one round trip takes "+explain.Span(trip)))
		if trip.Seconds()*slowBytes*2 > plainWindow {
			f.Confidence, f.Missing = explain.Possible, []string{"the size of the receiver's window: over this distance a small one is as slow"}
		}
	}
	p.Blame(&f, t.c, t.x)
	p.ReportAs(severity, f)
}

// closedWindow is where the receiver of t, or the client it is for, took no
// more for a while; -1 if it always did.
func closedWindow(p *explain.Pass, t turn) (int, *flow.Conn) {
	if i := find(t.c, findOf(t.c, t.x, flow.Response), flow.Client, flow.ZeroWindow); i >= 0 {
		return i, t.c
	}
	if front, x := p.Front(t.c, t.x); x != nil {
		return find(front, max(findOf(front, x, flow.Response), 0), flow.Client, flow.ZeroWindow), front
	}
	return -1, nil
}

func thousands(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/1000) }
