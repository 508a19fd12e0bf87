package rules

import (
	"fmt"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var quicUDPBlocked = explain.Rule{
	ID:       "quic-udp-blocked",
	Title:    "HTTP/3 is tried, and UDP does not get through",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The client tries QUIC over UDP, because the site or a former visit told it to, and nothing comes back. It falls back to TCP, which works.",
		Looks: "UDP packets of 1200 bytes and more to port 443 without an answer, then TCP and TLS to the same address. For the user the first load is slow: up to a third of a second with Chrome, many seconds with others. Where the machine says by ICMP that nobody has the UDP port, Chrome sends one packet and goes on at once. curl --http3-only ends with code 28, 95 or 96.",
		Why:   "A firewall or proxy that passes no UDP; a container that publishes only the TCP port; a load balancer without UDP, while the server behind it advertises h3.",
		Fixes: []explain.Fix{
			fix(explain.Network, "nftables", "Let UDP 443 pass, on each device on the way:", "nft add rule inet filter forward udp dport 443 accept"),
			fix(explain.Network, "Docker", "Publish UDP too:", "docker run -p 443:443/tcp -p 443:443/udp ..."),
			fix(explain.Origin, "nginx", "Or take the advertisement back, and make clients forget it:", "add_header Alt-Svc clear always;"),
			fix(explain.Origin, "IIS", "Or take the advertisement back:", `reg add HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters /v EnableAltSvc /t REG_DWORD /d 0 /f`),
			fix(explain.Client, "Chrome", "To prove it, start it without QUIC:", "google-chrome --disable-quic"),
		},
		Confirm: "On the server, `tcpdump -ni any udp port 443` while a client tries: do the packets arrive, and does an answer leave?",
		LookAlikes: []explain.Alike{
			{ID: "quic-handshake-failed", Difference: "the server answers, and closes with an error"},
			{ID: "v6-blackhole-fallback", Difference: "the first attempt is TCP over IPv6"},
		},
		References: []string{"RFC 9000 section 14.1 (first datagrams of 1200 bytes)", "RFC 9114 section 3.1 (discovering HTTP/3)", "RFC 7838 (Alt-Svc)", "seen with Chromium 156 and UDP dropped by iptables, and with a UDP port that nobody has"},
	},
	Silence: true,
	Check:   checkQUICBlocked,
}

// quicGivesIn is how long the longest-lasting clients wait for QUIC.
const quicGivesIn = 30 * time.Second

func checkQUICBlocked(p *explain.Pass) {
	for _, c := range p.Conns() {
		if !isQUIC(c) || anyOf(c, flow.Server) || c.ServerBytes > 0 {
			continue
		}
		over, waited := overTCP(p, c)
		if over == nil {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Likely,
			Cause: fmt.Sprintf("%s tried HTTP/3 with %s over UDP and got no answer; TCP to the same address works, tried %s later.",
				caller(c), peer(c), explain.Span(waited)),
			Evidence: []explain.Evidence{
				explain.At(c, find(c, 0, flow.Client, flow.ClientHello), "QUIC over UDP, no answer"),
				explain.At(over, find(over, 0, flow.Unknown, flow.Established), "TCP to the same address"),
			},
			Missing: []string{"a capture at the server: do the UDP packets arrive"},
		}
		p.Blame(&f, c, nil)
		p.Blame(&f, over, nil)
		p.Report(f)
	}
}

// isQUIC tells a connection over UDP, which has no SYN. Its ClientHello may take
// two datagrams, of which a client that is told at once that nobody has the port
// sends only one.
func isQUIC(c *flow.Conn) bool {
	return strings.HasPrefix(c.WhyNot, "HTTP/3") && find(c, 0, flow.Unknown, flow.SYN, flow.Established, flow.MidStream) < 0
}

func anyOf(c *flow.Conn, side flow.Side) bool {
	for i := range c.Events {
		if c.Events[i].From == side {
			return true
		}
	}
	return false
}

// overTCP is the connection that the client of c made to the same address soon
// after, and that got as far as TLS.
func overTCP(p *explain.Pass, c *flow.Conn) (*flow.Conn, time.Duration) {
	for _, o := range p.Trace.Conns {
		d := o.Started.Sub(c.Started)
		if pairOf(o) == pairOf(c) && o != c && !isQUIC(o) && d >= 0 && d <= quicGivesIn && o.TLS != nil && find(o, 0, flow.Server, flow.ServerHello) >= 0 {
			return o, d
		}
	}
	return nil, 0
}
