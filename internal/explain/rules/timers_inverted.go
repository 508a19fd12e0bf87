package rules

import (
	"fmt"
	"net/netip"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var timersInverted = explain.Rule{
	ID:       "timers-inverted",
	Title:    "The outer side gave up while the gateway behind it went on waiting",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "Two timers run for one request, and the outer one is the shorter. The gateway in front (or the client) gives up first. The one behind knows nothing of it and goes on: the application works for nobody, its answer is thrown away, and a retry doubles the work.",
		Looks: "The client gets 504 (or leaves) after a round number of seconds; on the connection behind, the request is still open, and its answer comes later to nobody. Logs disagree: the gateway in front has 504; the one behind has 200, or a client that went away, seconds later.",
		Why:   "Each product has its own default: nginx 60 s, Apache 60 s, IIS ARR 120 s, Envoy 15 s, load balancers 60 s and less. Nobody looked at them together.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "", "Let the time to wait shrink from the client inward: client 90 s, gateway in front 75 s, gateway behind 60 s, application 50 s. Then the innermost one gives up first, and its answer says why."),
			fix(explain.Gateway, "nginx", "In front, more than behind:", "proxy_read_timeout 75s;"),
			fix(explain.Gateway, "HAProxy", "In front, more than behind; behind, let a request go whose client has gone:", "timeout server 75s", "option abortonclose"),
			fix(explain.Gateway, "Apache", "Behind, less than in front (it does not notice that its client has gone):", "ProxyTimeout 60"),
			fix(explain.Gateway, "IIS ARR", "Behind, less than in front:", `%windir%\system32\inetsrv\appcmd set config -section:system.webServer/proxy /timeout:"00:01:00" /commit:apphost`),
			fix(explain.Gateway, "Fanlight", "In front, more than behind. It ends its request to the origin when its client leaves:", "timeouts: {first_byte: 75s}"),
			fix(explain.Origin, "", "Give the work a limit of its own, below all of them, and make it quicker, or answer at once and deliver later."),
		},
		Confirm: "Ask each hop by itself, from the inside out, with a client that waits: `curl -m 600 -o /dev/null -w '%{http_code} %{time_total}\\n' URL`. The times at which they give up must grow from the inside to the outside.",
		LookAlikes: []explain.Alike{
			{ID: "gateway-timeout", Difference: "the gateway that gave up spoke to the application itself, or the one behind gave up too"},
			{ID: "client-gave-up", Difference: "the gateway noticed, and ended its request as well"},
			{ID: "keepalive-race", Difference: "idle timers in the wrong order: those must grow inward"},
		},
		References: []string{"RFC 9110 section 15.6.5 (504)", "HAProxy configuration manual, option abortonclose", "nginx: proxy_ignore_client_abort", "seen with HAProxy in front of Apache and nginx in front of HAProxy: both went on to the end"},
	},
	Hides:   []string{"gateway-timeout", "client-gave-up", "slow-origin"},
	Silence: true,
	Check:   checkTimersInverted,
}

// wentOn is how much longer the inner side has to wait for it to be seen.
const wentOn = time.Second

func checkTimersInverted(p *explain.Pass) {
	by := byClient(p.Trace.Conns)
	for _, c := range p.Conns() {
		side, end := leaver(c)
		if side != flow.Client || end < 0 || c.Events[end].At.IsZero() {
			continue
		}
		for _, x := range c.Exchanges {
			answer := findOf(c, x, flow.Response)
			waited, known := between(c, findOf(c, x, flow.Request), end)
			if !known || waited < time.Second || x.Tunnel != "" || answer >= 0 && answer < end || x.Incident != "" {
				continue
			}
			if inner, until := stillAsking(by, turn{c, x}, c.Events[end].At); inner.x != nil {
				reportTimers(p, turn{c, x}, inner, end, until)
			}
		}
	}
}

// byClient gives the connections that each address made.
func byClient(conns []*flow.Conn) map[netip.Addr][]*flow.Conn {
	out := map[netip.Addr][]*flow.Conn{}
	for _, c := range conns {
		if c.Client.IsValid() {
			out[c.Client.Addr()] = append(out[c.Client.Addr()], c)
		}
	}
	return out
}

