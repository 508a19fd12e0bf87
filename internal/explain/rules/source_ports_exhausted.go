package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var sourcePortsExhausted = explain.Rule{
	ID:       "source-ports-exhausted",
	Title:    "No source port is left for another connection to that address",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A connection needs a source port that no other connection to the same address and port has. All of them are taken, most of them by connections that have ended a short while ago (TIME_WAIT, 60 s on Linux). The attempt failed on the connecting machine itself.",
		Looks: "Under load some requests fail at once, others work; the origin sees nothing. The system says `cannot assign requested address` (EADDRNOTAVAIL, 99); nginx logs `connect() ... failed (99: Cannot assign requested address)`, HAProxy shows the state `RC`. A capture shows nothing of it, for no SYN is sent: only thousands of short connections just before. Only the gateway's record or log tells.",
		Why:   "Each request opens a connection of its own and the gateway closes it, so that it keeps the port. With Linux's default of 28232 ports and 60 s that ends at about 470 connections a second to one address and port.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "", "Keep connections to the origin open and use them again; that removes the cause. See what is taken:", "ss -tan dst ORIGIN-ADDRESS | awk '{print $1}' | sort | uniq -c", "sysctl net.ipv4.ip_local_port_range"),
			fix(explain.Gateway, "nginx", "Keep connections to the origin:", "upstream app { server 192.0.2.20:443; keepalive 64; }", "proxy_http_version 1.1;", `proxy_set_header Connection "";`),
			fix(explain.Gateway, "HAProxy", "Share idle connections:", "http-reuse safe"),
			fix(explain.Gateway, "Fanlight", "It keeps connections unless the origin closes each one (see connection-closed-each-request). Let idle ones live longer:", "timeouts: {idle: 120s}"),
			fix(explain.Gateway, "Linux", "Until then, more ports, and use those in TIME_WAIT again for outgoing connections:", "sysctl -w net.ipv4.ip_local_port_range='1024 65535' net.ipv4.tcp_tw_reuse=1"),
			fix(explain.Gateway, "Windows", "Until then, more ports:", "netsh int ipv4 set dynamicport tcp start=10000 num=55000"),
			fix(explain.Origin, "", "Allow persistent connections (no `Connection: close`), or listen on a second address or port: each has source ports of its own."),
		},
		Confirm: "`ss -tan state time-wait dst ORIGIN-ADDRESS | wc -l` on the gateway is near the number of ports in net.ipv4.ip_local_port_range.",
		LookAlikes: []explain.Alike{
			{ID: "port-closed", Difference: "the other machine refuses"},
			{ID: "address-unreachable", Difference: "there is no route; it fails without load too"},
			{ID: "no file descriptor left", Difference: "the system says `too many open files` (EMFILE, 24), whatever the address"},
		},
		References: []string{"connect(2), EADDRNOTAVAIL", "ip(7), ip_local_port_range", "RFC 6056 (ephemeral ports)", "seen with Linux 6: connect fails with error 99 once each port of the range is in TIME_WAIT"},
	},
	Hides: []string{"origin-closed-without-answer", "no-usable-origin", "gateway-timeout"},
	Check: checkSourcePorts,
}

func checkSourcePorts(p *explain.Pass) {
	for _, c := range p.Conns() {
		i := findText(c, flow.Unknown, flow.ConnectFailed, flow.NoSourcePort)
		if i < 0 {
			continue
		}
		report(p, explain.Finding{
			Confidence: explain.Proof,
			Cause:      fmt.Sprintf("%s could not connect to %s: this machine has no source port left for that address and port.", caller(c), peer(c)),
			Evidence:   []explain.Evidence{explain.At(c, i, "no source port, the system says")},
		}, c, nil)
	}
}
