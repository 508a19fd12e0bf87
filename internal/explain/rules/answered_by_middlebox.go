package rules

import (
	"fmt"
	"strconv"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var answeredByMiddlebox = explain.Rule{
	ID:       "answered-by-middlebox",
	Title:    "Something in between accepted the connection, the server did not",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A firewall or load balancer answers the SYN in the server's name, and only then tries the server itself. That one refused. For the client it looks like a server that accepts and resets at once.",
		Looks: "SYN, SYN-ACK, ACK, then a reset that has passed more hops than the SYN-ACK: its TTL (IPv6: hop limit) is lower. The SYN-ACK often announces a window of 0. curl says `Connection reset by peer` after `Connected to`; each port of that address seems to be open.",
		Why:   "Protection against SYN floods (SYN proxy, TCP intercept, SYN cookies of a firewall) before a port on which nothing listens, or before a machine that moved.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "Linux", "Look at the server itself whether the program runs and listens on that address and port:", "ss -ltn '( sport = :443 )'"),
			fix(explain.Origin, "Windows", "The same:", "netstat -ano -p TCP | findstr :443"),
			fix(explain.Network, "", "Check to which machine the device leads that address, and whether it still is the right one."),
			fix(explain.Network, "nftables", "The rule that answers for the server:", "nft list ruleset | grep -n synproxy"),
		},
		Confirm: "Connect from a machine behind the device: `curl -v https://NAME/` is refused there. A capture at the server shows the SYN of the device and the reset.",
		LookAlikes: []explain.Alike{
			{ID: "injected-reset", Difference: "the reset has passed fewer hops than the SYN-ACK: it is what the device sent"},
			{ID: "port-closed", Difference: "the reset answers the SYN"},
			{ID: "no-certificate-for-binding", Difference: "the server acknowledges the ClientHello first, and its reset comes the same way as its SYN-ACK"},
			{ID: "a proxy for TCP before a dead server", Difference: "it ends the connection itself, by the same way: one capture cannot tell it from a server that closes"},
		},
		References: []string{"RFC 4987 section 3.7 (SYN proxies)", "RFC 791 section 3.1 (time to live)", "seen with nftables synproxy and Linux 6: SYN-ACK with window 0, and the server's own reset behind it"},
	},
	Hides: []string{"injected-reset", "no-certificate-for-binding", "origin-closed-without-answer", "client-gave-up"},
	Check: checkAnsweredBetween,
}

func checkAnsweredBetween(p *explain.Pass) {
	for _, c := range p.Conns() {
		end := closing(c)
		if c.Close.How != flow.ByRST || end < 0 || c.Events[end].From != flow.Server || !cutShort(c) {
			continue
		}
		ttl, syn, known := resetAfterSYN(&c.Events[end])
		if !known || hopsOf(ttl)-hopsOf(syn) < strayHops {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Likely,
			Cause: fmt.Sprintf("The connection to %s was accepted with TTL %d and reset with TTL %d before the server had sent anything else. The reset has probably come from further away: something in between accepted, and the machine behind it refused.",
				peer(c), syn, ttl),
			Evidence: []explain.Evidence{
				explain.At(c, find(c, 0, flow.Unknown, flow.Established), fmt.Sprintf("accepted, TTL %d", syn)),
				explain.At(c, end, fmt.Sprintf("reset, TTL %d", ttl)),
			},
			Missing: []string{"a capture at the server: does it see a SYN, and reset"},
		}
		if initial(ttl) != initial(syn) {
			f.Confidence = explain.Possible
		}
		report(p, f, c, nil)
	}
}

// resetAfterSYN gives the TTLs of a reset and of the SYN-ACK before it, where
// they differ and nothing else came from that side.
func resetAfterSYN(e *flow.Event) (reset, syn int, known bool) {
	reset, err := strconv.Atoi(e.Attr(flow.KeyTTL))
	syn, err2 := strconv.Atoi(e.Attr(flow.KeySYNTTL))
	return reset, syn, err == nil && err2 == nil
}

// hopsOf is how many hops a packet has probably passed that arrived with a TTL.
func hopsOf(ttl int) int { return initial(ttl) - ttl }
