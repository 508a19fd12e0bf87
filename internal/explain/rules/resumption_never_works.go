package rules

import (
	"fmt"
	"net/netip"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var resumptionNeverWorks = explain.Rule{
	ID:       "resumption-never-works",
	Title:    "Sessions are offered again and again, and never taken up",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "With each new connection the client offers a session it was given before, and each time the server makes a full handshake. Nothing fails; every connection pays one more round trip (TLS 1.2) or the server's signature (TLS 1.3).",
		Looks: "ClientHellos with a ticket, and not one resumed handshake. The CPU of the server goes into signatures. `openssl s_client -reconnect` prints `New` each time.",
		Why:   "Several servers behind one address do not share the key of their tickets; the key is made anew at each reload; resumption is switched off while tickets are still given out.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "nginx", "Share one key among the servers, and change it from time to time:", "ssl_session_ticket_key /etc/nginx/ticket.key;", "ssl_session_cache shared:tls:10m;"),
			fix(explain.Origin, "Apache", "Share one key among the servers:", "SSLSessionTicketKeyFile /etc/apache2/ticket.key"),
			fix(explain.Origin, "HAProxy", "Share keys among the servers:", "bind 192.0.2.10:443 ssl crt /etc/haproxy/site.pem tls-ticket-keys /etc/haproxy/ticket.keys"),
			fix(explain.Gateway, "", "Where a balancer spreads connections, let it send one client to one server."),
			fix(explain.Gateway, "Fanlight", "Keep connections to the origin for longer, so that fewer handshakes are needed:", "timeouts: {idle: 60s}"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME -sess_out s.pem`, then several times with `-sess_in s.pem`: `Reused` should appear.",
		LookAlikes: []explain.Alike{
			{ID: "resumed-under-wrong-name", Difference: "a session is offered under another name, which a server should refuse"},
			{ID: "connection-churn", Difference: "too many connections, whether resumed or not"},
			{ID: "early-data-rejected", Difference: "the session is taken up, the data sent ahead is not"},
		},
		References: []string{"RFC 5077 section 5.5 (tickets and several servers)", "RFC 8446 section 4.6.1", "envoy#1747, hitch#182", "seen with nginx 1.22: a reload makes a new key, and two behind a balancer have two"},
	},
	Check: checkResumption,
}

// enoughTries is how many refused offers make a pattern.
const enoughTries = 5

type resumers struct {
	client netip.Addr
	server netip.AddrPort
	name   string
}

func checkResumption(p *explain.Pass) {
	tried := map[resumers][]*flow.Conn{}
	worked := map[resumers]bool{}
	var order []resumers
	for _, c := range p.Conns() {
		if c.TLS == nil || c.TLS.Done != flow.Yes || fact(c, flow.Client, flow.ClientHello, flow.KeyTickets) == "" {
			continue
		}
		who := resumers{c.Client.Addr(), c.Server, c.TLS.SNI}
		switch c.TLS.Resumed {
		case flow.Yes:
			worked[who] = true
		case flow.No:
			if tried[who] == nil {
				order = append(order, who)
			}
			tried[who] = append(tried[who], c)
		}
	}
	for _, who := range order {
		if len(tried[who]) >= enoughTries && !worked[who] {
			reportNeverResumed(p, tried[who])
		}
	}
}

func reportNeverResumed(p *explain.Pass, conns []*flow.Conn) {
	first := conns[0]
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("%s offered %s a session on %d connections, and none of them was taken up (0 of %d).",
			caller(first), peer(first), len(conns), len(conns)),
	}
	for _, c := range conns {
		f.Conns = append(f.Conns, c.ID)
	}
	for _, c := range conns[:3] {
		f.Evidence = append(f.Evidence, explain.At(c, hello(c), "session offered"), explain.At(c, find(c, 0, flow.Unknown, flow.TLSDone), "full handshake"))
	}
	if d, known := handshakeTime(conns); known {
		f.Cause += " Their handshakes took " + explain.Span(d) + " on average."
	}
	p.Report(f)
}

// handshakeTime is the mean from ClientHello to the end of the handshake.
func handshakeTime(conns []*flow.Conn) (mean time.Duration, known bool) {
	var sum time.Duration
	for _, c := range conns {
		d, known := between(c, hello(c), find(c, 0, flow.Unknown, flow.TLSDone))
		if !known {
			return 0, false
		}
		sum += d
	}
	return sum / time.Duration(len(conns)), true
}
