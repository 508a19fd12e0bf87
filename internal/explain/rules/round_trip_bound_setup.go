package rules

import (
	"fmt"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var roundTripBoundSetup = explain.Rule{
	ID:       "round-trip-bound-setup",
	Title:    "Most of the time goes into round trips before the first request",
	Severity: explain.Note,
	Doc: explain.Page{
		Means: "Client and server are far apart, and connections are set up with more round trips than needed, again and again. The exchanges themselves are short.",
		Looks: "From the SYN to the first request pass three and more round trips, on connection after connection. `curl -w '%{time_connect} %{time_appconnect} %{time_total}\\n'` shows most of the time before time_appconnect.",
		Why:   "TLS 1.2 without resumption (two round trips more than TCP); a TLS 1.3 client whose key share the server does not take (HelloRetryRequest, one more); a certificate chain that does not fit into the first ten or so segments (one more); connections that are not kept.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "Keep connections and use them again; that saves all of it."),
			fix(explain.Origin, "nginx", "Allow TLS 1.3 and resumption:", "ssl_protocols TLSv1.2 TLSv1.3;", "ssl_session_cache shared:tls:10m;"),
			fix(explain.Origin, "Apache", "Allow TLS 1.3 and resumption:", "SSLProtocol -all +TLSv1.2 +TLSv1.3", "SSLSessionCache shmcb:/run/apache2/tls(512000)"),
			fix(explain.Origin, "HAProxy", "Allow TLS 1.3 and resumption:", "ssl-default-bind-options ssl-min-ver TLSv1.2", "tune.ssl.cachesize 100000"),
			fix(explain.Gateway, "Fanlight", "Put it near the clients: they shake hands with it, and it keeps its connections to the origin.", "timeouts: {idle: 120s}"),
		},
		Confirm: "`ping` gives the round trip; multiply.",
		LookAlikes: []explain.Alike{
			{ID: "connection-closed-each-request", Difference: "a message forbids to keep the connection: that is the cause then"},
			{ID: "slow-origin", Difference: "the wait is after the request"},
			{ID: "accept-queue-overflow", Difference: "the time is lost before the connection is made"},
		},
		References: []string{"RFC 8446 section 2 (round trips of TLS 1.3)", "RFC 6928 (initial window of ten segments)", "seen over 60 and 80 ms: curl with TLS 1.2, openssl with TLS 1.3 and a HelloRetryRequest, 3.1 round trips each"},
	},
	Check: checkRoundTrips,
}

const (
	farAway     = 50 * time.Millisecond
	manySetups  = 5
	setupShare  = 0.5
	tripsWanted = 2.7 // three, less what clocks and captures lose
)

// setup is how one connection was set up.
type setup struct {
	c               *flow.Conn
	rtt, took, life time.Duration
}

func checkRoundTrips(p *explain.Pass) {
	by := map[pair][]setup{}
	var order []pair
	for _, c := range p.Conns() {
		if s, ok := setupOf(c); ok {
			if by[pairOf(c)] == nil {
				order = append(order, pairOf(c))
			}
			by[pairOf(c)] = append(by[pairOf(c)], s)
		}
	}
	for _, who := range order {
		checkSetups(p, by[who])
	}
}

// setupOf measures a connection that got as far as TLS, seen from its SYN on.
func setupOf(c *flow.Conn) (setup, bool) {
	syn, made, done := find(c, 0, flow.Client, flow.SYN), find(c, 0, flow.Unknown, flow.Established), find(c, 0, flow.Unknown, flow.TLSDone)
	rtt, known := between(c, syn, made)
	took, finished := between(c, syn, done)
	life, _ := between(c, syn, len(c.Events)-1)
	if !known || !finished || find(c, 0, flow.Unknown, flow.Retransmission) >= 0 {
		return setup{}, false
	}
	return setup{c, rtt, took, life}, true
}

func checkSetups(p *explain.Pass, all []setup) {
	var setups, lives time.Duration
	trips, least, most := 0.0, time.Hour, time.Duration(0)
	full, retried := 0, 0
	for _, s := range all {
		setups, lives = setups+s.took, lives+s.life
		least, most = min(least, s.rtt), max(most, s.rtt)
		trips += float64(s.took) / float64(max(s.rtt, 1))
		if s.c.TLS.Version != "1.3" && s.c.TLS.Resumed != flow.Yes {
			full++
		}
		if find(s.c, 0, flow.Unknown, flow.HelloRetry) >= 0 {
			retried++
		}
	}
	n := len(all)
	if n < manySetups || least < farAway || most > 2*least || full+retried == 0 || lives == 0 ||
		float64(setups)/float64(lives) < setupShare || trips/float64(n) < tripsWanted || trips/float64(n) > 6 {
		return
	}
	first := all[0]
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("%d connections from %s to %s, with a round trip of about %s, each spent %.1f round trips on their set-up: %d %% of their time. %s",
			n, caller(first.c), peer(first.c), explain.Span(least), trips/float64(n), int(100*float64(setups)/float64(lives)), whySlow(full, retried)),
	}
	for i, s := range all[:min(n, namedTurns)] {
		if i < 2 {
			f.Evidence = append(f.Evidence, explain.At(s.c, find(s.c, 0, flow.Unknown, flow.TLSDone), "TLS complete "+explain.Span(s.took)+" after the SYN"))
		}
		p.Blame(&f, s.c, nil)
	}
	p.Report(f)
}

// whySlow says what cost the round trips.
func whySlow(full, retried int) string {
	var why []string
	if full > 0 {
		why = append(why, fmt.Sprintf("%d made a full handshake of TLS 1.2 or older, which takes two.", full))
	}
	if retried > 0 {
		why = append(why, fmt.Sprintf("%d were told by a HelloRetryRequest to begin anew, which takes one more.", retried))
	}
	return strings.Join(why, " ")
}