// stillAsking is the exchange that the gateway which t was asked of made for it
// and went on with after t's client had left, and when that was over or last
// known to be going on.
func stillAsking(by map[netip.Addr][]*flow.Conn, t turn, left time.Time) (inner turn, until time.Time) {
	for _, d := range by[t.c.Server.Addr()] {
		if d == t.c || d.Server == t.c.Server {
			continue
		}
		for _, y := range d.Exchanges {
			if y.Method != t.x.Method || y.Target != t.x.Target || y.Started.Before(t.x.Started) || y.Started.After(left) ||
				y.Started.Sub(t.x.Started) > wentOn {
				continue
			}
			if until := waitedUntil(d, y); until.Sub(left) >= wentOn {
				return turn{d, y}, until
			}
		}
	}
	return turn{}, time.Time{}
}

// waitedUntil is the last time at which x was known to wait for its answer.
func waitedUntil(c *flow.Conn, x *flow.Exchange) time.Time {
	if !x.Responded.IsZero() {
		return x.Responded
	}
	if _, end := leaver(c); end >= 0 {
		return c.Events[end].At
	}
	if i := findOf(c, x, flow.Hanging); i >= 0 {
		return c.Events[i].At
	}
	return x.Ended
}

// reportTimers accuses timers only where one is in sight: a gateway that said
// it gave up, or a wait of a usual or round length.
func reportTimers(p *explain.Pass, outer, inner turn, end int, until time.Time) {
	waited, _ := between(outer.c, findOf(outer.c, outer.x, flow.Request), end)
	left := outer.c.Events[end].At
	front, told := toldClient(p, outer, left)
	note := waitNote(waited)
	if !told && note == nil {
		return
	}
	who := caller(outer.c)
	if told {
		who, note = "the gateway "+front.c.Server.String(), timerNote(waited, response)
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s gave up on %s after %s, while %s went on waiting for %s, for %s more. Nobody was there any more to take the answer.",
			who, asked(outer.x), explain.Span(waited), outer.c.Server, inner.c.Server, explain.Span(until.Sub(left))),
		Evidence: append([]explain.Evidence{
			explain.At(outer.c, findOf(outer.c, outer.x, flow.Request), "request "+asked(outer.x)),
			explain.At(outer.c, end, "given up by who asked ("+manner(outer.c, end)+")"),
			explain.At(inner.c, findOf(inner.c, inner.x, flow.Request), "the request that was made for it"),
			ending(inner),
		}, note...),
	}
	if told {
		f.Confidence = explain.Proof
		f.Evidence = append(f.Evidence, explain.At(front.c, findOf(front.c, front.x, flow.Response), clientGot(front.x)))
		p.Blame(&f, front.c, front.x)
	}
	p.Blame(&f, outer.c, outer.x)
	p.Blame(&f, inner.c, inner.x)
	p.Report(f)
}

// ending is what became of the request that was gone on with.
func ending(t turn) explain.Evidence {
	if i := findOf(t.c, t.x, flow.Response); i >= 0 {
		return explain.At(t.c, i, fmt.Sprintf("answered %d, too late", t.x.Status))
	}
	_, end := leaver(t.c)
	return explain.At(t.c, end, "still without an answer")
}

// toldClient is the exchange in which the gateway that gave up on t said so to
// its own client.
func toldClient(p *explain.Pass, t turn, left time.Time) (turn, bool) {
	const soon = 200 * time.Millisecond
	for _, c := range p.Trace.Conns {
		if c == t.c || c.Server.Addr() != t.c.Client.Addr() || c.Server == t.c.Server {
			continue
		}
		for _, x := range c.Exchanges {
			if (x.Status == 504 || x.Status == 502) && x.Target == t.x.Target && !x.Started.After(t.x.Started) && x.Responded.Sub(left).Abs() < soon {
				return turn{c, x}, true
			}
		}
	}
	return turn{}, false
}
