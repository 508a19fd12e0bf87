package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var windowLimitedTransfer = explain.Rule{
	ID:       "window-limited-transfer",
	Title:    "The receiver's window makes the transfer slow",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "A receiver says how many bytes it takes before they are acknowledged: its window. Here the window is small for a path of that length. The sender fills it, waits for a round trip, fills it again. The transfer cannot be faster than one window in a round trip, however fast the line is.",
		Looks: "A slow transfer without loss, over a long path only. In a capture at the sender: bursts of always the same size, one in each round trip. Wireshark marks `TCP Window Full`; its window stays the same, and never goes above 65535 where scaling is off (`Window size scaling factor: -2`).",
		Why:   "A receive buffer that a program or setting keeps small (SO_RCVBUF, net.ipv4.tcp_rmem, rcvbuf, ReceiveBufferSize); or no window scaling: one side does not offer it, or a firewall removes the option from a SYN.",
		Fixes: []explain.Fix{
			fix(explain.Client, "Linux", "On the machine that receives, let the system choose the buffer, and allow scaling:", "sysctl -w net.ipv4.tcp_rmem='4096 131072 6291456' net.ipv4.tcp_window_scaling=1 net.ipv4.tcp_moderate_rcvbuf=1"),
			fix(explain.Client, "Windows", "The same:", "netsh int tcp set global autotuninglevel=normal"),
			fix(explain.Origin, "nginx", "If it is what receives: remove the size from the listener, so that the system chooses:", "listen 443 ssl rcvbuf=8k;"),
			fix(explain.Origin, "Apache", "If it is what receives: remove this, or set it to 0:", "ReceiveBufferSize 4096"),
			fix(explain.Gateway, "HAProxy", "If it is what receives: remove these:", "tune.rcvbuf.client 8192", "tune.rcvbuf.server 8192"),
			fix(explain.Network, "", "If only one SYN has the window scale option: find the device that removes it, by a capture at each side of it."),
		},
		Confirm: "`ss -tmi dst ADDRESS` on the sender shows `rwnd_limited:` with most of the time. A transfer between two near machines is quick.",
		LookAlikes: []explain.Alike{
			{ID: "receiver-stalls", Difference: "the window is closed: the program does not read"},
			{ID: "loss-limited-transfer", Difference: "packets are sent again, the window is not full"},
			{ID: "a program that reads slowly", Difference: "the window shrinks, and waits are longer than a round trip"},
			{ID: "a small send buffer", Difference: "bursts of one size too, but smaller than the window"},
		},
		References: []string{"RFC 7323 section 2 (window scale)", "RFC 9293 section 3.8.6 (window management)", "seen with Linux 6, nginx, Apache and curl: a window of a few kB over 100 ms gives some 30 kB a second"},
	},
	Check: checkWindows,
}

const (
	longTrip    = 10 * time.Millisecond // below it a reader is what is slow
	waitedShare = 0.5
	rateShare   = 0.6 // of what the window allows; a slow reader takes less
)

func checkWindows(p *explain.Pass) {
	for _, c := range p.Conns() {
		for i := find(c, 0, flow.Unknown, flow.WindowFull); i >= 0; i = find(c, i+1, flow.Unknown, flow.WindowFull) {
			checkWindow(p, c, i)
		}
	}
}

func checkWindow(p *explain.Pass, c *flow.Conn, i int) {
	e := &c.Events[i]
	rtt, known := roundTrip(c)
	window, _ := number(e.Attr(flow.KeyWindow))
	times, _ := number(e.Attr(flow.KeyTimes))
	waited, _ := milliseconds(e.Attr(flow.KeyWaited))
	x, size, took := longestTransfer(c, e.From)
	allowed := float64(window) / max(rtt.Seconds(), 0.001)
	if !known || rtt < longTrip || times == 0 || waited/time.Duration(times) > rtt*3/2 ||
		took < longTransfer || waited.Seconds() < waitedShare*took.Seconds() ||
		float64(size) < rateShare*allowed*took.Seconds() {
		return
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("The %s filled the window of the %s, %d bytes, %d times and waited for that %s in all; %s took %s. With a round trip of %s that window allows about %d kB a second.%s",
			e.From, e.From.Other(), window, times, explain.Span(waited), sentIn(x), explain.Span(took), explain.Span(rtt), int(allowed/1000), unscaled(e.Attr(flow.KeyScaling))),
		Evidence: []explain.Evidence{
			explain.At(c, find(c, 0, flow.Unknown, flow.Established), "round trip "+explain.Span(rtt)),
			explain.At(c, i, fmt.Sprintf("window of %d bytes full %d times", window, times)),
		},
	}
	p.Blame(&f, c, x)
	p.Report(f)
}

// sentIn names what was sent.
func sentIn(x *flow.Exchange) string {
	if x == nil {
		return "the connection"
	}
	return "the body of " + asked(x)
}

// unscaled says why windows could not be larger, if scaling is off.
func unscaled(scaling string) string {
	switch scaling {
	case "client-only", "server-only":
		return fmt.Sprintf(" Windows above 65535 bytes were not possible: only the %s offered to scale them.", scaling[:6])
	case "no":
		return " Windows above 65535 bytes were not possible: nobody offered to scale them."
	}
	return ""
}

// longestTransfer is the exchange whose body took side longest to send, how many
// bytes that was and how long; where none was read, the whole connection.
func longestTransfer(c *flow.Conn, side flow.Side) (longest *flow.Exchange, size int64, took time.Duration) {
	from, to := flow.Response, flow.ResponseDone
	if side == flow.Client {
		from, to = flow.Request, flow.RequestDone
	}
	for _, x := range c.Exchanges {
		if d, known := between(c, findOf(c, x, from), findOf(c, x, to)); known && d > took {
			longest, took, size = x, d, x.ResponseBodyBytes
			if side == flow.Client {
				size = x.RequestBodyBytes
			}
		}
	}
	if len(c.Exchanges) == 0 {
		took, _ = between(c, find(c, 0, flow.Unknown, flow.Established), len(c.Events)-1)
		size = c.ServerBytes
		if side == flow.Client {
			size = c.ClientBytes
		}
	}
	return longest, size, took
}
