package rules

import (
	"fmt"
	"slices"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var keepaliveRace = explain.Rule{
	ID:       "keepalive-race",
	Title:    "A kept-alive connection was closed just as it was used again",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The request went out on a connection that had been idle; at that moment the server's idle timer closed it. The two crossed on the way. The server never saw the request as one to answer.",
		Looks: "A reused connection, an idle time close to the server's keep-alive timer, no response byte, FIN or RST within a round trip. Sporadic 502s within milliseconds, more with POST, which may not be repeated. nginx logs `upstream prematurely closed connection` or `recv() failed (104)`, Envoy flag `UC`, HAProxy `SH`, Go `server closed idle connection`.",
		Why:   "The server's idle timeout is shorter than the time the gateway or client keeps connections. Common defaults of servers are 2 s (gunicorn), 5 s (Node.js, Apache), 120 s (HTTP.sys).",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Keep idle connections for less time than the origin does:", "timeouts: {idle: 4s}"),
			fix(explain.Gateway, "nginx", "As a gateway, in the upstream block:", "keepalive_timeout 4s;"),
			fix(explain.Gateway, "HAProxy", "As a gateway, on the server line:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem pool-purge-delay 2s"),
			fix(explain.Origin, "Node.js", "Keep idle connections longer than the gateway (milliseconds):", "server.keepAliveTimeout = 75000"),
			fix(explain.Origin, "Apache", "Keep idle connections longer than the gateway (seconds):", "KeepAliveTimeout 75"),
			fix(explain.Origin, "nginx", "Keep idle connections longer than the gateway:", "keepalive_timeout 75s;"),
			fix(explain.Origin, "IIS", "Keep idle connections longer than the gateway; the default is two minutes:", `%windir%\system32\inetsrv\appcmd set config -section:system.applicationHost/sites /siteDefaults.limits.connectionTimeout:"00:03:00" /commit:apphost`),
			fix(explain.Client, "", "Repeat requests that may be repeated, on a fresh connection."),
		},
		Confirm: "Note the idle times of several failures: they cluster just above the server's timer. With connection reuse off, the failures stop.",
		LookAlikes: []explain.Alike{
			{ID: "origin-closed-without-answer", Difference: "a fresh connection, or a close after the server had worked for a while"},
			{ID: "idle-mapping-dropped", Difference: "nothing comes back at all: a device in between forgot the connection"},
			{ID: "h2-goaway-race", Difference: "HTTP/2: a GOAWAY says which requests were not taken"},
			{ID: "injected-reset", Difference: "the reset came another way than the server's packets"},
		},
		References: []string{"RFC 9112 section 9.3.1 (retrying) and 9.5", "kubernetes/ingress-nginx#11244", "eclipse/jetty.project#2306"},
	},
	Hides:   []string{"client-gave-up"},
	Silence: true,
	Check:   checkKeepaliveRace,
}

func checkKeepaliveRace(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			i := droppedAt(c, x)
			if i < 0 || !isRace(c, x, i) || refusedEarly(c, x) != nil {
				continue
			}
			reportRace(p, c, x, i)
		}
	}
}

func reportRace(p *explain.Pass, c *flow.Conn, x *flow.Exchange, end int) {
	asking := findOf(c, x, flow.Request)
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s closed a kept-alive connection at the moment %s sent %s on it.",
			peer(c), caller(c), asked(x)),
		Evidence: []explain.Evidence{explain.At(c, asking, "request on a reused connection"), explain.At(c, end, "closed by the server ("+manner(c, end)+")")},
	}
	if d, known := between(c, asking, end); end < asking || known && d <= 0 {
		f.Confidence = explain.Proof // the close was on its way before the request
		slices.Reverse(f.Evidence)
	}
	if quiet, known := quietBefore(c, x); known {
		f.Cause = fmt.Sprintf("%s closed a kept-alive connection, idle for %s, at the moment %s sent %s on it.",
			peer(c), explain.Span(quiet), caller(c), asked(x))
		f.Evidence = append(f.Evidence, timerNote(quiet, idle)...)
	}
	if gone := refusedAfter(p, c, end); gone != nil {
		f.Confidence = explain.Possible
		f.Evidence = append(f.Evidence, explain.At(gone, refusedAt(gone), "and then refused new connections: it had ended, whatever its idle timer is"))
		f.Missing = append(f.Missing, "whether the server was stopped or restarted at that moment (its own log)")
	}
	report(p, f, c, x)
}

// refusedAfter is a connection that the server refused within seconds of event
// i on c, nil if there is none: servers that refuse have ended.
func refusedAfter(p *explain.Pass, c *flow.Conn, i int) *flow.Conn {
	for _, other := range p.Trace.Conns {
		if other.Server != c.Server || refusedAt(other) < 0 || other.Started.IsZero() {
			continue
		}
		if d := other.Started.Sub(c.Events[i].At); d > -time.Second && d < 10*time.Second {
			return other
		}
	}
	return nil
}

// quietBefore is how long c had been idle before x.
func quietBefore(c *flow.Conn, x *flow.Exchange) (time.Duration, bool) {
	if x.Idle > 0 {
		return x.Idle, true
	}
	var last time.Time
	for _, y := range c.Exchanges {
		if y == x {
			break
		}
		last = y.ResponseDone
	}
	if last.IsZero() || x.Started.IsZero() {
		return 0, false
	}
	return x.Started.Sub(last), true
}
