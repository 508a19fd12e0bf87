package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// What a timer bounds. A gap is only compared with timers of its own kind.
const (
	idle          = "idle"       // an idle kept-alive connection
	response      = "response"   // from a request to its response
	renegotiat    = "renegotiat" // from a HelloRequest to its answer
	sending       = "sending"    // from one part of a request to the next
	tunnelSilence = "tunnel"     // without a frame on a WebSocket
	lookup        = "lookup"     // from a DNS query to its repetition
)

// timer is a commonly documented default. Versions differ, which is why the
// evidence says "matches" and never "is".
type timer struct {
	bounds  string
	seconds float64
	owner   string
}

func timers() []timer {
	return []timer{
		{idle, 2, "gunicorn"}, {idle, 5, "Node.js"}, {idle, 5, "Apache httpd"}, {idle, 5, "uvicorn"},
		{idle, 20, "Tomcat"}, {idle, 20, "Puma"}, {idle, 30, "Jetty"}, {idle, 60, "nginx upstream keep-alive"},
		{idle, 60, "AWS ALB"}, {idle, 75, "nginx keepalive_timeout"}, {idle, 120, "HTTP.sys"}, {idle, 130, "Kestrel"},
		{idle, 240, "Azure Load Balancer"}, {idle, 350, "AWS NLB"}, {idle, 600, "Google Cloud backend keep-alive"},
		{idle, 3600, "Envoy"},
		{response, 15, "Envoy route timeout"}, {response, 30, "IIS ARR server farm"},
		{response, 60, "nginx proxy_read_timeout"}, {response, 60, "Apache httpd Timeout"}, {response, 60, "AWS ALB"},
		{response, 100, "Cloudflare"}, {response, 120, "IIS ARR proxy"}, {response, 120, "HTTP.sys"},
		{renegotiat, 60, "Apache httpd Timeout"}, {renegotiat, 60, "nginx proxy_read_timeout"}, {renegotiat, 120, "HTTP.sys"},
		{sending, 60, "nginx client_header_timeout and client_body_timeout"}, {sending, 120, "HTTP.sys"},
		{tunnelSilence, 60, "nginx proxy_read_timeout"}, {tunnelSilence, 60, "AWS ALB"}, {tunnelSilence, 100, "Cloudflare"},
		{lookup, 5, "glibc's resolver"}, {lookup, 5, "Go's resolver"}, {lookup, 10, "glibc's resolver, twice"},
		{tunnelSilence, 300, "Envoy stream idle timeout"}, {tunnelSilence, 3600, "HAProxy timeout tunnel, as often written"},
	}
}

// matches tells that d could have been ended by a timer of so many seconds:
// never early, and late by at most a hundredth or 300 ms.
func (t timer) matches(d time.Duration) bool {
	want := time.Duration(t.seconds * float64(time.Second))
	return d > want-20*time.Millisecond && d <= want+max(want/100, 300*time.Millisecond)
}

// owners names whose default timer d matches, empty if nobody's.
func owners(d time.Duration, bounds ...string) string {
	var names []string
	for _, t := range timers() {
		for _, b := range bounds {
			if t.bounds == b && t.matches(d) && !slices.Contains(names, t.owner) {
				names = append(names, t.owner)
			}
		}
	}
	return strings.Join(names, ", ")
}

// WaitTimers names whose default limit for an answer d matches, empty if
// nobody's: for logs, which tell of no other gap than the whole.
func WaitTimers(d time.Duration) string { return owners(d, response, renegotiat) }

// timerNote is evidence that a gap matches known timers, if it does.
func timerNote(d time.Duration, bounds ...string) []explain.Evidence {
	who := owners(d, bounds...)
	if who == "" {
		return nil
	}
	return []explain.Evidence{explain.Fact(fmt.Sprintf("%s matches a default timer of %s", explain.Span(d), who))}
}

// limit is the length of the deadline that a Timeout event reports.
func limit(e *flow.Event) (time.Duration, bool) {
	return milliseconds(e.Attr(flow.KeyLimit))
}

// ranOut is the index of the Timeout event of a phase on c, or -1.
func ranOut(c *flow.Conn, phases ...string) int {
	return findText(c, flow.Unknown, flow.Timeout, phases...)
}

// after words the deadline of Timeout event i: "after 60.0 s".
func after(c *flow.Conn, i int) string {
	if d, ok := limit(&c.Events[i]); ok {
		return "after " + explain.Span(d)
	}
	return "at its deadline"
}
