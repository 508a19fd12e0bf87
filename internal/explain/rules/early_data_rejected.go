package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var earlyDataRejected = explain.Rule{
	ID:       "early-data-rejected",
	Title:    "Data sent ahead of the handshake (0-RTT) is never taken",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The client sends its first request together with the ClientHello (TLS 1.3 early data). The server refuses it each time, and the request has to be sent again after the handshake: nothing is won, and bytes are sent twice.",
		Looks: "ClientHellos with early_data, handshakes without it accepted; or the answer 425 Too Early. Chrome ERR_EARLY_DATA_REJECTED (it repeats by itself), OpenSSL `Early data was rejected`.",
		Why:   "Early data is switched off, or the server that is asked is not the one that gave out the ticket; its key changed; protection against replays lets nothing through. Or the client sends its key for a group that the server does not take: the HelloRetryRequest refuses early data each time.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "nginx", "Take it, and tell the application, which must refuse what may not be repeated:", "ssl_early_data on;", "proxy_set_header Early-Data $ssl_early_data;"),
			fix(explain.Origin, "nginx", "If a HelloRetryRequest refuses it, take the group that clients begin with:", "ssl_ecdh_curve X25519:P-256;"),
			fix(explain.Origin, "HAProxy", "Take it:", "bind 192.0.2.10:443 ssl crt /etc/haproxy/site.pem allow-0rtt"),
			fix(explain.Origin, "", "Share ticket keys among servers behind one address."),
			fix(explain.Client, "", "Switch early data off if it is refused always. Answer 425 by sending the request again after the handshake."),
			fix(explain.Gateway, "Fanlight", "The door takes no early data; clients lose one round trip at most. There is nothing to change."),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername NAME -sess_out s.pem`, then `-sess_in s.pem -early_data request.txt`: it prints whether it was accepted.",
		LookAlikes: []explain.Alike{
			{ID: "resumption-never-works", Difference: "not even the session is taken up"},
			{ID: "a single refusal", Difference: "normal: a ticket got old, or a server was restarted"},
		},
		References: []string{"RFC 8446 sections 2.3 and 4.2.10", "RFC 8470 (425 Too Early)", "seen with openssl s_client and nginx 1.22: switched off, and asked for another group"},
	},
	Check: checkEarlyData,
}

const enoughEarly = 3

func checkEarlyData(p *explain.Pass) {
	refused := map[resumers][]*flow.Conn{}
	taken := map[resumers]bool{}
	var order []resumers
	for _, c := range p.Conns() {
		i := find(c, 0, flow.Unknown, flow.TLSDone)
		if c.TLS == nil || i < 0 || fact(c, flow.Client, flow.ClientHello, flow.KeyEarlyData) == "" {
			continue
		}
		who := resumers{c.Client.Addr(), c.Server, c.TLS.SNI}
		switch {
		case c.Events[i].Attr(flow.KeyEarlyData) == "yes":
			taken[who] = true
		case c.Events[i].Attr(flow.KeyEarlyData) == "no" || c.Self == flow.Server:
			if refused[who] == nil {
				order = append(order, who)
			}
			refused[who] = append(refused[who], c)
		}
	}
	for _, who := range order {
		if len(refused[who]) >= enoughEarly && !taken[who] {
			reportEarly(p, refused[who])
		}
	}
}

func reportEarly(p *explain.Pass, conns []*flow.Conn) {
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("%s sent %s data ahead of the handshake on %d connections, and it was refused on all of them (%d of %d).",
			caller(conns[0]), peer(conns[0]), len(conns), len(conns), len(conns)),
	}
	for _, c := range conns {
		f.Conns = append(f.Conns, c.ID)
	}
	for _, c := range conns[:enoughEarly] {
		f.Evidence = append(f.Evidence, explain.At(c, hello(c), "early data offered"), explain.At(c, find(c, 0, flow.Unknown, flow.TLSDone), "not taken"))
	}
	if conns[0].Self == flow.Server { // the door takes none, by design
		p.ReportAs(explain.Note, f)
		return
	}
	p.Report(f)
}
