package rules

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var h2FlowControlStall = explain.Rule{
	ID:       "h2-flow-control-stall",
	Title:    "A body waited because the other side gave no HTTP/2 window",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "In HTTP/2 the receiver says how many bytes it will take, for each stream and for the whole connection. The sender had used that up and had more to send. No WINDOW_UPDATE came. TCP was open all the time, so that the network is not to blame. A spent window of the connection stops all streams, also those of other users behind the same gateway.",
		Looks: "A transfer stops at the size of a window (65,535 bytes by default, often 64 KB, 1 MB or 6 MB), and ends at a timer. curl ends with 28, a browser shows a request that is pending for ever, Jetty logs stalled streams. Other requests on the connection hang as well if it is the connection's window.",
		Why:   "The receiving program does not read the body: it is blocked, waits for another stream, or forgot a response that it never closes. A library that takes bytes and does not give them back as window. A paused download does the same on purpose.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Read each response body to its end, or cancel the stream. One that is left half read keeps its share of the connection's window."),
			fix(explain.Client, "Go", "Close each body, also on an error:", "defer res.Body.Close()"),
			fix(explain.Client, "Node.js", "Read or end each response:", "req.resume() // or req.close()"),
			fix(explain.Origin, "", "Read the request body while it comes, or answer early and reset the stream with NO_ERROR."),
			fix(explain.Gateway, "", "Keep what one user does not read from stopping others: a window for the connection that is many times that of a stream, or HTTP/1.1."),
			fix(explain.Gateway, "Envoy", "In http2_protocol_options, let a connection take many streams:", "initial_stream_window_size: 65536", "initial_connection_window_size: 16777216"),
			fix(explain.Origin, "Apache", "A larger window for uploads (bytes):", "H2WindowSize 1048576"),
		},
		Confirm: "In a capture with keys: `tshark -r FILE -Y 'http2.type==8 || http2.type==0'`. WINDOW_UPDATE stops, DATA stops a window later. `curl --http1.1` for the same transfer shows whether the receiver reads at all.",
		LookAlikes: []explain.Alike{
			{ID: "receiver-stalls", Difference: "TCP's own window is closed: the receiving process reads nothing at all"},
			{ID: "slow-origin", Difference: "there is window left, and nothing is sent"},
			{ID: "gateway-timeout", Difference: "the request was taken completely, and no response came"},
			{ID: "a paused download", Difference: "the one who does not read is the one who later goes on, or leaves"},
		},
		References: []string{"RFC 9113 sections 5.2 and 6.9", "hyperium/hyper#2899", "golang/go#59969", "seen with Node.js 20 as a client that does not read, and with Go 1.26 as a server that does not"},
	},
	Needs:   needsHeaders(),
	Hides:   []string{"client-gave-up", "body-truncated", "origin-closed-without-answer", "slow-origin", "slow-sender-cut", "gateway-timeout", "receiver-stalls", "h2-goaway-race"},
	Silence: true,
	Check:   checkStalls,
}

// pausedFor is how long somebody who leaves by himself has to have stopped
// reading before it is more than a change of mind.
const pausedFor = 5 * time.Second

func checkStalls(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, from := range []flow.Side{flow.Client, flow.Server} {
			if stalls := stallsOf(c, from); len(stalls) > 0 {
				reportSpentWindow(p, c, from, stalls)
			}
		}
	}
}

// stallsOf are the waits for window of a side that count: each that ended the
// exchange, and those in which one stream stopped another.
func stallsOf(c *flow.Conn, from flow.Side) (out []int) {
	for i := find(c, 0, from, flow.Stalled); i >= 0; i = find(c, i+1, from, flow.Stalled) {
		x := exchangeOf(c, c.Events[i].Exchange)
		if x != nil && (failedBy(c, x, i) || c.Events[i].Text == "connection" && c.Events[i].Bytes == 0) {
			out = append(out, i)
		}
	}
	return out
}

// failedBy tells that x ended in the wait that event i tells of: at the same
// moment, or the wait was told of when x was over already. Who takes part tells
// of one after the other.
func failedBy(c *flow.Conn, x *flow.Exchange, i int) bool {
	done := findOf(c, x, flow.ExchangeDone)
	return done > i && x.Outcome != flow.Complete && (c.Events[done].At.Equal(c.Events[i].At) || overBefore(c, x, i))
}

// overBefore tells that nothing more could be sent for x when event i came.
func overBefore(c *flow.Conn, x *flow.Exchange, i int) bool {
	for j := range c.Events[:i] {
		switch e := &c.Events[j]; e.Kind {
		case flow.StreamReset:
			if e.Exchange == x.ID {
				return true
			}
		case flow.Timeout:
			if e.Exchange == x.ID && (e.Text == "send" || e.Text == "write") {
				return true
			}
		case flow.FIN, flow.RST:
			return true
		}
	}
	return false
}

func reportSpentWindow(p *explain.Pass, c *flow.Conn, from flow.Side, stalls []int) {
	i := slices.MaxFunc(stalls, func(a, b int) int { return cmp.Compare(c.Events[a].Bytes, c.Events[b].Bytes) })
	e, x := &c.Events[i], exchangeOf(c, c.Events[i].Exchange)
	receiver := caller(c)
	if from == flow.Client {
		receiver = peer(c)
	}
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("The %s could not send on: the window of the %s was used up after %d bytes of %s, and %s gave no more for %s.",
			from, e.Text, e.Bytes, asked(x), receiver, waited(e)),
		Evidence: []explain.Evidence{explain.At(c, findOf(c, x, flow.Request), fmt.Sprintf("%s on stream %d", asked(x), x.Stream)),
			explain.At(c, i, fmt.Sprintf("had waited %s for WINDOW_UPDATE of the %s", waited(e), e.Text))},
	}
	severity := explain.Error
	by, end := endedBy(c, x)
	switch n := len(stalls) - 1; {
	case n > 0:
		f.Cause += fmt.Sprintf(" It stopped %s too.", counted(n, "other stream", "other streams"))
	case !failedBy(c, x, i):
		f.Cause += " Then it went on."
		severity = explain.Warning
	case by == from.Other():
		f.Cause += fmt.Sprintf(" Then the %s left by itself: it had paused, or does not give back what it has read.", by)
		f.Confidence, severity = explain.Likely, explain.Warning
		f.Evidence = append(f.Evidence, explain.At(c, end, "ended by the "+by.String()))
		f.Missing = []string{"whether the " + by.String() + " meant to pause"}
		if d, known := milliseconds(e.Attr(flow.KeyWaited)); known && d < pausedFor {
			severity = explain.Note
		}
	}
	for _, j := range stalls {
		blame(p, &f, c, exchangeOf(c, c.Events[j].Exchange))
	}
	p.ReportAs(severity, f)
}

// endedBy is who ended x, or else its connection, and the event by which.
func endedBy(c *flow.Conn, x *flow.Exchange) (flow.Side, int) {
	if i := findOf(c, x, flow.StreamReset); i >= 0 {
		return c.Events[i].From, i
	}
	return leaver(c)
}

// waited words how long the wait was that an event tells of.
func waited(e *flow.Event) string {
	d, known := milliseconds(e.Attr(flow.KeyWaited))
	if !known {
		return "long"
	}
	return explain.Span(d)
}
