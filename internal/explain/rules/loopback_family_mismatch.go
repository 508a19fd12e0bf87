package rules

import (
	"fmt"
	"net/netip"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var loopbackFamilyMismatch = explain.Rule{
	ID:       "loopback-family-mismatch",
	Title:    "The client tried the other loopback address than the one that is listened on",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "`localhost` is two addresses: ::1 and 127.0.0.1. The client took the one, the server listens only on the other.",
		Looks: "A refused connection to [::1], while the same port on 127.0.0.1 accepts, or the reverse. Node.js says `connect ECONNREFUSED ::1:PORT`; nginx logs `connect() failed (111: Connection refused)` with `upstream: \"http://[::1]:PORT`. `curl http://localhost` works, for it tries both.",
		Why:   "The resolver gives ::1 first, and the client tries no second address (Node.js 17 to 19); the server was told to listen on 127.0.0.1 only.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Write the address that is meant in place of the name:", "http://127.0.0.1:9001/"),
			fix(explain.Client, "Node.js", "Take IPv4 first, as before version 17:", "node --dns-result-order=ipv4first app.js"),
			fix(explain.Origin, "", "Listen on both:", "listen 127.0.0.1:9001 and [::1]:9001"),
			fix(explain.Origin, "nginx", "Listen on both:", "listen 127.0.0.1:9001;", "listen [::1]:9001;"),
			fix(explain.Gateway, "Fanlight", "Name the address in the route, and see who listens where:", "to: http://127.0.0.1:9001", "fanlight ports :9001"),
		},
		Confirm: "`curl -4 URL` and `curl -6 URL`: one of them is refused. `ss -ltn '( sport = :9001 )'` shows one address.",
		LookAlikes: []explain.Alike{
			{ID: "port-closed", Difference: "both families are refused"},
			{ID: "wildcard-listener-shadows", Difference: "the connection is made, and another program answers"},
		},
		References: []string{"nodejs/node#40702", "RFC 6761 section 6.3 (localhost)"},
	},
	Hides: []string{"port-closed"},
	Check: checkLoopbackFamily,
}

// fallback is how soon a client that tries both addresses tries the second.
const fallback = time.Second

func checkLoopbackFamily(p *explain.Pass) {
	made := map[netip.AddrPort]*flow.Conn{}
	for _, c := range p.Conns() {
		if c.Server.IsValid() && find(c, 0, flow.Unknown, flow.Established) >= 0 {
			made[c.Server] = c
		}
	}
	for _, c := range p.Conns() {
		i := refusedAt(c)
		if i < 0 || !c.Server.Addr().IsLoopback() {
			continue
		}
		other := made[otherLoopback(c.Server)]
		if other == nil {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Proof,
			Cause: fmt.Sprintf("%s was refused at %s; %s accepts connections.",
				caller(c), c.Server, other.Server),
			Evidence: []explain.Evidence{
				explain.At(c, i, "refused at "+c.Server.String()),
				explain.At(other, find(other, 0, flow.Unknown, flow.Established), "accepted at "+other.Server.String()),
			},
		}
		if d := other.Started.Sub(c.Started); d >= 0 && d < fallback {
			p.Blame(&f, c, nil)
			p.ReportAs(explain.Note, f) // the client tried both
			continue
		}
		report(p, f, c, nil)
	}
}

// otherLoopback is the usual loopback address of the other family.
func otherLoopback(a netip.AddrPort) netip.AddrPort {
	if a.Addr().Is4() {
		return netip.AddrPortFrom(netip.IPv6Loopback(), a.Port())
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port())
}
