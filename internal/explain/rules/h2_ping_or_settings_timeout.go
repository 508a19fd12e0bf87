package rules

import (
	"fmt"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var h2PingTimeout = explain.Rule{
	ID:       "h2-ping-or-settings-timeout",
	Title:    "One side of an HTTP/2 connection no longer answered, and the other gave up",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "HTTP/2 has two frames that the other side must answer at once: PING and SETTINGS. No answer came for seconds, so the sender took the connection for dead and ended it, with all requests that were open on it.",
		Looks: "All requests of one connection fail in the same moment. Chrome shows ERR_HTTP2_PING_FAILED, Go `http2: client connection lost`, gRPC `keepalive watchdog timeout`; a GOAWAY may say SETTINGS_TIMEOUT.",
		Why:   "The process at the other end is frozen or too busy to read: a full event loop, a long garbage collection, a debugger, a stopped container. Or the path is dead, because a firewall forgot the idle connection: then the PING is repeated by TCP and not acknowledged.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "On the side that did not answer, find what the process did at that time: its load, garbage collection, locks, `kill -STOP`, a debugger, a paused machine."),
			fix(explain.Client, "Go", "Wait longer for the answer, if the server is known to stall:", "http.Transport{HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second}}"),
			fix(explain.Client, "gRPC", "Wait longer for the answer:", "GRPC_ARG_KEEPALIVE_TIMEOUT_MS=20000"),
			fix(explain.Client, "", "Send again on a new connection what may be sent twice."),
			fix(explain.Network, "", "Where the path forgets idle connections, ping more often than it forgets."),
		},
		Confirm: "While it happens: does a new connection to the same server get through (`curl --http2 -m 5 URL`)? If not, the process hangs. `ss -tnp` there shows a Recv-Q that does not shrink.",
		LookAlikes: []explain.Alike{
			{ID: "idle-mapping-dropped", Difference: "TCP itself gets no acknowledgement after a pause"},
			{ID: "accepted-but-silent", Difference: "not even the TLS handshake is answered"},
			{ID: "slow-origin", Difference: "PING is answered at once, the response takes long"},
		},
		References: []string{"RFC 9113 sections 6.5.3 and 6.7", "seen with nghttpd stopped by kill -STOP, and Go 1.26 as client"},
	},
	Needs:   needsHeaders(),
	Hides:   []string{"client-gave-up", "origin-closed-without-answer", "slow-origin", "h2-goaway-race", "keepalive-race", "body-truncated"},
	Silence: true,
	Check:   checkUnconfirmed,
}

func checkUnconfirmed(p *explain.Pass) {
	for _, c := range p.Conns() {
		for i := find(c, 0, flow.Unknown, flow.Unconfirmed); i >= 0; i = find(c, i+1, flow.Unknown, flow.Unconfirmed) {
			e := &c.Events[i]
			by, end := quitter(c)
			if by != e.From {
				continue // who did not answer left, or nobody has
			}
			reportUnconfirmed(p, c, i, end)
		}
	}
}

// quitter is who began to end c, with a GOAWAY for a reason or otherwise, and
// the event by which.
func quitter(c *flow.Conn) (flow.Side, int) {
	if i := findText(c, flow.Unknown, flow.GoAway, "SETTINGS_TIMEOUT"); i >= 0 {
		return c.Events[i].From, i
	}
	return leaver(c)
}

func reportUnconfirmed(p *explain.Pass, c *flow.Conn, i, end int) {
	e := &c.Events[i]
	var lost []*flow.Exchange
	for _, x := range c.Exchanges {
		if x.Stream > 0 && (unanswered(c, x) || x.Outcome == flow.Truncated) {
			lost = append(lost, x)
		}
	}
	timedOut := end >= 0 && c.Events[end].Text == "SETTINGS_TIMEOUT"
	if d, known := milliseconds(e.Attr(flow.KeyWaited)); len(lost) == 0 && !timedOut || known && d < time.Second {
		return
	}
	open := "no request"
	if len(lost) > 0 {
		open = counted(len(lost), "request", "requests")
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("The %s did not acknowledge the %s frame that the %s had sent, for %s. The %s gave the connection up, with %s open.",
			e.From.Other(), strings.ToUpper(e.Text), e.From, waited(e), e.From, open),
		Evidence: []explain.Evidence{explain.At(c, i, fmt.Sprintf("%s of the %s not acknowledged after %s", strings.ToUpper(e.Text), e.From, waited(e))),
			explain.At(c, end, "ended by the "+e.From.String())},
		Missing: []string{"what the " + e.From.Other().String() + " did in that time"},
	}
	if timedOut {
		f.Confidence, f.Missing = explain.Proof, nil
	}
	blameAll(p, &f, c, lost)
	p.Report(f)
}
