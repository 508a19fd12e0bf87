package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var ntlmHandshakeSplit = explain.Rule{
	ID:       "ntlm-handshake-split",
	Title:    "The steps of one sign-in were spread over several connections",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "An NTLM sign-in has three steps, and all of them must reach the origin on one connection. A gateway sent them on different ones. The origin does not know the sign-in that the last step belongs to, and starts again.",
		Looks: "The password prompt comes back however often the right password is typed. On the client's side: 401 with a challenge, the answer to it, then 401 with a bare `NTLM` or `Negotiate`. On the origin's side the answer arrives on a connection, or at a server, that never sent a challenge. IIS logs 401.1 or 401.2, Chrome shows ERR_INVALID_AUTH_CREDENTIALS or asks again.",
		Why:   "The gateway takes any free connection for each request, opens a new one each time, or a balancer spreads requests over several servers. nginx does all three (seen with 1.22). HAProxy 2.6 keeps the connection once it saw the challenge, unless `option httpclose` or `option http-server-close` is set. Apache 2.4 does so with `proxy-nokeepalive`; without it a single client may have luck, and two share a connection (ntlm-identity-leak).",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Nothing to set: from the first NTLM or Negotiate step on, a client keeps its connection to the origin. Put it in place of the gateway that splits."),
			fix(explain.Gateway, "HAProxy", "Keep the connection, and the server, for a client (this is the default mode; remove what changes it):", "option http-keep-alive", "no option httpclose", "no option http-server-close", "balance source"),
			fix(explain.Gateway, "nginx", "The open source version cannot tie connections. Pass TLS through to the origin (Debian: package libnginx-mod-stream):", "stream { server { listen 443; proxy_pass 192.0.2.20:443; } }"),
			fix(explain.Gateway, "nginx (commercial)", "In the upstream block:", "ntlm;"),
			fix(explain.Gateway, "", "If a balancer stands in front of several servers: let one client's connection stay with one server."),
			fix(explain.Origin, "IIS", "Or use Kerberos, which needs one request only: register the name that users type, for the account that runs the site:", "setspn -S HTTP/app.example DOMAIN\\ACCOUNT"),
		},
		Confirm: "`curl -v --ntlm -u USER https://SITE/` through the gateway, and straight to one origin. If only the way through the gateway ends with 401, the gateway splits.",
		LookAlikes: []explain.Alike{
			{ID: "auth-connection-closed-midway", Difference: "the origin closed the connection between the steps"},
			{ID: "ntlm-identity-leak", Difference: "the sign-in works, and others use it"},
			{ID: "loopback-check-401", Difference: "all steps on one connection, client and server on one Windows machine"},
			{ID: "a wrong password", Difference: "all steps on one connection"},
			{ID: "server-header-stripped-reauth", Difference: "each sign-in succeeds, and the client closes after it"},
		},
		References: []string{"MS-NLMP section 1.3.1", "microsoft/reverse-proxy#166", "caddyserver/caddy#663", "haproxy/haproxy#1140"},
	},
	Needs: needsHeaders(),
	Hides: []string{"client-gave-up"},
	Check: checkHandshakeSplit,
}

func checkHandshakeSplit(p *explain.Pass) {
	for _, c := range p.Conns() {
		steps := logins(c)
		var found *explain.Finding
		for i := range steps {
			l := &steps[i]
			if !l.refused() || !l.ntlm() {
				continue
			}
			if i > 0 && !innermost(p, l.x) {
				found = splitBehind(p, &steps[i-1], l, found)
			} else if front, _ := p.Front(c, l.x); front == nil && i == 0 && whole(c) {
				checkSplitHere(p, l)
			}
		}
		if found != nil {
			p.Report(*found)
		}
	}
}

