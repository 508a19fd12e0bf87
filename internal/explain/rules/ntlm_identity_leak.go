package rules

import (
	"fmt"
	"net/netip"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var ntlmIdentityLeak = explain.Rule{
	ID:       "ntlm-identity-leak",
	Title:    "A connection signed in by one client was used for another",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "With NTLM, and often with Negotiate, the origin signs in the connection, not the request. A gateway put such a connection back into its pool and sent another client's request on it. The origin takes that request for one of the first user: the second client sees and does what only the first may.",
		Looks: "On the origin's side of the gateway: a sign-in that succeeds, then requests for another client on the same connection, without an Authorization header and answered 200. Nobody sees an error; users report being \"logged in as somebody else\". The origin's log has the wrong user name.",
		Why:   "The gateway pools connections to the origin and does not know that they were signed in. Apache does so as it comes (seen with 2.4), nginx with `keepalive` in the upstream block (seen with 1.22). HAProxy with `http-reuse always` does so where a client sends a Kerberos ticket before it is asked (seen with 2.6); after a challenge, as NTLM always has one, it keeps the connection to one client, and as it comes it did not share any.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "", "Stop sharing at once: take the connection pool for that origin off, then restart the gateway, so that no signed-in connection is left."),
			fix(explain.Gateway, "nginx", "No pool for that origin: remove `keepalive` from the upstream block and leave this as it is by default. NTLM then no longer works through nginx; let users sign in another way, or pass TLS through with `stream`:", "proxy_set_header Connection close;"),
			fix(explain.Gateway, "HAProxy", "Never share connections to that origin:", "http-reuse never"),
			fix(explain.Gateway, "Apache", "As a gateway, close the connection to the origin after each request; NTLM then no longer works through it (seen; it ends as ntlm-handshake-split):", "SetEnv proxy-nokeepalive 1"),
			fix(explain.Gateway, "Fanlight", "Nothing to set: a connection that carried NTLM or Negotiate belongs to one client and is closed with it."),
			fix(explain.Origin, "IIS", "Until the gateway is changed, ask for the sign-in with each request. Users who cannot sign in then get 401 instead of a stranger's data:", `%windir%\system32\inetsrv\appcmd set config "SITE" -section:system.webServer/security/authentication/windowsAuthentication /authPersistSingleRequest:"True" /commit:apphost`),
		},
		Confirm: "From two clients through the gateway: `curl --ntlm -u USER https://SITE/page`, and at once from the other one, without a user: `curl https://SITE/page`. It must answer 401.",
		LookAlikes: []explain.Alike{
			{ID: "ntlm-handshake-split", Difference: "the steps of one sign-in are spread over several connections; it fails"},
			{ID: "several connections of one client", Difference: "the same user behind both: still wrong, but nobody else's data"},
			{ID: "a page that needs no sign-in", Difference: "the second client would have got it on a fresh connection too"},
		},
		References: []string{"haproxy/haproxy#581", "haproxy/haproxy#2985", "apache/trafficserver#4985", "nginx: ngx_http_upstream_module, ntlm (commercial)"},
	},
	Needs: needsHeaders(),
	Check: checkIdentityLeak,
}

func checkIdentityLeak(p *explain.Pass) {
	for _, c := range p.Conns() {
		if len(c.Exchanges) < 2 {
			continue
		}
		var owner *login
		steps := logins(c)
		for i := range steps {
			l := &steps[i]
			switch {
			case l.accepted():
				owner = l
			case l.shown >= 0 || l.denied():
				owner = nil // the server has forgotten who it was
			case owner != nil && l.bare() && l.x.Status != 0 && l.x.Status < 400 && strangers(p, owner.x, l.x):
				reportLeak(p, owner, l)
				owner = nil // one finding is enough for a connection
			}
		}
	}
}

// strangers tells that two exchanges were made for different clients.
func strangers(p *explain.Pass, a, b *flow.Exchange) bool {
	if guessed(a) || guessed(b) {
		return false
	}
	ca, addressA := clientOf(p, a)
	cb, addressB := clientOf(p, b)
	if ca != 0 && cb != 0 {
		return ca != cb
	}
	return addressA.IsValid() && addressB.IsValid() && addressA != addressB
}

func reportLeak(p *explain.Pass, owner, l *login) {
	c := l.conn
	_, whose := clientOf(p, owner.x)
	_, other := clientOf(p, l.x)
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s was signed in on this connection by %s. Then it was used for %s of %s, which showed no credentials and was answered %d.",
			peer(c), signer(owner, whose), asked(l.x), clientName(other), l.x.Status),
		Evidence: []explain.Evidence{
			explain.At(c, owner.shown, "sign-in of "+signer(owner, whose)),
			explain.At(c, findOf(c, l.x, flow.Request), "request of "+clientName(other)+" on the same connection, no Authorization"),
			explain.At(c, findOf(c, l.x, flow.Response), fmt.Sprintf("answered %d", l.x.Status)),
		},
	}
	p.Blame(&f, c, owner.x)
	p.Blame(&f, c, l.x)
	if y := challengedElsewhere(p, l); y != nil {
		f.Confidence = explain.Proof
		f.Evidence = append(f.Evidence, explain.At(p.Conn(y.Conn), findOf(p.Conn(y.Conn), y, flow.Response), "the same page asks others to sign in"))
	} else {
		f.Missing = []string{"the same request without credentials on a fresh connection: it has to be answered 401"}
	}
	severity := explain.Error
	if whose == other && whose.IsValid() {
		f.Cause += " Both come from the same address: it may be the same user."
	}
	if whose == other || owner.token("mech") == "kerberos" && f.Confidence != explain.Proof {
		severity, f.Confidence = explain.Warning, explain.Possible
	}
	p.ReportAs(severity, f)
}

func signer(l *login, address netip.Addr) string {
	if user := l.token("user"); user != "" {
		return "user " + user + " (" + clientName(address) + ")"
	}
	return clientName(address)
}

func clientName(address netip.Addr) string {
	if address.IsValid() {
		return "client " + address.String()
	}
	return "a client"
}

// challengedElsewhere is an exchange in which the same page was refused to
// somebody without credentials, nil if there is none.
func challengedElsewhere(p *explain.Pass, l *login) *flow.Exchange {
	for _, c := range p.Trace.Conns {
		if c.Server != l.conn.Server {
			continue
		}
		for _, y := range c.Exchanges {
			if y.Status == 401 && y.Target == l.x.Target && y.Method == l.x.Method && sameName(y.Host, l.x.Host) && len(y.RequestHeader) > 0 && credentials(y) == "" {
				return y
			}
		}
	}
	return nil
}
