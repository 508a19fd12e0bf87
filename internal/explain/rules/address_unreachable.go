package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var addressUnreachable = explain.Rule{
	ID:       "address-unreachable",
	Title:    "There is no way to that address from here",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The system refused to send, or a router said that the network or host cannot be reached.",
		Looks: "The attempt to connect fails at once with `no route to host` or `network is unreachable`; Chrome shows ERR_ADDRESS_UNREACHABLE.",
		Why:   "No route for that network, an IPv6 address on a machine without IPv6, a VPN that is down, or a firewall that rejects with an ICMP message.",
		Fixes: []explain.Fix{
			fix(explain.Network, "", "Add the route, or bring up the VPN. What the system would do:", "ip route get ADDRESS"),
			fix(explain.Gateway, "Fanlight", "Check the address in `to:`; name an IPv4 address if the machine has no IPv6."),
		},
		Confirm: "`ip route get ADDRESS` on the connecting machine fails, or names an interface that cannot lead there.",
		LookAlikes: []explain.Alike{
			{ID: "syn-unanswered", Difference: "silence instead of an error"},
			{ID: "port-closed", Difference: "the machine was reached and refused"},
		},
		References: []string{"RFC 1122 section 3.2.2.1 (destination unreachable)"},
	},
	Check: checkAddressUnreachable,
}

func checkAddressUnreachable(p *explain.Pass) {
	for _, c := range p.Conns() {
		i := findText(c, flow.Unknown, flow.ConnectFailed, "unreachable")
		if i < 0 {
			continue
		}
		report(p, explain.Finding{
			Confidence: explain.Proof,
			Cause:      fmt.Sprintf("%s tried to connect to %s and was told that there is no way to it.", caller(c), peer(c)),
			Evidence:   []explain.Evidence{explain.At(c, i, "unreachable")},
		}, c, nil)
	}
}
