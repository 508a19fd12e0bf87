package rules

import (
	"fmt"

	"fanlight/internal/explain"
)

var receiverStalls = explain.Rule{
	ID:       "receiver-stalls",
	Title:    "The receiving side does not read what is sent to it",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The sender had more to send and could not: the receiver's buffers were full and nobody emptied them. After a timer the sender gave up.",
		Looks: "On the wire the receiver announces a window of zero. A sender's write does not return. HAProxy shows `cD`.",
		Why:   "An origin that does not read the body of a request it will refuse anyway, or is blocked; a client that paused a download, or hangs.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Read the request body, or answer early and close properly; look at what the process is blocked in."),
			fix(explain.Client, "", "Read the response; a paused download is ended by the door's write timeout."),
			fix(explain.Gateway, "Fanlight", "Wait longer between two writes, to an origin or to clients:", "timeouts: {send: 120s}", "limits: {write_timeout: 180s}"),
		},
		Confirm:    "`ss -tn` on the sender shows a Send-Q that does not shrink, on the receiver a Recv-Q that does not shrink.",
		LookAlikes: []explain.Alike{{ID: "renegotiation-body-deadlock", Difference: "a HelloRequest came while the body was being sent"}, {ID: "gateway-timeout", Difference: "the request was sent completely"}},
		References: []string{"RFC 9293 section 3.8.6 (window management)"},
	},
	Hides: []string{"client-gave-up", "slow-origin", "body-truncated", "origin-closed-without-answer"},
	Check: checkReceiverStalls,
}

func checkReceiverStalls(p *explain.Pass) {
	for _, c := range p.Conns() {
		phase, reader, what := "send", peer(c), "the request"
		i := ranOut(c, "send")
		if i < 0 {
			phase, reader, what = "write", caller(c), "the response"
			i = ranOut(c, "write")
		}
		if i < 0 {
			continue
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
	}
}
