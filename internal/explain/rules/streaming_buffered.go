package rules

import (
	"fmt"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var streamingBuffered = explain.Rule{
	ID:       "streaming-buffered",
	Title:    "The gateway holds back what the application sends piece by piece",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The application sends events or lines as they happen. The gateway collects them, until its buffer is full or the response ends, and the client sees nothing for as long.",
		Looks: "Both sides of the gateway show it: behind it the response begins at once and comes in pieces, in front of it nothing comes for seconds, and then all together. EventSource stays in `connecting`, chat answers appear in one lump, progress bars jump to the end. Straight at the application all is well.",
		Why:   "Buffers of responses are on by default (nginx: proxy_buffering), a WAF or filter waits for the whole body because it looks into it (ModSecurity with SecResponseBodyAccess), a packing one until it has a block, or the application runs behind a server that collects its output.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "nginx", "Pass on at once, for that path:", "proxy_buffering off;", "gzip off;"),
			fix(explain.Origin, "", "Or say it with the response; nginx reads this field and does not pass it on:", "X-Accel-Buffering: no", "Cache-Control: no-cache, no-transform"),
			fix(explain.Gateway, "Apache", "mod_proxy passes on at once, and so does mod_buffer. ModSecurity does not, if it looks into responses of that type; leave the type out:", "SecResponseBodyMimeType text/plain text/html text/xml"),
			fix(explain.Gateway, "HAProxy", "It passes on at once, unless it packs that type:", "no option http-buffer-request", "compression type text/html text/css"),
			fix(explain.Gateway, "IIS ARR", "In the server's proxy settings, set `Response buffer threshold (KB)` to 0."),
			fix(explain.Gateway, "Fanlight", "It passes on at once by itself, unless the WAF of the site looks into text. Send the pieces as text/event-stream, or leave responses out:", "waf: {mode: block, responses: false}"),
		},
		Confirm: "`curl -N -sS URL | while read -r line; do date +%T.%N; done` prints one time for each event; with the gateway in between all the times are the same.",
		LookAlikes: []explain.Alike{
			{ID: "slow-origin", Difference: "the application had not begun to answer"},
			{ID: "nagle-delayed-ack", Difference: "pieces are late by 40 or 200 ms, not by seconds"},
			{ID: "slow-transfer", Difference: "both sides of the gateway are equally slow"},
			{ID: "client-gave-up", Difference: "the client left, and nothing was held back for it"},
		},
		References: []string{"nginx: ngx_http_proxy_module, proxy_buffering and X-Accel-Buffering", "ModSecurity: SecResponseBodyAccess", "seen with nginx 1.22 and with ModSecurity 2.9 in Apache; Apache alone and HAProxy pass on at once", "WHATWG HTML, server-sent events", "nginx/nginx#1505, caddyserver/caddy#6293"},
	},
	Hides: []string{"client-gave-up", "slow-origin"},
	Check: checkStreaming,
}

// heldTooLong is from where on holding back pieces of a response is a trouble.
const heldTooLong = 1500 * time.Millisecond

func checkStreaming(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, y := range c.Exchanges {
			front, x := p.Front(c, y)
			if x == nil || y.Status/100 != 2 || y.Tunnel != "" || y.Responded.IsZero() || x.Incident != "" || lastTry(p, x) != y {
				continue
			}
			if x.Status == 0 {
				checkHeldFromLeaver(p, turn{c, y}, turn{front, x})
			} else if x.Status == y.Status {
				checkHeld(p, turn{c, y}, turn{front, x})
			}
		}
	}
}

// checkHeld compares when the body came behind the gateway and in front of it.
func checkHeld(p *explain.Pass, back, front turn) {
	took, known := back.x.Receive()
	if !known || took < heldTooLong || pause(back)*5 > took*4 || !eventStream(back.x) && header(back.x.ResponseHeader, "Content-Length") != "" {
		return
	}
	first := front.x.Responded
	if receive, known := front.x.Receive(); known && pause(front)*5 > receive*4 {
		first = first.Add(pause(front))
	}
	held := first.Sub(back.x.Responded)
	if held < heldTooLong || held*2 < took {
		return
	}
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("%s sent its answer to %s piece by piece over %s. The gateway %s held it back: the first byte of the body went out %s later.",
			peer(back.c), asked(back.x), explain.Span(took), front.c.Server, explain.Span(held)),
		Evidence: []explain.Evidence{
			explain.At(back.c, findOf(back.c, back.x, flow.Response), "the application begins to answer"),
			explain.At(back.c, findOf(back.c, back.x, flow.ResponseDone), "its last piece"+longest(pause(back))),
			explain.At(front.c, findOf(front.c, front.x, flow.Response), "the head in front of the gateway"),
			explain.At(front.c, findOf(front.c, front.x, flow.ResponseDone), "the end of the body in front of the gateway"),
		},
	}
	if packed := coding(front.x); packed != "" && coding(back.x) == "" {
		f.Evidence = append(f.Evidence, explain.Fact("the gateway packs it: "+packed))
	}
	p.Blame(&f, back.c, back.x)
	p.Report(f)
}

// checkHeldFromLeaver sees a client that left before it had got anything of an
// event stream that was flowing.
func checkHeldFromLeaver(p *explain.Pass, back, front turn) {
	side, end := leaver(front.c)
	if side != flow.Client || end < 0 || !eventStream(back.x) {
		return
	}
	left := front.c.Events[end].At
	held := left.Sub(back.x.Responded)
	if left.IsZero() || held < heldTooLong {
		return
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s had begun its event stream for %s %s before the client left, and the gateway %s had passed on nothing of it.",
			peer(back.c), asked(back.x), explain.Span(held), front.c.Server),
		Evidence: []explain.Evidence{
			explain.At(back.c, findOf(back.c, back.x, flow.Response), "the application begins to answer, text/event-stream"),
			explain.At(front.c, end, "the client leaves ("+manner(front.c, end)+"), without a byte of an answer"),
		},
	}
	p.Blame(&f, back.c, back.x)
	p.Report(f)
}

// longest words a pause, if there was one worth a word.
func longest(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return ", longest pause " + explain.Span(d)
}

func eventStream(x *flow.Exchange) bool {
	return strings.HasPrefix(header(x.ResponseHeader, "Content-Type"), "text/event-stream")
}

// pause is the longest time without a byte of t's response body, as far as it
// was worth a word; 0 if not.
func pause(t turn) time.Duration {
	i := findOf(t.c, t.x, flow.ResponseDone)
	if i < 0 {
		return 0
	}
	d, _ := milliseconds(t.c.Events[i].Attr(flow.KeyPause))
	return d
}
