package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var lossLimitedTransfer = explain.Rule{
	ID:       "loss-limited-transfer",
	Title:    "Packet loss makes the transfer slow",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "Packets are lost on the way. Each loss makes the sender slow down, and where several are lost it waits before it sends again.",
		Looks: "A transfer of seconds with many retransmissions, at a rate far below that of the line. Wireshark marks `TCP Retransmission`, `TCP Dup ACK` and `Previous segment not captured`; on Linux `nstat -az TcpRetransSegs` grows.",
		Why:   "A bad cable, radio, a duplex mismatch, an overloaded link or virtual switch, a rate limit that drops in place of delaying.",
		Fixes: []explain.Fix{
			fix(explain.Network, "", "Find the hop that loses: errors and drops of each interface on the way.", "ip -s link show dev eth0", "ethtool -S eth0 | grep -iE 'err|drop'", "mtr -rwc 200 HOST"),
			fix(explain.Origin, "Linux", "Suffer less from random loss:", "sysctl -w net.core.default_qdisc=fq net.ipv4.tcp_congestion_control=bbr"),
		},
		Confirm: "`ss -ti dst ADDRESS` on the sender shows `retrans:` growing during the transfer. The same download over another path is quick.",
		LookAlikes: []explain.Alike{
			{ID: "window-limited-transfer", Difference: "nothing is sent again; the sender waits for the window"},
			{ID: "receiver-stalls", Difference: "the receiver closes its window, nothing is lost"},
			{ID: "mtu-black-hole", Difference: "the same large segment is repeated, none gets through"},
			{ID: "capture-incomplete", Difference: "the capture lost the packets, the receiver got them"},
		},
		References: []string{"RFC 5681 (congestion control)", "RFC 6675 (loss recovery)", "seen with Linux 6, 40 ms each way and 12 % loss: 1.4 MB/s where the line has far more"},
	},
	Hides: []string{"slow-transfer"},
	Check: checkLoss,
}

const (
	longTransfer = 2 * time.Second
	manyLosses   = 8
	slowRate     = 2 << 20 // bytes a second above which loss hardly hurts
)

func checkLoss(p *explain.Pass) {
	for _, c := range p.Conns() {
		if explain.FlawAt(c, flow.FlawTwice) >= 0 || explain.FlawAt(c, flow.FlawClock) >= 0 {
			continue
		}
		for _, x := range c.Exchanges {
			checkLossIn(p, c, x, flow.Server, findOf(c, x, flow.Response), findOf(c, x, flow.ResponseDone), x.ResponseBodyBytes)
			checkLossIn(p, c, x, flow.Client, findOf(c, x, flow.Request), findOf(c, x, flow.RequestDone), x.RequestBodyBytes)
		}
	}
}

// lastRepeated is the event by which all of a message that was sent at event i
// had been sent: what a sender's capture shows as complete goes on being
// repeated until the other side speaks.
func lastRepeated(c *flow.Conn, side flow.Side, i int) int {
	last := i
	for n := i + 1; i >= 0 && n < len(c.Events); n++ {
		switch e := &c.Events[n]; {
		case e.Kind == flow.Retransmission && e.From == side && e.Bytes > 0:
			last = n
		case e.From == side.Other(), e.Kind == flow.Response:
			return last
		}
	}
	return last
}

func checkLossIn(p *explain.Pass, c *flow.Conn, x *flow.Exchange, side flow.Side, from, to int, size int64) {
	to = lastRepeated(c, side, to)
	d, known := between(c, from, to)
	if !known || d < longTransfer || float64(size)/d.Seconds() > slowRate {
		return
	}
	var again int64
	var lost []int
	for i := from; i < to; i++ {
		if e := &c.Events[i]; e.Kind == flow.Retransmission && e.From == side && e.Bytes > 0 {
			lost, again = append(lost, i), again+e.Bytes
		}
	}
	if len(lost) < manyLosses || again*300 < size || again*2 > size || find(c, from, side.Other(), flow.ZeroWindow) >= 0 {
		return
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("The body of %s, %d bytes from the %s, took %s, about %d kB a second. At least %d bytes of it had to be sent again.",
			asked(x), size, side, explain.Span(d), int64(float64(size)/d.Seconds()/1000), again),
		Evidence: []explain.Evidence{
			explain.At(c, lost[0], "first of at least "+fmt.Sprint(len(lost))+" retransmissions in it"),
			explain.At(c, lost[len(lost)-1], "last one that was kept"),
			explain.At(c, to, "body complete"),
		},
	}
	p.Blame(&f, c, x)
	p.Report(f)
}
