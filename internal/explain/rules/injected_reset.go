package rules

import (
	"fmt"
	"strconv"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var injectedReset = explain.Rule{
	ID:       "injected-reset",
	Title:    "The reset was sent by something in between",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A reset in the name of one side ended the connection, but it came another way than all other packets of that side: a device between the two has torn the connection down.",
		Looks: "The reset has another TTL (IPv6: hop limit) than the packets before it, often right after a ClientHello with a certain name or after a request with a certain word. Chrome shows ERR_CONNECTION_RESET, curl ends with code 35 or 56. Both sides' logs blame the other one.",
		Why:   "A firewall or intrusion prevention that dislikes a name, a word or a protocol; a load balancer that resets what was idle for too long; a filter of the provider or the country.",
		Fixes: []explain.Fix{
			fix(explain.Network, "", "Look in the logs of the devices on the way at that second, for the two addresses; exempt the name or the connection there."),
			fix(explain.Network, "Linux", "Find the device by its distance: resets that arrive with TTL 62 have probably passed two hops.", "traceroute -T -p 443 HOST"),
			fix(explain.Client, "", "If idle connections are what is reset: probe or close them earlier."),
		},
		Confirm: "Capture at both ends at the same time: the side that is said to have reset has not sent it, and got one in the other one's name.",
		LookAlikes: []explain.Alike{
			{ID: "origin-closed-without-answer", Difference: "the reset comes the same way as the server's other packets"},
			{ID: "keepalive-race", Difference: "likewise, on an idle connection"},
			{ID: "answered-by-middlebox", Difference: "the reset has passed more hops than the SYN-ACK, and nothing else came from the server"},
			{ID: "a system that counts resets differently", Difference: "some systems and load balancers send resets with another TTL than data: then all their resets are so, also harmless ones"},
		},
		References: []string{"RFC 9293 section 3.5.3 (reset processing)", "RFC 791 section 3.1 (time to live)"},
	},
	Hides: []string{"origin-closed-without-answer", "keepalive-race", "no-certificate-for-binding", "client-gave-up", "body-truncated", "half-open-peer", "early-response-lost"},
	Check: checkInjectedReset,
}

// strayHops is from which difference of TTLs on a reset counts as from elsewhere:
// paths of one sender differ by a hop or two.
const strayHops = 3

func checkInjectedReset(p *explain.Pass) {
	for _, c := range p.Conns() {
		end := closing(c)
		if c.Close.How != flow.ByRST || end < 0 || !cutShort(c) {
			continue
		}
		e := &c.Events[end]
		ttl, usual, known := strayTTL(e)
		if !known || max(ttl-usual, usual-ttl) < strayHops {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Likely,
			Cause: fmt.Sprintf("The connection of %s to %s was reset in the name of the %s. That reset arrived with TTL %d, the packets of the %s before it with %d: something in between has probably sent it.",
				caller(c), peer(c), e.From, ttl, e.From, usual),
			Evidence: []explain.Evidence{explain.At(c, end, fmt.Sprintf("reset with TTL %d instead of %d", ttl, usual))},
			Missing:  []string{"a capture at the other end: did it send this reset"},
		}
		if initial(ttl) != initial(usual) {
			f.Confidence = explain.Possible // a sender may begin resets with another TTL
		}
		if i := find(c, 0, flow.Client, flow.ClientHello); i >= 0 && c.TLS.Done != flow.Yes {
			f.Evidence = append(f.Evidence, explain.At(c, i, "what came before: ClientHello for "+named(c, nil)))
		}
		report(p, f, c, carriedAt(c, end))
	}
}

// strayTTL gives the TTLs of a reset and of its sender's packets before it. If
// that is the SYN-ACK alone and the reset came from further away, it is the SYN-ACK
// that is not the server's (answered-by-middlebox).
func strayTTL(e *flow.Event) (ttl, usual int, known bool) {
	if ttl, syn, known := resetAfterSYN(e); known {
		return ttl, syn, hopsOf(ttl) < hopsOf(syn)
	}
	ttl, err := strconv.Atoi(e.Attr(flow.KeyTTL))
	usual, err2 := strconv.Atoi(e.Attr(flow.KeyUsualTTL))
	return ttl, usual, err == nil && err2 == nil
}

// initial is the TTL that systems begin with, of one that arrived.
func initial(ttl int) int {
	for _, n := range []int{32, 64, 128} {
		if ttl <= n {
			return n
		}
	}
	return 255
}

// cutShort tells that the reset ended something: an exchange, or all there was
// before the first. One that comes when all is answered ends nothing.
func cutShort(c *flow.Conn) bool {
	if find(c, 0, flow.Unknown, flow.Established) < 0 {
		return false
	}
	for _, x := range c.Exchanges {
		if x.ResponseDone.IsZero() {
			return true
		}
	}
	return len(c.Exchanges) == 0
}
