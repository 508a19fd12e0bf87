package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var wsIdleCut = explain.Rule{
	ID:       "ws-idle-cut",
	Title:    "A timer cut the WebSocket because nothing was said on it",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "For some time neither side sent a frame, not even a ping. A gateway in between took the connection for dead and ended it, without the close frame with which WebSocket ends.",
		Looks: "The socket ends after a round number of seconds of silence, always the same. The browser reports code 1006. nginx logs `upstream timed out (110: Connection timed out) while proxying upgraded connection`, HAProxy shows `sD` or `cD`.",
		Why:   "The gateway's timer for silence is shorter than the pauses of the application: nginx takes proxy_read_timeout (60 s), HAProxy `timeout tunnel`, Envoy the idle timeout of streams (5 min), load balancers their own.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Send a ping (or any message) more often than the shortest timer on the way, every 30 s is usual."),
			fix(explain.Gateway, "nginx", "Wait longer on that path:", "proxy_read_timeout 1h;", "proxy_send_timeout 1h;"),
			fix(explain.Gateway, "HAProxy", "Wait longer:", "timeout tunnel 1h"),
			fix(explain.Gateway, "Apache", "Wait longer on that path (seconds):", "ProxyPass /ws http://192.0.2.20:8080/ws upgrade=websocket timeout=3600"),
			fix(explain.Gateway, "Fanlight", "Wait longer on that route:", "timeouts: {tunnel: 1h}"),
			fix(explain.Client, "", "Connect again when the socket ends, and ask for what was missed."),
		},
		Confirm: "With a ping each 20 s the socket stays.",
		LookAlikes: []explain.Alike{
			{ID: "ws-upgrade-headers-lost", Difference: "the socket was never made"},
			{ID: "idle-mapping-dropped", Difference: "nobody ends the connection; what is sent after the pause vanishes"},
			{ID: "a closed tab or a restarted server", Difference: "frames had passed shortly before, or a close frame says why"},
		},
		References: []string{"RFC 6455 section 7.1.5 (1006) and 5.5.2 (ping)", "nginx: WebSocket proxying, proxy_read_timeout", "seen with nginx 1.22 and HAProxy 2.6: TLS close_notify and FIN, no close frame"},
	},
	Hides:   []string{"client-gave-up"},
	Silence: true,
	Check:   checkWSIdle,
}

// quietTunnel is the shortest silence that is worth a timer.
const quietTunnel = 10 * time.Second

func checkWSIdle(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			done := findOf(c, x, flow.TunnelDone)
			if x.Tunnel == "" || x.Tunnel == "CONNECT" || done < 0 {
				continue
			}
			if i := ranOut(c, "tunnel"); i >= 0 {
				reportWSIdle(p, c, x, explain.Proof, explain.At(c, i, "tunnel timeout"), after(c, i)+" of silence")
				continue
			}
			checkWSCut(p, c, x, done)
		}
	}
}

// checkWSCut judges a tunnel of WebSocket frames that ended without a close
// frame after a silence: the server's side ended it, or a known timer fits.
func checkWSCut(p *explain.Pass, c *flow.Conn, x *flow.Exchange, done int) {
	e := &c.Events[done]
	quiet, known := milliseconds(e.Attr(flow.KeyIdle))
	if !known || e.From != flow.Unknown || e.Text != "" || quiet < quietTunnel || c.Self != flow.Unknown {
		return
	}
	note := timerNote(quiet, tunnelSilence)
	sure := explain.Possible
	if note != nil {
		sure = explain.Likely
	}
	by, end := leaver(c)
	if by == flow.Unknown || by == flow.Client && note == nil {
		return // a client may leave without a word at any time
	}
	cut := explain.At(c, end, fmt.Sprintf("closed by the %s (%s), no close frame", by, manner(c, end)))
	reportWSIdle(p, c, x, sure, cut, "after "+explain.Span(quiet)+" without a frame", note...)
}

func reportWSIdle(p *explain.Pass, c *flow.Conn, x *flow.Exchange, sure explain.Confidence, cut explain.Evidence, when string, more ...explain.Evidence) {
	f := explain.Finding{
		Confidence: sure,
		Cause:      fmt.Sprintf("The WebSocket of %s at %s was cut %s.", asked(x), peer(c), when),
		Evidence:   append([]explain.Evidence{explain.At(c, findOf(c, x, flow.Tunnel), "became a WebSocket"), cut}, more...),
	}
	if sure == explain.Possible {
		f.Missing = []string{"whether the pauses before several such ends are equal"}
	}
	p.Blame(&f, c, x)
	p.Report(f)
}
