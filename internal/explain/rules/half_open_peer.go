package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var halfOpenPeer = explain.Rule{
	ID:       "half-open-peer",
	Title:    "The other machine no longer knows the connection",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "One machine vanished without closing: it crashed, lost power, was moved, or its network was away for so long that it gave the connection up. The other one went on sending into the void.",
		Looks: "What is sent is repeated with growing pauses and never acknowledged; when the machine is back it answers with a reset, for it knows nothing of the connection. No FIN was ever seen. Or keep-alive probes stay without an answer, and the side that probes resets. Programs see `connection reset by peer` or `timed out` after a long hang; Chrome may show ERR_NETWORK_CHANGED or ERR_CONNECTION_RESET.",
		Why:   "Crash or restart of a machine or virtual machine, a failover without its state, a laptop that slept, Wi-Fi that changed.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Give up earlier on data that is not acknowledged:", "setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);"),
			fix(explain.Gateway, "Fanlight", "Wait less long for the first byte on routes that answer quickly, so that such a connection is left early:", "timeouts: {first_byte: 15s}"),
			fix(explain.Gateway, "HAProxy", "Give up early on both sides:", "bind :443 tcp-ut 10s", "server app 192.0.2.20:443 tcp-ut 10s"),
			fix(explain.Origin, "nginx", "Probe clients: after 2 min of silence, every 15 s, 4 times:", "listen 443 ssl so_keepalive=2m:15s:4;"),
			fix(explain.Origin, "Linux", "Where programs ask for TCP keep-alive, probe earlier:", "sysctl -w net.ipv4.tcp_keepalive_time=120 net.ipv4.tcp_keepalive_intvl=15 net.ipv4.tcp_keepalive_probes=4"),
		},
		Confirm: "Look for a restart, a failover or a link that was down at the time of the first repetition: `last -x reboot`, `journalctl -k --since ...`.",
		LookAlikes: []explain.Alike{
			{ID: "idle-mapping-dropped", Difference: "a long quiet pause comes first, and both machines are well"},
			{ID: "mtu-black-hole", Difference: "only large segments are lost, the other side is heard"},
			{ID: "injected-reset", Difference: "the reset comes at once, and the real machine goes on"},
			{ID: "receiver-stalls", Difference: "the probes are of a closed window, and are answered"},
		},
		References: []string{"RFC 9293 section 3.5.1 (half-open connections)", "RFC 5482 (user timeout)", "seen with Linux 6: repeated after 0.2, 0.4, 0.8, 1.7, 3.3 s, then reset", "seen with nginx, so_keepalive=2s:1s:3: three probes, then its reset, which nobody hears"},
	},
	Hides:   []string{"origin-closed-without-answer", "keepalive-race", "client-gave-up", "slow-origin", "body-truncated", "gateway-timeout"},
	Silence: true,
	Check:   checkHalfOpen,
}

const voidTime = 2 * time.Second // of repetitions before the reset

func checkHalfOpen(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, side := range []flow.Side{flow.Client, flow.Server} {
			if !checkForgotten(p, c, side) {
				checkProbes(p, c, side)
			}
		}
	}
}

// checkForgotten looks for data that side repeats until the other one, which
// had not closed, resets.
func checkForgotten(p *explain.Pass, c *flow.Conn, side flow.Side) bool {
	r := unacknowledged(c, side)
	d, grew := r.backedOff(c)
	if !grew || d < voidTime || r.answer < 0 || c.Events[r.answer].Kind != flow.RST || find(c, 0, side.Other(), flow.FIN) >= 0 ||
		find(c, 0, flow.Unknown, flow.Established) < 0 {
		return false
	}
	report(p, explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("On the connection of %s to %s the %s repeated its data %d times in %s without an acknowledgement; then the %s answered with a reset, without ever having closed. It does not know the connection any more.",
			caller(c), peer(c), side, r.times, explain.Span(d), side.Other()),
		Evidence: append(r.evidence(c, "data of the "+side.String()), explain.At(c, r.answer, "reset by the "+side.Other().String())),
		Missing:  []string{"what happened to that machine or its network in the meantime"},
	}, c, carriedAt(c, r.first))
	return true
}

// checkProbes looks for keep-alive probes that stayed alone until their sender
// gave the connection up.
func checkProbes(p *explain.Pass, c *flow.Conn, side flow.Side) {
	end := closing(c)
	if c.Close.How != flow.ByRST || c.Close.By != side {
		return
	}
	var probes []int
	for i := lastOf(c, side.Other(), end) + 1; i < end; i++ {
		if e := &c.Events[i]; e.Kind == flow.KeepAlive && e.From == side {
			probes = append(probes, i)
		}
	}
	if len(probes) < often {
		return
	}
	first, last := probes[0], probes[len(probes)-1]
	spacing, known := between(c, first, last)
	lasted, timed := between(c, first, end)
	spacing /= time.Duration(len(probes) - 1)
	if !known || !timed || silentBefore(c, end) < lasted-time.Millisecond {
		return // a probe was answered
	}
	report(p, explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("The %s probed the quiet connection %d times, every %s, then reset it: nothing had come from the %s for %s.",
			side, len(probes), explain.Span(spacing), side.Other(), explain.Span(silentBefore(c, end))),
		Evidence: []explain.Evidence{explain.At(c, first, "first probe"), explain.At(c, last, "last probe"), explain.At(c, end, "reset by the "+side.String())},
		Missing:  []string{"what happened to the other machine or the network in the meantime"},
	}, c, nil)
}

// silentBefore is how long the other side had not been heard when RST i was
// sent; zero if that is not known, or less than a second.
func silentBefore(c *flow.Conn, i int) time.Duration {
	d, _ := milliseconds(c.Events[i].Attr(flow.KeySilent))
	return d
}
