package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var serverHeaderStrippedReauth = explain.Rule{
	ID:       "server-header-stripped-reauth",
	Title:    "The client closes after each signed-in response, because it has no Server header",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "Windows sign-in (Negotiate, NTLM) is tied to the connection. Here every signed-in response comes without a Server header, the client closes the connection although it may be kept, and signs in again on the next one.",
		Looks: "401, 401, 200 for every single request; the final response has no `Server`, nothing says `Connection: close`, and it is the client that closes right after the complete response. A working trace differs only in that header.",
		Why:   "UrlScan (`RemoveServerHeader=1`), the request filtering of IIS 10 (`removeServerHeader`), Fanlight (`server_header: remove` in the filter of a site), a WAF or a hardening guide strips the header. Old versions of Internet Explorer and WinINET (documented for IE 7, changed in 8 and 9) then treat the connection as not reusable after sign-in.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Put the header back on the responses of that site; if its filter takes it out, replace it there:", "response_headers: {set: {Server: Fanlight}}", "filter: {server_header: {set: Fanlight}}"),
			fix(explain.Origin, "UrlScan", "In UrlScan.ini, then restart IIS:", "RemoveServerHeader=0"),
			fix(explain.Origin, "IIS 10", "Do not remove the header:", `%windir%\system32\inetsrv\appcmd set config -section:system.webServer/security/requestFiltering /removeServerHeader:"False" /commit:apphost`),
			fix(explain.Gateway, "nginx", "As a gateway, pass the origin's header on:", "proxy_pass_header Server;"),
			fix(explain.Gateway, "HAProxy", "As a gateway:", "http-response set-header Server Microsoft-IIS/10.0"),
			fix(explain.Gateway, "Apache", "As a gateway Apache passes the origin's header on or sets its own; do not unset it."),
			fix(explain.Client, "", "Update the client."),
		},
		Confirm: "Add the header on the way (as under \"What to change\"): the client keeps its connection and the 401s disappear.",
		LookAlikes: []explain.Alike{
			{ID: "connection-closed-each-request", Difference: "the server closes, or says Connection: close"},
			{ID: "auth-repeated-per-request", Difference: "challenged again on the same connection"},
			{ID: "ntlm-handshake-split", Difference: "no 200 ever comes"},
			{ID: "a program that makes one request and ends", Difference: "closes whatever the headers are; its User-Agent tells"},
		},
		References: []string{"Microsoft asiatech blog 2010-11-17", "Microsoft askie blog 2008-12-18", "UrlScan 3 reference, RemoveServerHeader"},
	},
	Needs: []explain.Need{{
		What: "a capture with keys: headers cannot be read",
		Met:  func(c *flow.Conn) bool { return c.Keys != flow.No || len(c.Exchanges) > 0 },
	}},
	Hides: []string{"client-gave-up"},
	Check: checkStrippedServer,
}

// signIns are the connections on which one client signed in to one host.
type signIns struct {
	all      int
	matching []signedIn // ended by the client after a response without Server
	kept     bool       // some signed-in connection was used further or left open
}

type signedIn struct {
	conn  *flow.Conn
	x     *flow.Exchange // the last, successful one
	first int            // event that shows the sign-in
}

func checkStrippedServer(p *explain.Pass) {
	groups := map[string]*signIns{}
	var order []string
	for _, c := range p.Conns() {
		if c.Self == flow.Client {
			continue // what matters is what the real client does
		}
		token := signInEvent(c)
		if token < 0 || len(c.Exchanges) == 0 {
			continue
		}
		last := c.Exchanges[len(c.Exchanges)-1]
		key := c.Client.Addr().String() + " " + strings.ToLower(last.Host)
		g := groups[key]
		if g == nil {
			g = &signIns{}
			groups[key] = g
			order = append(order, key)
		}
		g.all++
		if closedForWantOfServer(c, last) {
			g.matching = append(g.matching, signedIn{c, last, token})
		} else if succeeded(last) && header(last.ResponseHeader, "Server") == "" && !leftByClient(c) {
			g.kept = true
		}
	}
	for _, key := range order {
		if g := groups[key]; g.all >= 3 && len(g.matching) >= 2 && !g.kept {
			reportStripped(p, g)
		}
	}
}

