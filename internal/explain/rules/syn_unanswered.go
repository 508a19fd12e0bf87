package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var synUnanswered = explain.Rule{
	ID:       "syn-unanswered",
	Title:    "The attempt to connect gets no answer at all",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The client asked for a connection again and again and heard nothing: no acceptance, no refusal. A closed port would have answered with a reset.",
		Looks: "Only SYNs, with growing pauses (Linux since 6.5: 1, 2, 3, 4, 5, 7 and 11 s after the first; before that 1, 3 and 7 s), no SYN-ACK, no RST. curl ends with code 28, Chrome shows ERR_CONNECTION_TIMED_OUT, nginx logs `upstream timed out (110) while connecting`, HAProxy answers 503 with state `sC`.",
		Why:   "A firewall, a security group or a missing route drops the packets, or the machine is off, or the address belongs to nobody.",
		Fixes: []explain.Fix{
			fix(explain.Network, "", "Open the path from this client to that address and port; a rule that rejects instead of dropping makes the fault visible at once."),
			fix(explain.Origin, "", "Check that the machine is up and has that address:", "ip addr", "ipconfig /all"),
			fix(explain.Gateway, "Fanlight", "Check the address in `to:`. The wait is bounded by the route's connect timeout:", "timeouts: {connect: 5s}"),
		},
		Confirm: "Capture on the server at the same time: if the SYNs do not arrive, something in between drops them; if they arrive and nothing leaves, the server's own firewall does.",
		LookAlikes: []explain.Alike{
			{ID: "port-closed", Difference: "a reset comes back after one round trip"},
			{ID: "accepted-but-silent", Difference: "the connection is accepted, then nothing is said on it"},
			{ID: "accept-queue-overflow", Difference: "the connection is accepted at a later SYN, other connections at the same time are fine"},
			{ID: "address-unreachable", Difference: "a router or firewall answers by ICMP; a capture shows that only if its filter lets ICMP in"},
			{ID: "v6-blackhole-fallback", Difference: "only IPv6 is silent, and IPv4 works"},
			{ID: "name-does-not-resolve", Difference: "no address was found, so no SYN was sent"},
		},
		References: []string{"RFC 9293 section 3.8.3 (connection failures)", "RFC 6298 (retransmission timer)"},
	},
	Silence: true,
	Check:   checkSYNUnanswered,
}

func checkSYNUnanswered(p *explain.Pass) {
	for _, c := range p.Conns() {
		if answeredSYN(c) {
			continue
		}
		i := ranOut(c, "connect")
		if i < 0 {
			i = findText(c, flow.Unknown, flow.ConnectFailed, "timeout")
		}
		if i >= 0 {
			reportNoAnswer(p, c, i)
			continue
		}
		checkSYNsOnWire(p, c)
	}
}

func reportNoAnswer(p *explain.Pass, c *flow.Conn, i int) {
	cause := fmt.Sprintf("%s tried to connect to %s and got no answer, neither acceptance nor refusal, until it gave up %s.",
		caller(c), peer(c), after(c, i))
	report(p, explain.Finding{
		Confidence: explain.Proof,
		Cause:      cause,
		Evidence:   []explain.Evidence{explain.At(c, i, "gave up connecting")},
	}, c, nil)
}

// checkSYNsOnWire judges a capture, where one SYN at the end of the file proves
// nothing.
func checkSYNsOnWire(p *explain.Pass, c *flow.Conn) {
	first := find(c, 0, flow.Unknown, flow.SYN)
	if first < 0 || c.Self != flow.Unknown || find(c, 0, flow.Unknown, flow.ConnectFailed) >= 0 {
		return
	}
	var evidence []explain.Evidence
	for i := first; i >= 0; i = find(c, i+1, flow.Unknown, flow.SYN, flow.Retransmission) {
		evidence = append(evidence, explain.At(c, i, "SYN"))
	}
	sent := len(evidence)
	if sent == 2 {
		if another := otherAttempt(p, c); another != nil {
			evidence = append(evidence, explain.At(another, unansweredSYN(another), "SYN of another attempt"))
		}
	}
	if len(evidence) < 3 {
		p.CannotTell(c.ID, "a longer capture: a SYN or two without answer are not yet silence")
		return
	}
	report(p, explain.Finding{
		Confidence: explain.Likely,
		Cause:      fmt.Sprintf("%s sent %d SYNs to %s and nothing came back.", caller(c), sent, peer(c)),
		Evidence:   evidence,
		Missing:    []string{"a capture taken at the server, to know on which side of it the packets are lost"},
	}, c, nil)
}

// otherAttempt is another connection that the client of c asked the same server
// for, and that was not answered either; nil if there is none.
func otherAttempt(p *explain.Pass, c *flow.Conn) *flow.Conn {
	for _, other := range p.Trace.Conns {
		if other != c && other.Server == c.Server && other.Client.Addr() == c.Client.Addr() && unansweredSYN(other) >= 0 {
			return other
		}
	}
	return nil
}

// unansweredSYN is the first SYN of a connection that came to nothing, -1 if it
// was answered, or none was seen.
func unansweredSYN(c *flow.Conn) int {
	if answeredSYN(c) {
		return -1
	}
	return find(c, 0, flow.Unknown, flow.SYN)
}

// answeredSYN tells that the server accepted or refused the connection.
func answeredSYN(c *flow.Conn) bool {
	return find(c, 0, flow.Unknown, flow.Established, flow.ClientHello, flow.Request) >= 0 || find(c, 0, flow.Server, flow.RST) >= 0
}
