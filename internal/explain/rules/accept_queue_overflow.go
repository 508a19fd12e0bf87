package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var acceptQueueOverflow = explain.Rule{
	ID:       "accept-queue-overflow",
	Title:    "The server is up, but does not take connections fast enough",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A system completes connections by itself and keeps them in a queue until the program takes them. The queue is full: the system drops further attempts, and clients try again every second or later.",
		Looks: "At the same time and at the same address some connections are made at once and others only at a later SYN, or never. Connect times cluster just above whole seconds: 1, 2, 3 and 4 s with Linux since 6.5, 1, 3 and 7 s with older ones. On Linux the server counts it: `nstat -az TcpExtListenOverflows TcpExtListenDrops`.",
		Why:   "The program does not call accept: it is stuck, has too few workers or no free file descriptors; or its backlog is too small for bursts. A flood of SYNs looks the same.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "Linux", "See the queue (Recv-Q is its length, Send-Q its limit), then raise the limit:", "ss -ltn '( sport = :443 )'", "sysctl -w net.core.somaxconn=4096"),
			fix(explain.Origin, "nginx", "Raise the limit of its own, and look for workers that are stuck:", "listen 443 ssl backlog=4096;"),
			fix(explain.Origin, "Apache", "Raise the limit of its own, and the number of workers:", "ListenBacklog 4096", "MaxRequestWorkers 400"),
			fix(explain.Origin, "HAProxy", "Raise the limits:", "bind :443 ssl crt site.pem backlog 4096", "maxconn 20000"),
			fix(explain.Origin, "IIS", "The queue of the kernel is HTTP.sys' own; look for a pool whose request queue is full (503, `QueueFull`):", `%windir%\system32\inetsrv\appcmd set apppool POOL /queueLength:5000`),
		},
		Confirm: "`ss -ltn` on the server shows Recv-Q at or above Send-Q for that listener while it happens.",
		LookAlikes: []explain.Alike{
			{ID: "syn-unanswered", Difference: "no connection to that address is made at all"},
			{ID: "accepted-but-silent", Difference: "all connections are made, none is answered"},
			{ID: "loss-limited-transfer", Difference: "packets are lost also on connections that were made"},
		},
		References: []string{"listen(2) and tcp(7)", "seen with Linux 6.18, nginx and backlog=1: two connections made, further SYNs dropped, all made once nginx went on", "tcp_syn_linear_timeouts (Linux, ip-sysctl)"},
	},
	Hides:   []string{"syn-unanswered", "client-gave-up", "accepted-but-silent", "slow-origin", "gateway-timeout"},
	Silence: true,
	Check:   checkAcceptQueue,
}

// attempt is one connection that was tried.
type attempt struct {
	c      *flow.Conn
	from   time.Time
	until  time.Time // of the last SYN, or when it was made
	tries  int
	made   bool
	atOnce bool
}

func checkAcceptQueue(p *explain.Pass) {
	to := map[netip.AddrPort][]attempt{}
	var order []netip.AddrPort
	for _, c := range p.Conns() {
		if a, ok := attemptOf(c); ok {
			if to[c.Server] == nil {
				order = append(order, c.Server)
			}
			to[c.Server] = append(to[c.Server], a)
		}
	}
	for _, server := range order {
		checkAttempts(p, to[server])
	}
}

// attemptOf reads what packets show of how c was made. Not ok if a reset
// answered, or if data was lost on it: then the SYNs may have been too.
func attemptOf(c *flow.Conn) (attempt, bool) {
	syn := find(c, 0, flow.Client, flow.SYN)
	if syn < 0 || c.Self != flow.Unknown || c.Events[syn].At.IsZero() || find(c, 0, flow.Server, flow.RST) >= 0 {
		return attempt{}, false
	}
	a := attempt{c: c, from: c.Events[syn].At, until: c.Events[syn].At, tries: 1}
	for i := syn + 1; i < len(c.Events); i++ {
		switch e := &c.Events[i]; {
		case e.Kind == flow.Retransmission && e.Bytes > 0:
			return attempt{}, false
		case e.Kind == flow.Retransmission && e.From == flow.Client && !a.made:
			a.tries, a.until = a.tries+1, e.At
		case e.Kind == flow.SYN && e.From == flow.Client:
			a.tries, a.until = a.tries+1, e.At
		case e.Kind == flow.Established && !a.made:
			a.made, a.until = true, e.At
			a.atOnce = a.tries == 1
		}
	}
	return a, true
}

// enough attempts of each kind before a listener is called overrun.
const enough = 2

func checkAttempts(p *explain.Pass, all []attempt) {
	var late, quick []attempt
	for _, a := range all {
		switch {
		case a.tries > 1:
			late = append(late, a)
		case a.atOnce:
			quick = append(quick, a)
		}
	}
	// Those made at once must lie among those that were not, give or take.
	quick = slices.DeleteFunc(quick, func(q attempt) bool {
		return !slices.ContainsFunc(late, func(l attempt) bool {
			return q.from.After(l.from.Add(-time.Second)) && q.from.Before(l.until.Add(time.Second))
		})
	})
	if len(late) >= enough && len(quick) >= enough {
		reportAcceptQueue(p, late, quick)
	}
}

func reportAcceptQueue(p *explain.Pass, late, quick []attempt) {
	never := 0
	f := explain.Finding{Confidence: explain.Likely, Missing: []string{"the server's own count: `nstat -az TcpExtListenOverflows`"}}
	for i, a := range late[:min(len(late), namedTurns)] {
		if !a.made {
			never++
		}
		p.Blame(&f, a.c, nil)
		if i < 3 {
			f.Evidence = append(f.Evidence, explain.At(a.c, find(a.c, 0, flow.Client, flow.SYN), fmt.Sprintf("%d SYNs in %s", a.tries, explain.Span(a.until.Sub(a.from)))))
		}
	}
	for _, a := range quick[:min(len(quick), namedTurns)] {
		if x := a.c.Exchanges; len(x) > 0 && x[0].Status == 0 || len(x) == 0 {
			p.Blame(&f, a.c, nil) // it waits in the queue
		}
	}
	first := quick[0].c
	f.Evidence = append(f.Evidence, explain.At(first, find(first, 0, flow.Unknown, flow.Established), "another one, made at once"))
	f.Cause = fmt.Sprintf("At the same time %s took %d connections at the first SYN and left the first SYN of %d others without an answer.",
		peer(first), len(quick), len(late))
	if never > 0 {
		f.Cause += fmt.Sprintf(" %d of those were never made.", never)
	}
	p.Report(f)
}
