package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var h2RefusedStreams = explain.Rule{
	ID:       "h2-refused-or-throttled-streams",
	Title:    "The server refused HTTP/2 streams",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server reset requests with REFUSED_STREAM before it did anything with them. As a rule more were open at a time than it allows. They may be sent again, whatever the method; nobody did.",
		Looks: "RST_STREAM with error 7. Chrome shows ERR_HTTP2_SERVER_REFUSED_STREAM, curl ends with 92 and `REFUSED_STREAM (err 7)`. It happens under load, to some of many requests of one connection.",
		Why:   "The client opens more streams than the server's SETTINGS_MAX_CONCURRENT_STREAMS, often in the first moment, before it has read that setting; or a gateway leaves streams open that nobody waits for. Servers refuse streams also while they shut down, and when a worker is out of memory.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Send refused requests again; wait for the server's SETTINGS before opening many streams."),
			fix(explain.Origin, "nginx", "Allow more at a time (128 is the default):", "http2_max_concurrent_streams 512;"),
			fix(explain.Origin, "Apache", "Allow more at a time (100 is the default):", "H2MaxSessionStreams 500"),
			fix(explain.Origin, "HAProxy", "Allow more at a time, in the global section:", "tune.h2.max-concurrent-streams 500"),
			fix(explain.Gateway, "", "Spread the load over several connections."),
		},
		Confirm: "`nghttp -nv https://SITE/ | grep MAX_CONCURRENT` shows the limit. `tshark -r FILE -Y 'http2.rst_stream.error==7'`, in a capture with keys, shows what was refused. Tools such as h2load read the limit first and stay below it, so that they are no test.",
		LookAlikes: []explain.Alike{
			{ID: "h2-enhance-your-calm", Difference: "ENHANCE_YOUR_CALM, and the connection ends"},
			{ID: "h2-goaway-race", Difference: "the connection was being retired by GOAWAY"},
			{ID: "h2-http11-required", Difference: "HTTP_1_1_REQUIRED: it will not work later either"},
		},
		References: []string{"RFC 9113 sections 5.1.2, 7 and 8.7", "seen with nginx 1.22 over TLS 1.2 and a Go client that cannot send its bodies again, and with nghttpd without TLS; over TLS 1.3 the limit came before the first request"},
	},
	Needs: needsHeaders(),
	Hides: []string{"origin-closed-without-answer", "client-gave-up", "keepalive-race"},
	Check: checkRefusedStreams,
}

func checkRefusedStreams(p *explain.Pass) {
	for _, c := range p.Conns() {
		events := h2Errors(c, flow.Server, "REFUSED_STREAM")
		lost := h2Lost(c, events)
		missing := unrepeated(p, c, lost)
		if len(missing) == 0 {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Proof,
			Cause: fmt.Sprintf("%s refused %s. Open on the connection at that moment: %d. Sent again and answered: %d.",
				peer(c), counted(len(lost), "stream", "streams"), openAt(c, events[0]), len(lost)-len(missing)),
			Evidence: []explain.Evidence{explain.At(c, findOf(c, missing[0], flow.Request), asked(missing[0])),
				explain.At(c, events[0], "REFUSED_STREAM")},
		}
		blameAll(p, &f, c, missing)
		p.Report(f)
	}
}

// openAt counts the requests that were open when event i of c came.
func openAt(c *flow.Conn, i int) int {
	at, n := c.Events[i].At, 0
	for _, x := range c.Exchanges {
		if !x.Started.IsZero() && !x.Started.After(at) && (x.Ended.IsZero() || !x.Ended.Before(at)) {
			n++
		}
	}
	return n
}
