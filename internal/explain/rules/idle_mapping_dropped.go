package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var idleMappingDropped = explain.Rule{
	ID:       "idle-mapping-dropped",
	Title:    "A device in between forgot the idle connection",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "Firewalls, address translators and load balancers keep a list of connections and strike off those that are quiet for long. Both ends still believe in the connection; what is sent on it after the pause is dropped without a word.",
		Looks: "A pause of minutes, then a request on the old connection that is sent again and again without an acknowledgement. New connections work at once. The program hangs for its timeout, or says `broken pipe` or `connection timed out`; a gateway answers 504 (HAProxy: `sH`; `sD` if it had begun to answer).",
		Why:   "The device's idle timer is shorter than the pause. By default Azure Load Balancer has 4 min, AWS Network Load Balancer 350 s; many firewalls have an hour, home routers minutes.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Keep idle connections for less time than the device does, or probe them more often."),
			fix(explain.Gateway, "Fanlight", "Close idle connections to origins early:", "timeouts: {idle: 60s}"),
			fix(explain.Gateway, "nginx", "Close idle connections to origins early, or probe them:", "keepalive_timeout 60s;", "proxy_socket_keepalive on;"),
			fix(explain.Gateway, "HAProxy", "Probe:", "option srvtcpka"),
			fix(explain.Origin, "Linux", "Where programs ask for TCP keep-alive: begin after 2 min in place of 2 h:", "sysctl -w net.ipv4.tcp_keepalive_time=120"),
			fix(explain.Origin, "Windows", "The same, in milliseconds:", `reg add HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters /v KeepAliveTime /t REG_DWORD /d 120000`),
			fix(explain.Network, "Azure", "Let the load balancer say so with a reset, and wait longer:", "az network lb rule update -g GROUP --lb-name LB -n RULE --enable-tcp-reset true --idle-timeout 30"),
		},
		Confirm: "The pause before each failure is longer than some number, and pauses below it never fail. A capture at the other end shows that the packets do not arrive.",
		LookAlikes: []explain.Alike{
			{ID: "keepalive-race", Difference: "the server closes or resets at once: it answers"},
			{ID: "half-open-peer", Difference: "no long pause before it, and the machine itself is gone"},
			{ID: "gateway-timeout", Difference: "the request is acknowledged, the application does not answer"},
			{ID: "ws-idle-cut", Difference: "somebody ends the connection: a close is seen"},
			{ID: "h2-ping-or-settings-timeout", Difference: "TCP is acknowledged, the HTTP/2 side does not answer"},
		},
		References: []string{"Microsoft Learn: Azure Load Balancer, TCP reset and idle timeout", "AWS: Network Load Balancer, connection idle timeout", "RFC 5382 section 5 (idle timeout of address translators)", "seen with nftables, which drops what its table does not know, before nginx: six times in 3 s without an answer, 504 by HAProxy"},
	},
	Hides:   []string{"half-open-peer", "client-gave-up", "slow-origin", "gateway-timeout", "origin-closed-without-answer", "keepalive-race"},
	Silence: true,
	Check:   checkIdleMapping,
}

// longIdle is the shortest pause after which a device is thought to forget.
const longIdle = 30 * time.Second

func checkIdleMapping(p *explain.Pass) {
	for _, c := range p.Conns() {
		r := unacknowledged(c, flow.Client)
		d, grew := r.backedOff(c)
		if !grew || r.answer >= 0 && c.Events[r.answer].Kind != flow.RST {
			continue
		}
		x := carriedAt(c, r.first)
		if x == nil || x.Status != 0 || findOf(c, x, flow.Request) < lastOf(c, flow.Server, r.first) {
			continue
		}
		quiet, known := quietBefore(c, x)
		if !known || quiet < longIdle {
			continue
		}
		report(p, explain.Finding{
			Confidence: explain.Likely,
			Cause: fmt.Sprintf("The connection to %s had been quiet for %s. Then %s was sent on it %d times in %s, and not one of them was acknowledged.",
				peer(c), explain.Span(quiet), asked(x), r.times+1, explain.Span(d)),
			Evidence: append([]explain.Evidence{explain.At(c, findOf(c, x, flow.Request), "request after a pause of "+explain.Span(quiet))}, r.evidence(c, asked(x))...),
			Missing:  []string{"a capture at the server: do these packets arrive there"},
		}, c, x)
	}
}

// lastOf is the last event of a side before event until, or -1.
func lastOf(c *flow.Conn, side flow.Side, until int) int {
	for i := until - 1; i >= 0; i-- {
		if c.Events[i].From == side {
			return i
		}
	}
	return -1
}
