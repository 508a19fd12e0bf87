package rules

import (
	"fmt"
	"slices"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var originClosedWithoutAnswer = explain.Rule{
	ID:       "origin-closed-without-answer",
	Title:    "The server took the request and closed without answering",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "A request was sent, and the server ended the connection before the first byte of a response. A gateway in front answers 502.",
		Looks: "Request, then FIN or RST from the server. nginx logs `upstream prematurely closed connection while reading response header from upstream` or `recv() failed (104)`, HAProxy shows `SH`, curl ends with code 52 or 56.",
		Why:   "The process that worked on it crashed or was restarted; a limit or filter cut it; the server does not speak the protocol it was asked in.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Look at the origin's error log and for crashes at that second.", "journalctl -u SERVICE --since ...", "coredumpctl list"),
			fix(explain.Origin, "IIS", "Look at the HTTPERR log and the event log; `Connection_Dropped` and `Connection_Abandoned_By_AppPool` name the worker.", `type %windir%\System32\LogFiles\HTTPERR\httperr*.log`),
			fix(explain.Gateway, "Fanlight", "Requests that may be repeated (GET, HEAD, PUT, DELETE) are tried again once on a fresh connection when a reused one died; others are not."),
		},
		Confirm: "The same request straight to the origin, several times: does it fail as well?",
		LookAlikes: []explain.Alike{
			{ID: "keepalive-race", Difference: "a reused connection that had been idle, closed within a round trip"},
			{ID: "renegotiation-refused", Difference: "a HelloRequest came before the close"},
			{ID: "post-handshake-auth-not-offered", Difference: "TLS 1.3, only certain paths, a reset at once"},
			{ID: "body-truncated", Difference: "a response had begun"},
			{ID: "plaintext-to-tls-port", Difference: "HTTP without TLS, each time: HTTP.sys and HAProxy end it so where they expect TLS"},
			{ID: "injected-reset", Difference: "the reset came another way than the server's packets"},
			{ID: "early-response-lost", Difference: "an answer was sent, and the reset destroyed it"},
		},
		References: []string{"RFC 9112 section 9.5 (failures and timeouts)"},
	},
	Hides:   []string{"client-gave-up"},
	Silence: true,
	Check:   checkOriginClosed,
}

func checkOriginClosed(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			i := droppedAt(c, x)
			if i < 0 || isRace(c, x, i) || unsent(c, x) || refusedEarly(c, x) != nil {
				continue
			}
			cause := fmt.Sprintf("%s took %s and closed the connection without a byte of an answer", peer(c), asked(x))
			if d, known := between(c, findOf(c, x, flow.Request), i); known {
				cause += fmt.Sprintf(", %s after the request", explain.Span(d))
			}
			report(p, explain.Finding{
				Confidence: explain.Proof,
				Fixes:      slices.Concat(tryTLS(c, x, i), p.Fixes()),
				Cause:      cause + ".",
				Evidence: []explain.Evidence{
					explain.At(c, findOf(c, x, flow.Request), "request "+asked(x)),
					explain.At(c, i, "closed by the server ("+manner(c, i)+")"),
				},
			}, c, x)
		}
	}
}

// tryTLS is what else to look at where a port of an origin that was asked without
// TLS ends the first request at once: so do HTTP.sys and HAProxy where they
// expect TLS.
func tryTLS(c *flow.Conn, x *flow.Exchange, end int) []explain.Fix {
	d, known := between(c, findOf(c, x, flow.Request), end)
	if c.TLS != nil || c.Self != flow.Client || reused(c, x) || !known || d > 100*time.Millisecond {
		return nil
	}
	return []explain.Fix{fix(explain.Gateway, "Fanlight", "If every request ends so, that port may expect TLS. See whether it answers to TLS; if so, write https in the route:",
		"curl -kv https://"+c.Server.String()+"/", "to: https://"+c.Server.String())}
}

// droppedAt is the event with which the server ended c instead of answering x,
// its last exchange there; -1 if that is not what happened.
func droppedAt(c *flow.Conn, x *flow.Exchange) int {
	if c.Self == flow.Server || !unanswered(c, x) || findOf(c, x, flow.Request) < 0 ||
		find(c, 0, flow.Unknown, flow.Timeout) >= 0 || findOf(c, x, flow.Interim) >= 0 || givenUp(c, x) {
		return -1
	}
	side, i := leaver(c)
	if side != flow.Server {
		return -1
	}
	return i
}

// givenUp tells that HTTP/2 has its own words for the end of x: the server reset
// the stream, or had said by GOAWAY what it will answer before anybody closed.
func givenUp(c *flow.Conn, x *flow.Exchange) bool {
	if x.Stream == 0 {
		return false
	}
	if i := find(c, 0, flow.Server, flow.GoAway); i >= 0 && (closing(c) < 0 || i < closing(c)) {
		return true
	}
	i := findOf(c, x, flow.StreamReset)
	return i >= 0 && c.Events[i].From == flow.Server
}

// isRace tells that the close of an idle connection, not the request, explains
// it: the connection was reused, and the close came too soon to be an answer.
func isRace(c *flow.Conn, x *flow.Exchange, end int) bool {
	if !reused(c, x) {
		return false
	}
	if quiet, known := quietBefore(c, x); known && quiet <= 0 {
		return false // several at a time: the connection was in use
	}
	d, known := between(c, findOf(c, x, flow.Request), end)
	return !known || d < time.Second
}
