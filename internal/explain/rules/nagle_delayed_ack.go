package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var nagleDelayedACK = explain.Rule{
	ID:       "nagle-delayed-ack",
	Title:    "Small messages are held up by delayed acknowledgements",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The sender writes header and body in two small pieces. Its system holds the second one until the first is acknowledged (Nagle's algorithm), and the other side's system waits about 40 ms (Linux) or 200 ms (Windows) before it acknowledges. Both do as they should, together they lose that time with each message.",
		Looks: "On a kept-alive connection nearly every small response has a pause of 40 to 44 ms between its header and its few bytes of body. It looks like slow work of the server and is the same for every URL. The first exchanges of a connection are often quick.",
		Why:   "The program writes header and body with two calls and has not set TCP_NODELAY.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Write each message with one call (writev), or set TCP_NODELAY on the socket:", "setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);"),
			fix(explain.Origin, "Python", "Set it on the accepted socket:", "conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)"),
			fix(explain.Origin, "nginx", "It is on by default; remove this:", "tcp_nodelay off;"),
			fix(explain.Origin, "Node", "It is on by default; remove this:", "noDelay: false"),
			fix(explain.Client, "", "If requests are what is held up, the same is to be done there."),
			fix(explain.Gateway, "Fanlight", "It writes each message at once. Placed before such an origin it does not help: the pause is between the two."),
		},
		Confirm: "`strace -f -e trace=write,sendto -p PID` on the sender shows two writes for one small message.",
		LookAlikes: []explain.Alike{
			{ID: "slow-origin", Difference: "the wait is before the header, and much longer"},
			{ID: "loss-limited-transfer", Difference: "pauses of 200 ms and more, with retransmissions"},
			{ID: "an application that streams", Difference: "pauses differ from response to response"},
		},
		References: []string{"RFC 9293 section 3.7.4 (Nagle)", "RFC 9293 section 3.8.6.3 (delayed acknowledgements)", "seen with Linux 6, nginx and Node: 41 to 47 ms from header to body"},
	},
	Check: checkNagle,
}

const (
	oneSegment   = 1400 // bytes that fit into a segment
	manyHeldUp   = 5
	linuxFrom    = 38 * time.Millisecond
	linuxUntil   = 48 * time.Millisecond
	windowsFrom  = 190 * time.Millisecond
	windowsUntil = 215 * time.Millisecond
)

func checkNagle(p *explain.Pass) {
	for _, c := range p.Conns() {
		if find(c, 0, flow.Unknown, flow.Retransmission, flow.Gap) >= 0 {
			continue // loss makes such pauses too
		}
		responses, requests := heldUp(c, responsePause), heldUp(c, requestPause)
		switch {
		case len(responses) >= manyHeldUp && 3*len(responses) >= len(c.Exchanges):
			reportNagle(p, c, responses, peer(c), flow.ResponseDone, responsePause)
		case len(requests) >= manyHeldUp && 3*len(requests) >= len(c.Exchanges):
			reportNagle(p, c, requests, caller(c), flow.RequestDone, requestPause)
		}
	}
}

// responsePause is the time from header to body of a small response.
func responsePause(x *flow.Exchange) time.Duration {
	d, known := x.Receive()
	if !known || x.ResponseBodyBytes == 0 || x.ResponseBodyBytes > oneSegment || x.Stream != 0 {
		return 0
	}
	return d
}

// requestPause is the time from header to body of a small request.
func requestPause(x *flow.Exchange) time.Duration {
	if x.RequestDone.IsZero() || x.RequestBodyBytes == 0 || x.RequestBodyBytes > oneSegment || x.Stream != 0 || header(x.RequestHeader, "Expect") != "" {
		return 0
	}
	return x.RequestDone.Sub(x.Started)
}

// heldUp are the exchanges with a pause of one kind, Linux's or Windows'.
func heldUp(c *flow.Conn, pause func(*flow.Exchange) time.Duration) []*flow.Exchange {
	var linux, windows []*flow.Exchange
	for _, x := range c.Exchanges {
		switch d := pause(x); {
		case d >= linuxFrom && d < linuxUntil:
			linux = append(linux, x)
		case d >= windowsFrom && d < windowsUntil:
			windows = append(windows, x)
		}
	}
	if len(linux) >= len(windows) {
		return linux
	}
	return windows
}

func reportNagle(p *explain.Pass, c *flow.Conn, held []*flow.Exchange, who string, end flow.Kind, pause func(*flow.Exchange) time.Duration) {
	var lost time.Duration
	f := explain.Finding{Confidence: explain.Likely}
	for i, x := range held {
		lost += pause(x)
		if i < 3 {
			f.Evidence = append(f.Evidence, explain.At(c, findOf(c, x, end), fmt.Sprintf("%s: body %s after the header", asked(x), explain.Span(pause(x)))))
		}
		p.Blame(&f, c, x)
	}
	f.Cause = fmt.Sprintf("%s sent the few bytes of body in %d of %d exchanges only after the header had been acknowledged, about %s each time; %s in all.",
		who, len(held), len(c.Exchanges), explain.Span(lost/time.Duration(len(held))), explain.Span(lost))
	p.Report(f)
}
