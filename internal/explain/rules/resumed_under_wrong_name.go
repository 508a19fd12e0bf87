package rules

import (
	"fmt"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var resumedUnderWrongName = explain.Rule{
	ID:       "resumed-under-wrong-name",
	Title:    "A TLS session of one site was resumed for another",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The client, mostly a gateway, kept a session it had made with one host name and offered it for another name on the same address. The server took it up: no certificate was shown for the new name, and the server may take the connection for one to the first site.",
		Looks: "An abbreviated handshake with a new server name and a ticket or session id that was given out under another one. Then 421, the wrong site, or the client leaves at once because the certificate it remembers does not fit: nginx `upstream SSL certificate does not match` and 502, Envoy `fail_verify_san` and 503. It comes and goes with the order of requests; full handshakes are fine.",
		Why:   "The cache of sessions is kept by address and not by name: nginx with `proxy_ssl_session_reuse on` (the default) and a `proxy_ssl_name` that varies, some Envoy client contexts, several sites behind one address.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "nginx", "Where one upstream serves several names, do not resume, or use one upstream block for each name:", "proxy_ssl_session_reuse off;"),
			fix(explain.Gateway, "Envoy", "In the upstream's TLS context keep no sessions, or use one cluster for each name:", "max_session_keys: 0"),
			fix(explain.Gateway, "HAProxy", "On the server line:", "server app 192.0.2.20:443 ssl verify required ca-file /etc/haproxy/ca.pem no-ssl-reuse sni req.hdr(host)"),
			fix(explain.Gateway, "Fanlight", "Sessions are kept by server name; there is nothing to change. Update the gateway in front of or behind it."),
			fix(explain.Origin, "", "Accept a session only for the name it was made with. Apache does; nginx takes it where several server blocks share one cache or ticket key:", "ssl_session_tickets off;"),
		},
		Confirm: "`openssl s_client -connect ADDRESS:443 -servername FIRST -sess_out s.pem`, then the same with `-servername SECOND -sess_in s.pem`: `Reused` shows that the server takes it.",
		LookAlikes: []explain.Alike{
			{ID: "sni-host-mismatch", Difference: "a full handshake, and the request asks for another name than it did"},
			{ID: "certificate-name-mismatch", Difference: "a certificate was shown in that handshake"},
			{ID: "a certificate for both names", Difference: "resuming is then allowed, and the rule is silent unless the server answers 421"},
		},
		References: []string{"RFC 8446 section 4.6.1 (resumption and server names)", "RFC 6066 section 3", "envoy#46243, bunkerweb#2641", "seen with nginx 1.22 on both sides (502 with proxy_ssl_verify), and with openssl s_client under TLS 1.3; Apache 2.4 makes a full handshake instead"},
	},
	Hides: []string{"sni-host-mismatch", "certificate-name-mismatch", "origin-handshake-failed"},
	Check: checkResumedName,
}

func checkResumedName(p *explain.Pass) {
	given := map[string]*flow.Conn{}
	for _, c := range p.Conns() {
		if c.TLS == nil {
			continue
		}
		if first := foreignSession(c, given); first != nil {
			reportResumed(p, first, c)
			continue // what it offers is not its own
		}
		remember(given, c)
	}
}

// remember notes under which connection a ticket was first seen. One that was
// refused was not made there.
func remember(given map[string]*flow.Conn, c *flow.Conn) {
	for i := range c.Events {
		e := &c.Events[i]
		issued := e.Kind == flow.SessionTicket || e.Kind == flow.ServerHello
		if !issued && (e.Kind != flow.ClientHello || c.TLS.Resumed != flow.Yes) {
			continue
		}
		for _, ticket := range words(e.Attr(flow.KeyTickets)) {
			if given[ticket] == nil {
				given[ticket] = c
			}
		}
	}
}

// foreignSession is the connection under whose name the session was made that
// c resumed, if that is another name than c's.
func foreignSession(c *flow.Conn, given map[string]*flow.Conn) *flow.Conn {
	if c.TLS.Resumed != flow.Yes || c.TLS.SNI == "" {
		return nil
	}
	for _, ticket := range words(fact(c, flow.Client, flow.ClientHello, flow.KeyTickets)) {
		if first := given[ticket]; first != nil && first.TLS.SNI != "" && !strings.EqualFold(first.TLS.SNI, c.TLS.SNI) {
			return first
		}
	}
	return nil
}

func reportResumed(p *explain.Pass, first, c *flow.Conn) {
	refused := misdirected(c)
	covered, known := namesCover(fact(first, flow.Server, flow.Certificate, flow.KeyNames), c.TLS.SNI)
	if refused == nil && (!known || covered) {
		return
	}
	f := explain.Finding{
		Confidence: explain.Proof,
		Cause: fmt.Sprintf("%s resumed a TLS session with %s under the name %s that had been made under the name %s.",
			caller(c), peer(c), c.TLS.SNI, first.TLS.SNI),
		Evidence: []explain.Evidence{
			explain.At(c, hello(c), "ClientHello for "+c.TLS.SNI+" with a session of "+first.ID.String()+", for "+first.TLS.SNI),
			explain.At(c, find(c, 0, flow.Unknown, flow.TLSDone), "resumed, no certificate shown"),
		},
	}
	if known && !covered {
		f.Cause += " The certificate shown then does not cover the new name."
		f.Evidence = append(f.Evidence, explain.At(first, shown(first), "certificate for "+fact(first, flow.Server, flow.Certificate, flow.KeyNames)))
	}
	if front, x := answeredMeanwhile(p, c); refused == nil && x != nil && len(c.Exchanges) == 0 {
		f.Cause += fmt.Sprintf(" A gateway then answered %s with %d.", asked(x), x.Status)
		f.Evidence = append(f.Evidence, explain.At(front, findOf(front, x, flow.Response), clientGot(x)))
		p.Blame(&f, c, nil)
		p.Blame(&f, front, x)
		p.ReportAs(explain.Error, f)
		return
	}
	if refused == nil {
		report(p, f, c, nil)
		return
	}
	f.Cause += " The server answered 421."
	f.Evidence = append(f.Evidence, responseEvidence(c, refused)...)
	blame(p, &f, c, refused)
	p.ReportAs(explain.Error, f)
}

// misdirected is the first exchange of c that was answered 421, or nil.
func misdirected(c *flow.Conn) *flow.Exchange {
	for _, x := range c.Exchanges {
		if x.Status == 421 {
			return x
		}
	}
	return nil
}
