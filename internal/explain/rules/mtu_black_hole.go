package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var mtuBlackHole = explain.Rule{
	ID:       "mtu-black-hole",
	Title:    "Full-size packets vanish on the way, small ones pass",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A hop on the path carries only smaller packets, and the message that would tell the sender so does not come back. The sender repeats the large packet for ever; small ones, and with them the handshake, get through.",
		Looks: "Connecting works, small pages work, and the first large answer, certificate or upload hangs. In a capture at the sender: a segment of full size, sent again after 0.2, 0.4, 0.8 s and so on, never acknowledged. In a capture at the receiver: nothing at all. curl hangs after `Client hello` or in the middle; gateways answer 504.",
		Why:   "A tunnel, VPN, PPPoE or overlay network with a smaller MTU, and a firewall that drops ICMP `fragmentation needed` (type 3 code 4; IPv6: `packet too big`).",
		Fixes: []explain.Fix{
			fix(explain.Network, "", "Let ICMP type 3 code 4 and ICMPv6 type 2 pass, in both directions. On a Linux router:", "nft insert rule inet filter forward icmp type destination-unreachable accept", "nft insert rule inet filter forward icmpv6 type packet-too-big accept"),
			fix(explain.Network, "nftables", "Make both sides agree on smaller segments, on the router:", "nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu"),
			fix(explain.Origin, "Linux", "Let the sender find out by itself:", "sysctl -w net.ipv4.tcp_mtu_probing=1"),
			fix(explain.Origin, "Windows", "Lower the MTU of the interface:", "netsh interface ipv4 set subinterface \"Ethernet\" mtu=1400 store=persistent"),
			fix(explain.Client, "Linux", "Lower the MTU of the interface to prove it:", "ip link set dev eth0 mtu 1400"),
		},
		Confirm: "`ping -M do -s 1472 HOST` (Windows: `ping -f -l 1472 HOST`) gets no answer, the same with 1300 does.",
		LookAlikes: []explain.Alike{
			{ID: "half-open-peer", Difference: "nothing at all comes from the other side, small packets included"},
			{ID: "loss-limited-transfer", Difference: "the first repetition gets through"},
			{ID: "large-clienthello-dropped", Difference: "the packets arrive; a device cannot read a hello in two pieces"},
			{ID: "a path of small packets that says so", Difference: "an ICMP message comes at once, and smaller segments are sent; nothing is lost but a round trip"},
			{ID: "accepted-but-silent", Difference: "everything is acknowledged, the program says nothing"},
		},
		References: []string{"RFC 1191 and RFC 8201 (path MTU discovery)", "RFC 4821 (packetization layer path MTU discovery)", "seen with Linux 6 and a path of 1300 bytes: repeated after 0.2, 0.4, 0.9, 1.7, 3.5, 6.9 s"},
	},
	Hides:   []string{"slow-sender-cut", "client-gave-up", "slow-origin", "gateway-timeout", "body-truncated", "accepted-but-silent", "loss-limited-transfer", "origin-closed-without-answer", "keepalive-race"},
	Silence: true,
	Check:   checkMTU,
}

// fullSize is from how many bytes a segment is large: a path has at least 1280
// with IPv6, of which 60 are headers.
const fullSize = 1200

func checkMTU(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, side := range []flow.Side{flow.Server, flow.Client} {
			r := unacknowledged(c, side)
			d, grew := r.backedOff(c)
			if !grew || !r.same || r.bytes < fullSize || r.bytes > 9000 || !stillThere(c, r, side.Other()) {
				continue
			}
			f := explain.Finding{
				Confidence: explain.Likely,
				Cause: fmt.Sprintf("Between %s and %s full-size packets vanish: the %s sent a segment of %d bytes %d times in %s, and it was not acknowledged, although the %s was still there and smaller packets had passed.",
					caller(c), peer(c), side, r.bytes, r.times+1, explain.Span(d), side.Other()),
				Evidence: r.evidence(c, fmt.Sprintf("%d bytes of the %s", r.bytes, side)),
				Missing:  []string{"a capture at the other end: does the large packet arrive"},
			}
			f.Evidence = append(f.Evidence, explain.At(c, r.answer, "a small packet of the "+side.Other().String()))
			report(p, f, c, carriedAt(c, r.first))
		}
	}
}

// stillThere tells that the silent side was heard again, without having got
// what was sent again and again: it ended the connection or spoke of its own.
func stillThere(c *flow.Conn, r resent, silent flow.Side) bool {
	if r.answer < 0 {
		return false
	}
	switch e := &c.Events[r.answer]; e.Kind {
	case flow.FIN, flow.KeepAlive, flow.Alert:
		return e.From == silent && c.Close.How != flow.None
	}
	return false
}
