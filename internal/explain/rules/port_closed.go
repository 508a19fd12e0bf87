package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var portClosed = explain.Rule{
	ID:       "port-closed",
	Title:    "Nothing listens on that address and port",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The machine was reached and answered the attempt to connect with a reset: no program accepts connections on exactly that address and port.",
		Looks: "A SYN is answered by a RST after one round trip, every time alike. curl ends with code 7, Chrome shows ERR_CONNECTION_REFUSED, nginx logs `connect() failed (111: Connection refused)` and answers 502, HAProxy answers 503 with state `SC`.",
		Why:   "The service is down, or it listens on another address (only 127.0.0.1, only IPv6, only one of several addresses), or the port in the configuration is wrong. A site that was stopped on purpose looks the same from outside.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Start the service, or make it listen on the address that is asked for. See what listens:", "ss -ltnp '( sport = :443 )'", "netstat -ano | findstr LISTENING"),
			fix(explain.Gateway, "Fanlight", "Check the address and port of the route (`to:`), and who listens there:", "fanlight ports :443"),
			fix(explain.Client, "", "Check that the name leads to the address that was meant (DNS, hosts file), and the port."),
		},
		Confirm: "`curl -v` to the same address and port from the same machine is refused at once; on the server, the list of listeners does not have that address.",
		LookAlikes: []explain.Alike{
			{ID: "syn-unanswered", Difference: "silence instead of a reset: a firewall drops, or the machine is off"},
			{ID: "sni-unknown-alert", Difference: "the port accepts and the name is refused inside the handshake"},
			{ID: "a firewall that rejects", Difference: "also a reset; its TTL may differ from that of the server's other packets"},
			{ID: "one-bad-address-of-many", Difference: "only one of the name's addresses refuses"},
			{ID: "stale-origin-address", Difference: "the name has another address by now"},
			{ID: "address-unreachable", Difference: "the refusal came by ICMP, from a router or firewall"},
			{ID: "answered-by-middlebox", Difference: "the connection was accepted first, and reset right after it"},
		},
		References: []string{"RFC 9293 section 3.5.2 (reset to a port without a listener)"},
	},
	Check: checkPortClosed,
}

func checkPortClosed(p *explain.Pass) {
	for _, c := range p.Conns() {
		i := refusedAt(c)
		if i < 0 {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Proof,
			Cause: fmt.Sprintf("%s tried to connect to %s and was refused: the machine answered, but no program listens on exactly that address and port.",
				caller(c), peer(c)),
			Evidence: []explain.Evidence{explain.At(c, i, "connection refused")},
			Fixes:    forPort(p.Fixes(), c.Server),
		}
		if otherFamilyTaken(p, c) {
			f.Cause += " A client then came by the other IP version at once, and got through: probably the same one."
			p.Blame(&f, c, nil)
			p.ReportAs(explain.Note, f)
			continue
		}
		report(p, f, c, nil)
	}
}

// refusedAt is the event that shows a refusal: what a participant was told, or
// on the wire a reset in answer to the SYN.
func refusedAt(c *flow.Conn) int {
	if i := findText(c, flow.Unknown, flow.ConnectFailed, "refused"); i >= 0 {
		return i
	}
	syn := find(c, 0, flow.Unknown, flow.SYN)
	if syn < 0 || find(c, 0, flow.Unknown, flow.Established, flow.ClientHello, flow.Request) >= 0 {
		return -1
	}
	return find(c, syn, flow.Server, flow.RST)
}
