package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var receiverStalls = explain.Rule{
	ID:       "receiver-stalls",
	Title:    "The receiving side does not read what is sent to it",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The sender had more to send and could not: the receiver's buffers were full and nobody emptied them. The sender waited, and may have given up after a timer.",
		Looks: "On the wire the receiver announces a window of zero, and the sender's probes of it are answered with zero again (Wireshark: `TCP ZeroWindow`, `TCP ZeroWindowProbe`). A sender's write does not return. HAProxy shows `cD` (the client does not read) or `sD` (the server does not).",
		Why:   "An origin that does not read the body of a request it will refuse anyway, or is blocked; a client that hangs, or whose user paused a download; a gateway whose own client is slow.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Read the request body, or answer early and close properly; look at what the process is blocked in."),
			fix(explain.Client, "", "Read the response; a paused download is ended by the door's write timeout."),
			fix(explain.Gateway, "nginx", "Wait longer between two writes to a client:", "send_timeout 180s;"),
			fix(explain.Gateway, "Fanlight", "Wait longer between two writes, to an origin or to clients:", "timeouts: {send: 120s}", "limits: {write_timeout: 180s}"),
		},
		Confirm: "`ss -tn` on the sender shows a Send-Q that does not shrink, on the receiver a Recv-Q that does not shrink.",
		LookAlikes: []explain.Alike{
			{ID: "renegotiation-body-deadlock", Difference: "a HelloRequest came while the body was being sent"},
			{ID: "gateway-timeout", Difference: "the request was sent completely"},
			{ID: "half-open-peer", Difference: "probes are not answered at all"},
			{ID: "mtu-black-hole", Difference: "the window is open, and a large packet is sent again and again"},
			{ID: "window-limited-transfer", Difference: "the window is small, but it opens again at once"},
			{ID: "h2-flow-control-stall", Difference: "TCP's window is open, HTTP/2's is used up"},
			{ID: "slow-transfer", Difference: "the receiver is ready, and the sender sends little"},
		},
		References: []string{"RFC 9293 section 3.8.6 (window management)", "seen with Linux 6: zero-window probes after 0.2, 0.6, 1.5, 3.2 s; every other one unanswered (answers are limited to two a second)"},
	},
	Hides:   []string{"client-gave-up", "slow-origin", "body-truncated", "origin-closed-without-answer", "gateway-timeout"},
	Silence: true,
	Check:   checkReceiverStalls,
}

func checkReceiverStalls(p *explain.Pass) {
	for _, c := range p.Conns() {
		if !checkStalledWrite(p, c) && c.Self == flow.Unknown {
			checkClosedWindow(p, c, flow.Client)
			checkClosedWindow(p, c, flow.Server)
		}
	}
}

// checkStalledWrite looks for a participant that gave up writing.
func checkStalledWrite(p *explain.Pass, c *flow.Conn) bool {
	phase, reader, what := "send", peer(c), "the request"
	i := ranOut(c, "send")
	if i < 0 {
		phase, reader, what = "write", caller(c), "the response"
		i = ranOut(c, "write")
	}
	if i < 0 {
		return false
	}
	x := waitingAt(c, i)
	if x == nil && len(c.Exchanges) > 0 {
		x = c.Exchanges[len(c.Exchanges)-1]
	}
	report(p, explain.Finding{
		Confidence: explain.Proof,
		Cause:      fmt.Sprintf("%s did not read %s of %s; the wait ended %s.", reader, what, asked(x), after(c, i)),
		Evidence:   []explain.Evidence{explain.At(c, i, phase+" timeout")},
	}, c, x)
	return true
}

// stalledLong is how long a window has to stay closed before that is more than
// a reader who is busy for a moment.
const stalledLong = 2 * time.Second

// checkClosedWindow looks for a window that its side closed and never opened
// again, until the sender gave up or the capture ended.
func checkClosedWindow(p *explain.Pass, c *flow.Conn, reader flow.Side) {
	shut, end := lastClosed(c, reader), closing(c)
	if end < 0 {
		end = len(c.Events) - 1
	}
	d, known := between(c, shut, end)
	if !known || d < stalledLong || c.Close.How != flow.None && c.Close.By == reader {
		return // one that leaves does not want the rest
	}
	x := carriedAt(c, shut)
	if x != nil && reader == flow.Client && !x.ResponseDone.IsZero() {
		return
	}
	who := peer(c)
	if reader == flow.Client {
		who = caller(c)
	}
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("%s took no more bytes for %s: its window stayed closed until the %s gave the connection up.",
			who, explain.Span(d), reader.Other()),
		Evidence: []explain.Evidence{explain.At(c, shut, "window of the "+reader.String()+" closed"), explain.At(c, end, "ended by the "+reader.Other().String())},
	}
	if c.Close.How == flow.None {
		f.Cause = fmt.Sprintf("%s took no more bytes for %s and more: its window was still closed when the capture ended.", who, explain.Span(d))
		f.Evidence[1] = explain.At(c, end, "and still closed")
	}
	report(p, f, c, x)
}

// lastClosed is the event by which a side closed its window for good, or -1.
func lastClosed(c *flow.Conn, side flow.Side) int {
	shut := -1
	for i := range c.Events {
		switch e := &c.Events[i]; {
		case e.From != side:
		case e.Kind == flow.ZeroWindow && shut < 0:
			shut = i
		case e.Kind == flow.WindowOpen:
			shut = -1
		}
	}
	return shut
}
