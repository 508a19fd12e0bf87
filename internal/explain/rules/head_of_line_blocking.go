package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var headOfLineBlocking = explain.Rule{
	ID:       "head-of-line-blocking",
	Title:    "The request waited for another one in front of it",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The request itself would have been quick. It stood in a queue behind a slow one: on the same connection, at a gateway that lets through only so many at a time, or in a browser that had all its connections in use.",
		Looks: "A quick page takes as long as the slow report asked for just before. Browsers show the time as `Stalled` or `Queueing`, a HAR as `blocked`; HAProxy's log has it in Tw, the second of its times, and the queue lengths at the end of the line grow.",
		Why:   "HTTP/1.1 answers in order, one at a time on a connection, and browsers open at most 6 connections to a host: six event streams, downloads or slow reports take them all. HAProxy's maxconn on a server line, or a small pool of connections, does the same in a gateway.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "nginx", "Speak HTTP/2 to browsers: there one connection carries many requests at a time.", "listen 443 ssl http2;   # from 1.25.1 on: http2 on;"),
			fix(explain.Gateway, "Apache", "The same:", "Protocols h2 http/1.1"),
			fix(explain.Gateway, "HAProxy", "The same; and let through as many as the server can take:", "bind :443 ssl crt /etc/haproxy/site.pem alpn h2,http/1.1", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem maxconn 200"),
			fix(explain.Origin, "IIS", "It speaks HTTP/2 over TLS by itself, but not where Windows sign-in is used: move streams and slow reports to a host name of their own."),
			fix(explain.Client, "", "Ask for slow things on connections of their own, and ask for no more at a time than are needed; do not ask ahead (pipelining)."),
			fix(explain.Origin, "", "Make the slow one quicker, or let it answer at once and deliver later."),
		},
		Confirm: "The quick request alone, while nothing else runs: `curl -o /dev/null -w '%{time_starttransfer}\\n' URL`. HAProxy: `echo 'show stat' | socat stdio /run/haproxy/admin.sock | cut -d, -f1-4` shows the queue.",
		LookAlikes: []explain.Alike{
			{ID: "slow-origin", Difference: "the request was with the origin all the time"},
			{ID: "no-usable-origin", Difference: "it waited in the queue until the gateway gave up"},
			{ID: "loss-limited-transfer", Difference: "HTTP/2 and packet loss: all streams of a connection stand still together"},
			{ID: "one request after another", Difference: "a script that asks for the next when it has the last waits for nothing"},
		},
		References: []string{"RFC 9112 section 9.3.2 (pipelining)", "RFC 9112 section 9.4 (number of connections)", "HAProxy configuration manual, maxconn and the timers of the log", "seen with Chromium (6 connections), HAProxy 2.6 (maxconn 1), nginx (pipelining)"},
	},
	Hides: []string{"slow-origin", "client-gave-up"},
	Check: checkHeadOfLine,
}

const (
	longWait     = time.Second            // behind another, from where on it is worth a word
	rightBehind  = 100 * time.Millisecond // from the end of the one in front
	browserConns = 6                      // to a host over HTTP/1.1, of all large browsers
	nextAtOnce   = 20 * time.Millisecond  // in which a browser takes a connection that has become free
)

func checkHeadOfLine(p *explain.Pass) {
	for _, c := range p.Conns() {
		checkPipeline(p, c)
	}
	for _, list := range turns(p.Conns()) {
		checkGatewayQueue(p, list)
		checkBrowserQueue(p, list)
	}
}

// checkPipeline looks for answers that had to wait for those in front of them.
func checkPipeline(p *explain.Pass, c *flow.Conn) {
	for i := 1; i < len(c.Exchanges); i++ {
		front, x := c.Exchanges[i-1], c.Exchanges[i]
		if x.HTTP == "2" || x.Started.IsZero() || front.ResponseDone.IsZero() || x.Responded.IsZero() {
			continue
		}
		wait, gap := front.ResponseDone.Sub(x.Started), x.Responded.Sub(front.ResponseDone)
		if wait < longWait || gap < 0 || gap > rightBehind {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Proof,
			Cause: fmt.Sprintf("%s was asked ahead, while %s was still unanswered on the same connection. HTTP/1.1 answers in order: it waited %s for the one in front.",
				asked(x), asked(front), explain.Span(wait)),
			Evidence: []explain.Evidence{
				explain.At(c, findOf(c, x, flow.Request), asked(x)+" is asked ahead"),
				explain.At(c, findOf(c, front, flow.ResponseDone), asked(front)+" is answered at last"),
				explain.At(c, findOf(c, x, flow.Response), asked(x)+" is answered right behind it"),
			},
		}
		p.Blame(&f, c, x)
		p.Report(f)
	}
}