// splitBehind looks at both sides of the gateway: where the first and the last
// step of one client connection went. A client tries again; further tries are
// added to what was found.
func splitBehind(p *explain.Pass, first, last *login, found *explain.Finding) *explain.Finding {
	if !first.opens() || !first.continued() {
		return found
	}
	a, b := lastTry(p, first.x), lastTry(p, last.x)
	if a == nil || b == nil || a.Conn == b.Conn || guessed(a) || guessed(b) {
		return found
	}
	ca, cb := p.Conn(a.Conn), p.Conn(b.Conn)
	if closedByOrigin(ca, a, b) {
		return found
	}
	if found == nil {
		found = &explain.Finding{
			Confidence: explain.Proof,
			Cause: fmt.Sprintf("The gateway passed the first step of the sign-in to %s on connection %s, and the last one to %s on %s. The second connection knows nothing of the first, and the answer on it asks to sign in again.",
				ca.Server, ca.ID, cb.Server, cb.ID),
			Evidence: splitEvidence(first, last, a, b, ca, cb),
		}
	}
	p.Blame(found, first.conn, first.x)
	p.Blame(found, ca, a)
	p.Blame(found, cb, b)
	return found
}

func splitEvidence(first, last *login, a, b *flow.Exchange, ca, cb *flow.Conn) []explain.Evidence {
	return []explain.Evidence{
		explain.At(first.conn, first.shown, "first step of the client"),
		explain.At(ca, findOf(ca, a, flow.Request), "passed on, on "+ca.ID.String()),
		explain.At(last.conn, last.shown, "last step of the client, on the same connection"),
		explain.At(cb, findOf(cb, b, flow.Request), "passed on, on "+cb.ID.String()),
		explain.At(cb, findOf(cb, b, flow.Response), fmt.Sprintf("answered %d", b.Status)),
	}
}

// closedByOrigin tells that the origin ended c after it had answered a, and
// before b was asked, without being asked to.
func closedByOrigin(c *flow.Conn, a, b *flow.Exchange) bool {
	if says(a.RequestHeader, "Connection", "close") || a.HTTP == "1.0" {
		return false // the gateway wanted it so
	}
	side, i := leaver(c)
	return says(a.ResponseHeader, "Connection", "close") ||
		i >= 0 && side == flow.Server && !c.Events[i].At.After(b.Started)
}

// checkSplitHere sees only the origin's side: a last step on a connection that
// had no other, while the connection that got the challenge is still open.
func checkSplitHere(p *explain.Pass, last *login) {
	c := last.conn
	for _, d := range p.Trace.Conns {
		if d == c || d.Client.Addr() != c.Client.Addr() || d.Server.Port() != c.Server.Port() {
			continue
		}
		steps := logins(d)
		for i := range steps {
			first := &steps[i]
			if !first.opens() || !first.continued() || !sameSignIn(first.x, last.x) ||
				i+1 < len(steps) && steps[i+1].x.Started.Before(last.x.Started) || closedByOrigin(d, first.x, last.x) {
				continue
			}
			f := explain.Finding{
				Confidence: explain.Likely,
				Cause: fmt.Sprintf("%s sent the last step of a sign-in to %s on a connection that has had no other step. The challenge it answers was given on connection %s, which was left as it was.",
					caller(c), c.Server, d.ID),
				Evidence: []explain.Evidence{
					explain.At(d, first.shown, "first step, on "+d.ID.String()), explain.At(d, first.asked, "challenge"),
					explain.At(c, last.shown, "last step, on "+c.ID.String()), explain.At(c, last.asked, fmt.Sprintf("answered %d", last.x.Status)),
				},
				Missing: []string{"the client's side of the gateway"},
			}
			p.Blame(&f, d, first.x)
			p.Blame(&f, c, last.x)
			p.Report(f)
			return
		}
	}
}

// signInPause is how long a client may take to answer a challenge: it has its
// answer at hand, or asks somebody who has to type it.
const signInPause = 2 * time.Minute

// sameSignIn tells that b can be the step after a: the same page, soon.
func sameSignIn(a, b *flow.Exchange) bool {
	if a.Target != b.Target || a.Host != b.Host || a.Responded.IsZero() || b.Started.IsZero() {
		return false
	}
	d := b.Started.Sub(a.Responded) // who sends a response may note its end after the client has read it
	return d >= 0 && d < signInPause
}
