package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var v6BlackholeFallback = explain.Rule{
	ID:       "v6-blackhole-fallback",
	Title:    "IPv6 leads nowhere, and each connection waits before it takes IPv4",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The name has an IPv6 address, and packets to it vanish. Clients that try both families lose a fifth of a second with each connection; those that do not wait for the whole connect timeout.",
		Looks: "A SYN to an IPv6 address without an answer, and 200 to 300 ms later one to an IPv4 address that is accepted. `curl -v` shows `Trying [...]` twice. For the user the site is slow to start, always.",
		Why:   "A firewall that passes only IPv4, a route or tunnel that is gone, an AAAA record of a machine that no longer has that address.",
		Fixes: []explain.Fix{
			fix(explain.Network, "", "Let IPv6 to that port pass, in each firewall on the way, ICMPv6 too."),
			fix(explain.Origin, "", "If the service has no IPv6: withdraw the AAAA record of the name."),
			fix(explain.Origin, "nginx", "If it only does not listen there:", "listen [::]:443 ssl;"),
			fix(explain.Client, "Linux", "Until then, take IPv4 first:", "echo 'precedence ::ffff:0:0/96  100' >> /etc/gai.conf"),
			fix(explain.Client, "curl", "Until then:", "curl -4 URL"),
		},
		Confirm: "`curl -6 -m 5 -sv URL` ends with a timeout, `curl -4` works.",
		LookAlikes: []explain.Alike{
			{ID: "syn-unanswered", Difference: "IPv4 is not answered either"},
			{ID: "address-unreachable", Difference: "IPv6 is refused by ICMP, and the client takes IPv4 at once"},
			{ID: "loopback-family-mismatch", Difference: "the other family is refused, at once"},
			{ID: "a race that IPv4 won", Difference: "IPv6 is answered too, only later; nothing is wrong"},
		},
		References: []string{"RFC 8305 section 5 (connection attempts, 250 ms)", "seen with curl 7.88: 200 ms; Node 20: 250 ms"},
	},
	Hides:   []string{"syn-unanswered", "address-unreachable"},
	Silence: true,
	Check:   checkV6Blackhole,
}

// Clients that try both families begin the second attempt after so long.
const (
	eyesFrom  = 150 * time.Millisecond
	eyesUntil = 450 * time.Millisecond
)

func checkV6Blackhole(p *explain.Pass) {
	var f explain.Finding
	pairs := 0
	for _, c := range p.Conns() {
		syn := find(c, 0, flow.Client, flow.SYN)
		if !c.Server.Addr().Is6() || syn < 0 || c.Self != flow.Unknown || c.Server.Addr().IsLoopback() || find(c, 0, flow.Unknown, flow.Established, flow.ClientHello, flow.Request) >= 0 ||
			find(c, 0, flow.Server, flow.RST, flow.SYN, flow.FIN) >= 0 {
			continue
		}
		other := secondTry(p, c, eyesFrom, eyesUntil)
		if other == nil {
			continue
		}
		waited := other.Started.Sub(c.Started)
		pairs++
		if len(f.Conns) < namedTurns {
			p.Blame(&f, c, nil)
			p.Blame(&f, other, nil)
		}
		if len(f.Evidence) < 6 {
			f.Evidence = append(f.Evidence, explain.At(c, syn, "SYN to "+c.Server.String()+", no answer"),
				explain.At(other, find(other, 0, flow.Unknown, flow.Established), fmt.Sprintf("%s accepts; tried %s later", other.Server, explain.Span(waited))))
		}
	}
	if pairs == 0 {
		return
	}
	f.Cause = fmt.Sprintf("%d connections were first tried with IPv6 and got no answer; the client then took IPv4, about a fifth to a third of a second later.", pairs)
	f.Confidence = explain.Likely
	if pairs == 1 {
		f.Cause = "A connection was first tried with IPv6 and got no answer; the client then took IPv4, about a fifth to a third of a second later."
		f.Confidence = explain.Possible
	}
	f.Missing = []string{"that both addresses are of the same name: the DNS answers, or what the client asked for"}
	p.Report(f)
}
