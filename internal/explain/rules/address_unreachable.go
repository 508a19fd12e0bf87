package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var addressUnreachable = explain.Rule{
	ID:       "address-unreachable",
	Title:    "There is no way to that address from here",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The system refused to send, or a router or firewall answered with an ICMP message that the network, host or port cannot be reached.",
		Looks: "The attempt to connect fails at once with `no route to host` or `network is unreachable`; Chrome shows ERR_ADDRESS_UNREACHABLE. In a capture the SYN is answered by ICMP (type 3; IPv6: ICMPv6 type 1), if the capture filter lets ICMP in: `tcp port 443 or icmp or icmp6`. Linux programs say `connection refused` for `port unreachable`, which for TCP is nearly always a firewall that rejects.",
		Why:   "No route for that network, an IPv6 address on a machine without IPv6, a VPN that is down, or a firewall that rejects with an ICMP message (`port unreachable` is the default of `reject` in nftables and iptables).",
		Fixes: []explain.Fix{
			fix(explain.Network, "", "Look at the machine that the finding names as the sender of the message: its routes, or its firewall rules.", "nft list ruleset", "iptables -S"),
			fix(explain.Network, "", "Add the route, or bring up the VPN. What the system would do:", "ip route get ADDRESS"),
			fix(explain.Gateway, "Fanlight", "Check the address in `to:`; name an IPv4 address if the machine has no IPv6."),
		},
		Confirm: "`ip route get ADDRESS` on the connecting machine fails, or names an interface that cannot lead there.",
		LookAlikes: []explain.Alike{
			{ID: "syn-unanswered", Difference: "silence instead of an error"},
			{ID: "port-closed", Difference: "the machine was reached and refused"},
		},
		References: []string{"RFC 1122 section 3.2.2.1 (destination unreachable)", "RFC 4443 section 3.1", "seen with nftables and Linux 6: curl fails within a millisecond"},
	},
	Check: checkAddressUnreachable,
}

func checkAddressUnreachable(p *explain.Pass) {
	for _, c := range p.Conns() {
		i := findText(c, flow.Unknown, flow.ConnectFailed, "unreachable")
		if i < 0 {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Proof,
			Cause:      fmt.Sprintf("%s tried to connect to %s and was told that there is no way to it.", caller(c), peer(c)),
			Evidence:   []explain.Evidence{explain.At(c, i, "unreachable")},
		}
		if why := c.Events[i].Attr(flow.KeyReason); why != "" {
			by := c.Events[i].Attr(flow.KeyBy)
			f.Cause = fmt.Sprintf("%s tried to connect to %s, and %s answered with an ICMP message: %s.", caller(c), peer(c), by, why)
			f.Evidence = []explain.Evidence{explain.At(c, find(c, 0, flow.Client, flow.Undelivered), "ICMP from "+by+": "+why)}
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

// atOnce is within what time clients that were refused try another address.
const atOnce = 300 * time.Millisecond

// otherFamilyTaken tells of a client that was refused by IPv6, or by IPv4, and
// was accepted at once by the other: it lost a round trip.
func otherFamilyTaken(p *explain.Pass, c *flow.Conn) bool {
	return c.Self == flow.Unknown && secondTry(p, c, 0, atOnce) != nil
}

// secondTry is the connection over the other IP version that was made for who
// had none on c, so much later; nil if there is none. Two addresses of one
// client look like two clients: of several nobody knows which it was.
func secondTry(p *explain.Pass, c *flow.Conn, from, until time.Duration) *flow.Conn {
	var found *flow.Conn
	for _, o := range p.Trace.Conns {
		d := o.Started.Sub(c.Started)
		if c.Started.IsZero() || d < from || d > until || !otherFamilyOf(c, o) || find(o, 0, flow.Unknown, flow.Established) < 0 {
			continue
		}
		if found != nil && found.Client.Addr() != o.Client.Addr() {
			return nil
		}
		if found == nil {
			found = o
		}
	}
	return found
}

// otherFamilyOf tells that o may be for what c was for, over the other IP version.
func otherFamilyOf(c, o *flow.Conn) bool {
	a, b := c.Server, o.Server
	if a.Port() != b.Port() || a.Addr().Is4() == b.Addr().Is4() || a.Addr().IsLoopback() != b.Addr().IsLoopback() {
		return false
	}
	name := sought(o)
	return c.Lookup == nil || name == "" || name == c.Lookup.Name
}