// signInEvent shows that a client signed in on c by a scheme that is tied to
// the connection, or -1.
func signInEvent(c *flow.Conn) int {
	for i := range c.Events {
		e := &c.Events[i]
		switch e.Kind {
		case flow.AuthToken:
			if tied(e.Text) && e.From != flow.Server {
				return i
			}
		case flow.Request:
			scheme, _, _ := strings.Cut(header(flow.ParseFields(e.Header), "Authorization"), " ")
			if tied(scheme) {
				return i
			}
		}
	}
	return -1
}

func tied(scheme string) bool {
	return strings.EqualFold(scheme, "Negotiate") || strings.EqualFold(scheme, "NTLM") || strings.EqualFold(scheme, "Kerberos")
}

func succeeded(x *flow.Exchange) bool {
	return x.Status >= 200 && x.Status < 400 && (x.Outcome == flow.Complete || !x.ResponseDone.IsZero())
}

// closedForWantOfServer tells that the client ended c right after a complete
// response that had no Server header, though both sides allowed to go on.
func closedForWantOfServer(c *flow.Conn, x *flow.Exchange) bool {
	if !succeeded(x) || !leftByClient(c) || x.HTTP == "1.0" || x.Tunnel != "" {
		return false
	}
	if _, found := flow.Get(x.ResponseHeader, "Server"); found || len(x.ResponseHeader) == 0 {
		return false
	}
	if says(x.ResponseHeader, "Connection", "close") || says(x.RequestHeader, "Connection", "close") {
		return false
	}
	_, left := leaver(c)
	d, known := between(c, findOf(c, x, flow.ResponseDone), left)
	return !known || d < time.Second
}

// leftByClient tells that the client was the first to end c. A server may be
// quicker with its FIN than the client that said close_notify.
func leftByClient(c *flow.Conn) bool {
	side, _ := leaver(c)
	return side == flow.Client
}

func reportStripped(p *explain.Pass, g *signIns) {
	first := g.matching[0]
	agent := header(first.x.RequestHeader, "User-Agent")
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s signed in %d times on as many connections to %s. Each time the complete response had no Server header, and the client closed the connection although it could have kept it.",
			caller(first.conn), g.all, first.x.Host),
		Missing: []string{"a working trace of the same client, in which the response has a Server header"},
	}
	if singleShot(agent) {
		f.Confidence = explain.Possible
		f.Missing = append(f.Missing, "a client other than "+agent+", which ends after its requests anyway")
	}
	for _, s := range g.matching {
		p.Blame(&f, s.conn, s.x)
		if _, left := leaver(s.conn); len(f.Evidence) < 6 {
			f.Evidence = append(f.Evidence, explain.At(s.conn, s.first, "sign-in"),
				explain.At(s.conn, left, fmt.Sprintf("closed by the client after %d without Server header", s.x.Status)))
		}
	}
	if removed := serverBehind(p, first.x); removed != "" {
		f.Evidence = append(f.Evidence, explain.Fact("the origin did send Server: "+removed+"; it was removed on the way"))
	}
	nameStripper(p, &f, first)
	p.Report(f)
}

// nameStripper says who took the header out, if that was this door.
func nameStripper(p *explain.Pass, f *explain.Finding, s signedIn) {
	c := s.conn
	if c.Self != flow.Server {
		return
	}
	chosen := find(c, 0, flow.Unknown, flow.Chosen)
	switch {
	case chosen >= 0 && c.Events[chosen].Attr(flow.KeyStrips) == "Server":
		f.Cause += fmt.Sprintf(" The filter of site %s takes the header out (`server_header: remove`).", c.Events[chosen].Text)
		f.Evidence = append(f.Evidence, explain.At(c, chosen, "the filter of the site strips Server"))
		f.Fixes = slices.Clone(p.Fixes())
		f.Fixes[0] = fix(explain.Gateway, "Fanlight", "Replace the header in the filter of the site, in place of removing it:", "filter: {server_header: {set: Fanlight}}")
	case serverBehind(p, s.x) != "":
		f.Cause += " Fanlight itself took the header out: a rule in `response_headers` of the site or the route removes it."
	}
}

// serverBehind is the Server header the origin had sent, if any.
func serverBehind(p *explain.Pass, x *flow.Exchange) string {
	for _, y := range p.Behind(x.ID) {
		if v := header(y.ResponseHeader, "Server"); v != "" {
			return v
		}
	}
	return ""
}

// singleShot tells that a program of that name ends after its requests.
func singleShot(agent string) bool {
	agent = strings.ToLower(agent)
	return strings.HasPrefix(agent, "curl/") || strings.HasPrefix(agent, "wget/")
}
