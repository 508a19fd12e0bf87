package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var authConnectionClosedMidway = explain.Rule{
	ID:       "auth-connection-closed-midway",
	Title:    "The connection was closed in the middle of a sign-in",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server sent a challenge, and then closed the connection, or announced that it would. The answer to the challenge counts only on that connection. On a new one the client has to begin again, and the same happens.",
		Looks: "401 with a long `NTLM` or `Negotiate` value and `Connection: close`, or a FIN right behind it. The next step comes on a new connection and gets 401 again. The password prompt returns; `curl --negotiate` begins again for ever (seen with 7.88). .NET says `Authentication failed because the connection could not be reused`.",
		Why:   "Keep-alive is off on the server or for that client. Or a gateway or filter closes after 4xx answers. Or the server closes because it does not want to read a large request body together with a 401.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "IIS", "Allow kept-alive connections:", `%windir%\system32\inetsrv\appcmd set config "SITE" -section:system.webServer/httpProtocol /allowKeepAlive:"True"`),
			fix(explain.Origin, "Apache", "Allow kept-alive connections, and look for lines that turn them off for some clients (`nokeepalive`):", "KeepAlive On"),
			fix(explain.Origin, "nginx", "Keep connections open, as it is by default:", "keepalive_timeout 75s;"),
			fix(explain.Gateway, "HAProxy", "Do not close after each request; remove `option httpclose` and:", "option http-keep-alive"),
			fix(explain.Gateway, "Fanlight", "Nothing to set: it keeps the connection of a sign-in, and closes the client's side only when the origin closed its own."),
			fix(explain.Client, "", "Where a large POST is the trouble: sign in first with a small request on the same connection, or send `Expect: 100-continue`."),
		},
		Confirm: "`curl -v --ntlm -u USER https://SITE/` prints `Connection: close` in the 401, or `Connection #0 ... left intact` is missing behind it.",
		LookAlikes: []explain.Alike{
			{ID: "ntlm-handshake-split", Difference: "the first connection is still open; the gateway took another one"},
			{ID: "server-header-stripped-reauth", Difference: "the sign-in succeeds; the client closes afterwards"},
			{ID: "keepalive-race", Difference: "closed after a time of silence, such as a user takes to type a password"},
		},
		References: []string{"MS-NLMP section 1.3.1", "RFC 9112 section 9.6", "aspnet/AspNetCore.Proxy#70"},
	},
	Needs: needsHeaders(),
	Hides: []string{"keepalive-race", "origin-closed-without-answer"},
	Check: checkMidway,
}

func checkMidway(p *explain.Pass) {
	for _, c := range p.Conns() {
		steps := logins(c)
		if len(steps) == 0 {
			continue
		}
		l := &steps[len(steps)-1]
		why, at := cutMidway(l)
		if why == "" || passedOn(p, l.x) {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Likely,
			Cause:      fmt.Sprintf("%s gave %s a challenge to answer on this connection, and %s.", peer(c), caller(c), why),
			Evidence: []explain.Evidence{explain.At(c, l.asked, "challenge"),
				explain.At(c, at, why)},
			Missing: []string{"what the client did next"},
		}
		if next := nextStep(p, l); next != nil {
			f.Confidence, f.Missing = explain.Proof, nil
			f.Evidence = append(f.Evidence, explain.At(next.conn, next.shown, fmt.Sprintf("its answer came on connection %s and got %d", next.conn.ID, next.x.Status)))
			p.Blame(&f, next.conn, next.x)
		}
		p.Blame(&f, c, l.x)
		p.Report(f)
	}
}

// cutMidway says how the server ended the connection on which it had just sent
// a challenge, and which event shows it.
func cutMidway(l *login) (how string, at int) {
	c, x := l.conn, l.x
	if !l.continued() || says(x.RequestHeader, "Connection", "close") || x.HTTP == "1.0" {
		return "", -1
	}
	responded := findOf(c, x, flow.Response)
	if says(x.ResponseHeader, "Connection", "close") {
		return "said Connection: close with it", responded
	}
	side, i := leaver(c)
	if d, known := between(c, findOf(c, x, flow.ResponseDone), i); side == flow.Server && known && d < time.Second {
		return fmt.Sprintf("closed it %s later", explain.Span(d)), i
	}
	return "", -1
}

// passedOn tells that the origin behind x did the same, so that it is to blame.
func passedOn(p *explain.Pass, x *flow.Exchange) bool {
	for _, y := range p.Behind(x.ID) {
		c := p.Conn(y.Conn)
		if c == nil {
			continue
		}
		steps := logins(c)
		for i := range steps {
			if how, _ := cutMidway(&steps[i]); steps[i].x == y && how != "" {
				return true
			}
		}
	}
	return false
}

// nextStep is the client's answer to the challenge l on another connection, if
// it was refused there.
func nextStep(p *explain.Pass, l *login) *login {
	for _, d := range p.Trace.Conns {
		if d == l.conn || d.Client.Addr() != l.conn.Client.Addr() || d.Server != l.conn.Server || len(d.Exchanges) == 0 {
			continue
		}
		steps := logins(d)
		if steps[0].refused() && sameSignIn(l.x, steps[0].x) {
			return &steps[0]
		}
	}
	return nil
}
