package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var h2EnhanceYourCalm = explain.Rule{
	ID:       "h2-enhance-your-calm",
	Title:    "One side ended HTTP/2 because the other did too much of something",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A side counts what costs it work and serves nobody: streams opened and cancelled at once, pings, settings, empty frames. When that becomes too much, it ends the stream or the connection with ENHANCE_YOUR_CALM. All requests that were open on the connection are lost, also those of other users behind the same gateway.",
		Looks: "GOAWAY or RST_STREAM with error 11 (0xb), sometimes with words such as `too_many_pings`. hyper says `too_many_internal_resets`, netty `Maximum number of RST frames reached`, gRPC `ENHANCE_YOUR_CALM`, nginx logs `http2 flood detected`.",
		Why:   "Since the rapid reset attacks of 2023 servers allow few cancelled streams. A gateway that carries many browsers on one connection cancels a stream whenever a user goes to the next page, and looks like an attacker. Go refuses once four times as many requests as it takes at a time wait for a handler. gRPC clients ping more often than servers allow (five minutes by default).",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "", "Use more connections to that origin, or HTTP/1.1."),
			fix(explain.Gateway, "HAProxy", "Speak HTTP/1.1 to the origin:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem alpn http/1.1"),
			fix(explain.Origin, "Go", "Take more at a time:", "http.Server{HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 1000}}"),
			fix(explain.Origin, "netty", "Allow the gateway more resets in a time:", "Http2FrameCodecBuilder.decoderEnforceMaxRstFramesPerWindow(2000, 30)"),
			fix(explain.Origin, "gRPC", "Allow pings as often as the client sends them:", "GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS=10000"),
			fix(explain.Client, "gRPC", "Ping less often than every five minutes, or not at all:", "GRPC_ARG_KEEPALIVE_TIME_MS=600000"),
			fix(explain.Client, "", "Do not open streams that are then cancelled."),
		},
		Confirm: "Count the RST_STREAM frames before the end, in a capture with keys: `tshark -r FILE -Y http2.type==3`.",
		LookAlikes: []explain.Alike{
			{ID: "h2-goaway-race", Difference: "GOAWAY with NO_ERROR: an ordinary end"},
			{ID: "h2-refused-or-throttled-streams", Difference: "REFUSED_STREAM, the connection goes on"},
		},
		References: []string{"RFC 9113 sections 7 and 10.5", "CVE-2023-44487", "hyperium/h2#856", "reactor/reactor-netty#3894", "seen with Go 1.26 as server and requests that Go and Chromium cancel at once; Apache 2.4 bore them"},
	},
	Needs: needsHeaders(),
	Hides: []string{"origin-closed-without-answer", "client-gave-up", "keepalive-race", "h2-goaway-race"},
	Check: checkCalm,
}

func checkCalm(p *explain.Pass) {
	for _, c := range p.Conns() {
		events := h2Errors(c, flow.Unknown, "ENHANCE_YOUR_CALM")
		if len(events) == 0 {
			continue
		}
		i := events[0]
		e := &c.Events[i]
		resets := 0
		for j := range c.Events[:i] {
			if c.Events[j].Kind == flow.StreamReset && c.Events[j].From == e.From.Other() {
				resets++
			}
		}
		f := explain.Finding{
			Confidence: explain.Proof,
			Cause:      fmt.Sprintf("The %s ended HTTP/2 with ENHANCE_YOUR_CALM: it counted too much of something the %s did.", e.From, e.From.Other()),
			Evidence:   []explain.Evidence{explain.At(c, i, e.Kind.String()+" with ENHANCE_YOUR_CALM")},
		}
		if why := e.Attr(flow.KeyReason); why != "" {
			f.Cause += fmt.Sprintf(" It says: %s.", why)
		}
		if resets > 0 {
			f.Cause += fmt.Sprintf(" Before that the %s had cancelled %s of %d on this connection.", e.From.Other(), counted(resets, "stream", "streams"), len(c.Exchanges)+c.Forgotten)
		} else if e.Attr(flow.KeyReason) == "" {
			f.Cause += " Of what, is not known: pings and settings are not in the record."
		}
		lost := h2Lost(c, events)
		blameAll(p, &f, c, lost)
		if len(lost) == 0 {
			p.ReportAs(explain.Warning, f)
			continue
		}
		p.Report(f)
	}
}
