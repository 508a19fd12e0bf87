package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var h2GoAwayRace = explain.Rule{
	ID:       "h2-goaway-race",
	Title:    "Requests were lost when the server retired an HTTP/2 connection",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server said by GOAWAY that it takes no new requests on this connection, and which was the last it will answer. Requests that were on their way at that moment got no answer, and nobody sent them again.",
		Looks: "GOAWAY with NO_ERROR and a stream number, then streams without a response, then the connection ends. It happens after a fixed number of requests, after an hour, or at a reload. Go says `http2: server sent GOAWAY and closed the connection; LastStreamID=1999`, Chrome ERR_HTTP2_SERVER_REFUSED_STREAM, h2load counts `errored`, a gateway answers 502.",
		Why:   "Retiring a connection is ordinary: nginx does it after `keepalive_requests` (1000 by default) and `keepalive_time` (one hour). The client has to send again what is above the named stream, and to wait for the rest. Some cannot, because the body is gone; some close at once.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Send again, on a new connection, every request above the stream named in the GOAWAY: the server has not touched it. Wait for those up to it."),
			fix(explain.Client, "Go", "Make the body repeatable, then net/http sends it again by itself:", "req.GetBody = func() (io.ReadCloser, error) { ... }"),
			fix(explain.Origin, "nginx", "Retire connections less often:", "keepalive_requests 100000;", "keepalive_time 12h;"),
			fix(explain.Origin, "Apache", "Let reloads wait for what is open:", "apachectl graceful", "GracefulShutdownTimeout 60"),
			fix(explain.Gateway, "", "If a gateway loses them: speak HTTP/1.1 to that origin until it can repeat requests."),
		},
		Confirm: "`h2load -n 3000 -c 1 -m 20 https://SITE/path`: what it counts as errored was lost, for it repeats nothing. `curl` and browsers send such requests again. In a capture with keys the stream number of the GOAWAYs is the same each time: 2 x keepalive_requests - 1 with nginx.",
		LookAlikes: []explain.Alike{
			{ID: "h2-enhance-your-calm", Difference: "GOAWAY with ENHANCE_YOUR_CALM: the server defends itself"},
			{ID: "keepalive-race", Difference: "the same trouble in HTTP/1.1, where nobody says which requests were taken"},
			{ID: "h2-refused-or-throttled-streams", Difference: "single streams are reset; the connection goes on"},
		},
		References: []string{"RFC 9113 sections 6.8 and 8.7", "golang/go#18112", "cloudflare/cloudflared#1273", "nginx: keepalive_requests, keepalive_time", "seen with nginx 1.22 and h2load; curl 7.88 and Go 1.26 repeat what is above the named stream"},
	},
	Needs:   needsHeaders(),
	Hides:   []string{"origin-closed-without-answer", "keepalive-race", "client-gave-up"},
	Silence: true,
	Check:   checkGoAway,
}

func checkGoAway(p *explain.Pass) {
	for _, c := range p.Conns() {
		away := h2Errors(c, flow.Server, "NO_ERROR")
		if len(away) == 0 || c.Events[away[len(away)-1]].Kind != flow.GoAway {
			continue
		}
		i := away[len(away)-1] // a second one narrows what the first allowed
		last, known := lastStream(&c.Events[i])
		if !known {
			continue
		}
		var lost []*flow.Exchange
		for _, x := range c.Exchanges {
			if x.Stream > 0 && unanswered(c, x) && !resetApart(c, x, i) {
				lost = append(lost, x)
			}
		}
		if lost = unrepeated(p, c, lost); len(lost) > 0 {
			reportGoAway(p, c, i, last, lost)
		}
	}
}

// resetApart tells that x was not lost to the GOAWAY that is event away: the
// server reset its stream by itself, or the client had done so before.
func resetApart(c *flow.Conn, x *flow.Exchange, away int) bool {
	i := findOf(c, x, flow.StreamReset)
	return i >= 0 && (c.Events[i].From == flow.Server || i < away)
}

func reportGoAway(p *explain.Pass, c *flow.Conn, i, last int, lost []*flow.Exchange) {
	above := 0
	for _, x := range lost {
		if x.Stream > last {
			above++
		}
	}
	f := explain.Finding{Confidence: explain.Proof, Evidence: []explain.Evidence{explain.At(c, i, fmt.Sprintf("GOAWAY, last stream %d", last))}}
	switch {
	case above > 0:
		f.Cause = fmt.Sprintf("%s retired the connection after stream %d. %s above it got no answer. The server did not touch them; they may be sent again, also POST, but nobody did so in this record.",
			peer(c), last, counted(above, "request", "requests"))
	case c.Close.By == flow.Client:
		f.Confidence = explain.Likely
		f.Cause = fmt.Sprintf("%s retired the connection but was still to answer the streams up to %d; %s closed it without waiting for %s.",
			peer(c), last, caller(c), counted(len(lost), "of them", "of them"))
	default:
		f.Cause = fmt.Sprintf("%s announced to answer all streams up to %d, and then ended the connection with %s unanswered.",
			peer(c), last, counted(len(lost), "of them", "of them"))
	}
	f.Evidence = append(f.Evidence, explain.At(c, findOf(c, lost[0], flow.Request), fmt.Sprintf("%s on stream %d, never answered", asked(lost[0]), lost[0].Stream)))
	if j := closing(c); j >= 0 {
		f.Evidence = append(f.Evidence, explain.At(c, j, "closed by the "+c.Close.By.String()))
	}
	blameAll(p, &f, c, lost)
	p.Report(f)
}