// checkGatewayQueue looks for requests that a gateway sent on only when another
// one to the same origin was over.
func checkGatewayQueue(p *explain.Pass, list []turn) {
	for i, t := range list {
		front, x := p.Front(t.c, t.x)
		if x == nil || t.x.Parent != x.ID || p.Behind(x.ID)[0] != t.x || x.RequestDone.IsZero() || guessed(t.x) {
			continue
		}
		wait := t.x.Started.Sub(x.RequestDone)
		if wait < longWait || t.c.Server == front.Server || connectedSlowly(t) {
			continue
		}
		before := lastEnded(list[:i], t, x)
		if before.x == nil {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Likely,
			Cause: fmt.Sprintf("The gateway %s kept %s for %s, and sent it on when %s was over, for which it uses the same server %s.",
				front.Server, asked(x), explain.Span(wait), asked(before.x), t.c.Server),
			Evidence: []explain.Evidence{
				explain.At(front, findOf(front, x, flow.RequestDone), asked(x)+" has come completely"),
				explain.At(before.c, findOf(before.c, before.x, flow.ResponseDone), asked(before.x)+" is over"),
				explain.At(t.c, findOf(t.c, t.x, flow.Request), asked(t.x)+" is sent on"),
			},
			Missing: []string{"the gateway's limit for that server (HAProxy: maxconn), or its log: how long the request was in the queue"},
		}
		p.Blame(&f, t.c, t.x)
		p.Report(f)
	}
}

// connectedSlowly tells that t is the first on its connection, and waited for it.
func connectedSlowly(t turn) bool {
	d, known := between(t.c, find(t.c, 0, flow.Unknown, flow.SYN), findOf(t.c, t.x, flow.Request))
	return known && d > rightBehind && !reused(t.c, t.x)
}

// lastEnded is the exchange that was running when x came to the gateway, and
// ended right before t began.
func lastEnded(list []turn, t turn, x *flow.Exchange) turn {
	for _, before := range list {
		gap := t.x.Started.Sub(before.x.Ended)
		if !before.x.Ended.IsZero() && gap >= 0 && gap <= rightBehind && before.x.Started.Before(x.Started) && before.x.Ended.Sub(before.x.Started) >= longWait {
			return before
		}
	}
	return turn{}
}

// checkBrowserQueue looks for requests of a browser that began as soon as one
// of its six connections was free, while all others were busy.
func checkBrowserQueue(p *explain.Pass, list []turn) {
	var waited []turn
	for i, t := range list {
		if t.x.HTTP == "2" || !browser(t.x, t.x) {
			continue
		}
		before := onSameConn(list[:i], t)
		if before == nil || before.Ended.IsZero() || before.Ended.Sub(before.Started) < longWait ||
			t.x.Started.Sub(before.Ended) > nextAtOnce || busyBeside(list, t) != browserConns-1 {
			continue
		}
		waited = append(waited, t)
	}
	if len(waited) < 2 {
		return // one may be chance
	}
	first := waited[0]
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s had %d connections to %s, all busy with slow answers. %d requests, such as %s, began only when one of them became free.",
			caller(first.c), browserConns, peer(first.c), len(waited), asked(first.x)),
		Missing: []string{"the browser's own times (HAR: blocked): since when it had wanted to ask"},
	}
	for _, t := range waited[:2] {
		f.Evidence = append(f.Evidence, explain.At(t.c, findOf(t.c, t.x, flow.Request), fmt.Sprintf("%s, right after the answer before it; %d other connections are busy", asked(t.x), browserConns-1)))
	}
	nameTurns(p, &f, waited)
	p.Report(f)
}

// onSameConn is the exchange before t on its connection.
func onSameConn(list []turn, t turn) *flow.Exchange {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].c == t.c {
			return list[i].x
		}
	}
	return nil
}

// busyBeside counts the other connections that had an unanswered exchange when
// t began.
func busyBeside(list []turn, t turn) int {
	busy := map[flow.ConnID]bool{}
	for _, o := range list {
		if o.c != t.c && o.x.Started.Before(t.x.Started) && (o.x.Ended.IsZero() || o.x.Ended.After(t.x.Started)) {
			busy[o.c.ID] = true
		}
	}
	return len(busy)
}
