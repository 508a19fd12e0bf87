package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var connectionChurn = explain.Rule{
	ID:       "connection-churn",
	Title:    "Far more connections are opened than needed",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "A client opens a new connection for almost every request, although each was fit to carry the next one as well. That costs a TCP and often a TLS handshake each time.",
		Looks: "Dozens of connections within seconds between the same two machines, one exchange each, closed after it without a message that says so. `ss -tan state time-wait | wc -l` grows; the CPU goes into handshakes.",
		Why:   "A client library without a pool, or one that is made anew for each call; a pool smaller than the number of simultaneous requests; a server with a limit of requests per connection near 1; load tests without keep-alive.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Make one HTTP client, session or agent and use it for all calls; read response bodies to their end, or the connection cannot be used again."),
			fix(explain.Client, "Go", "Keep as many idle connections to a host as there are requests at a time (the default is 2):", "transport.MaxIdleConnsPerHost = 64"),
			fix(explain.Gateway, "nginx", "Keep connections to the origin:", "keepalive 32;", "proxy_http_version 1.1;", `proxy_set_header Connection "";`),
			fix(explain.Origin, "Apache", "Allow more requests on a connection:", "MaxKeepAliveRequests 1000"),
			fix(explain.Origin, "nginx", "Allow more requests on a connection:", "keepalive_requests 1000;"),
		},
		Confirm: "Count on the server: `ss -tan '( sport = :443 )' | awk '{print $1}' | sort | uniq -c`.",
		LookAlikes: []explain.Alike{
			{ID: "connection-closed-each-request", Difference: "a message announces the close"},
			{ID: "server-header-stripped-reauth", Difference: "the client closes after signed-in responses without Server header"},
			{ID: "many users behind one address", Difference: "connections overlap, and each carries several requests"},
		},
		References: []string{"RFC 9112 section 9.3 (persistence)", "Go: net/http, Transport.MaxIdleConnsPerHost", "seen with curl started anew, a http.Transport and a Node.js agent made anew for each request"},
	},
	Check: checkConnectionChurn,
}

// manyConnections within churnWindow is where a habit of opening connections
// begins to be worth a word.
const (
	manyConnections = 20
	churnWindow     = 10 * time.Second
)

func checkConnectionChurn(p *explain.Pass) {
	for _, list := range turns(p.Conns()) {
		var alone []turn
		byClient := 0
		for _, t := range soonAfterAnother(list) {
			if couldHaveGoneOn(t) {
				alone = append(alone, t)
				if t.c.Close.By == flow.Client {
					byClient++
				}
			}
		}
		if len(alone) < manyConnections || 2*len(alone) < len(list) {
			continue
		}
		if n := len(alone); alone[n-1].x.Started.Sub(alone[0].x.Started) <= churnWindow*time.Duration(n/manyConnections) {
			reportChurn(p, alone, byClient, len(list))
		}
	}
}

// couldHaveGoneOn tells that t was alone on its connection, although nothing
// that was said ended it.
func couldHaveGoneOn(t turn) bool {
	return len(t.c.Exchanges) == 1 && t.x.Outcome == flow.Complete && t.x.HTTP == "1.1" && t.x.Tunnel == "" &&
		t.c.Close.Ended && endsWith(t) == ""
}

func reportChurn(p *explain.Pass, list []turn, byClient, of int) {
	first, last := list[0], list[len(list)-1]
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("%d of %d requests from %s to %s had a connection of their own within %s, although nothing ended it; %d were closed by the client's side.",
			len(list), of, caller(first.c), peer(first.c), explain.Span(last.x.Started.Sub(first.x.Started)), byClient),
		Evidence: []explain.Evidence{
			explain.At(first.c, closing(first.c), "closed by the "+first.c.Close.By.String()+" after "+asked(first.x)),
			explain.At(last.c, closing(last.c), "closed by the "+last.c.Close.By.String()+" after "+asked(last.x)),
		},
	}
	nameTurns(p, &f, list)
	p.Report(f)
}
