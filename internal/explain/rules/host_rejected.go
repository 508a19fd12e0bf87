package rules

import (
	"fmt"
	"net/netip"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var hostRejected = explain.Rule{
	ID:       "host-rejected",
	Title:    "The server does not accept the Host it was asked for",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The name in the Host field is none that the server knows, so it refuses before the application sees the request. Behind a gateway the name is often not the one the user typed.",
		Looks: "400, 403 or 404 at once, for every path; the same request with another Host is answered. HTTP.sys and ASP.NET Core answer with a page of 334 bytes, `Bad Request - Invalid Hostname`, and HTTPERR shows `Hostname`; Django logs `DisallowedHost`; Vite says `This host is not allowed`.",
		Why:   "The gateway sends the origin's name or address in place of the client's (nginx does by default), or the client's where the origin wants its own; a binding or list of allowed hosts without that name.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Say which Host the origin gets: the client's, its own, or a name:", "host: keep", "host: origin", "host: app.internal"),
			fix(explain.Gateway, "nginx", "Pass the client's on:", "proxy_set_header Host $host;"),
			fix(explain.Gateway, "Apache", "Pass the client's on:", "ProxyPreserveHost On"),
			fix(explain.Gateway, "IIS ARR", "Pass the client's on:", `%windir%\system32\inetsrv\appcmd set config -section:system.webServer/proxy /preserveHostHeader:"True" /commit:apphost`),
			fix(explain.Gateway, "HAProxy", "It passes the client's on; to send a name of the origin's:", "http-request set-header Host app.internal"),
			fix(explain.Origin, "IIS", "Add a binding for that name:", `%windir%\system32\inetsrv\appcmd set site "SITE" /+bindings.[protocol='http',bindingInformation='*:80:shop.test']`),
			fix(explain.Origin, "ASP.NET Core", "Allow the name, in appsettings.json:", `"AllowedHosts": "shop.test;localhost"`),
			fix(explain.Origin, "Django", "Allow the name:", `ALLOWED_HOSTS = ["shop.test"]`),
			fix(explain.Origin, "Vite", "Allow the name:", `server: { allowedHosts: ["shop.test"] }`),
		},
		Confirm: "`curl -si -H 'Host: NAME' http://ORIGIN/` with the one name and with the other.",
		LookAlikes: []explain.Alike{
			{ID: "request-malformed", Difference: "400 whatever the Host is"},
			{ID: "stopped-site-still-handshakes", Difference: "404 or 503 of a name that is right, but whose site is off"},
			{ID: "a 404 of the application", Difference: "only some paths"},
			{ID: "request-filter-rejected", Difference: "other paths under the same name are answered"},
		},
		References: []string{"RFC 9112 section 3.2 (Host)", "Microsoft Learn: error logging in the HTTP Server API (Hostname)", "dotnet/aspnetcore: HostFilteringMiddleware", "Django: ALLOWED_HOSTS"},
	},
	Hides: []string{"request-malformed"},
	Check: checkHostRejected,
}

// answerKey is what two requests have in common that differ in their Host.
type answerKey struct {
	server         netip.AddrPort
	method, target string
}

func checkHostRejected(p *explain.Pass) {
	fine := map[answerKey]turn{}
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			if x.Status >= 200 && x.Status < 400 {
				fine[answerKey{c.Server, x.Method, x.Target}] = turn{c, x}
			}
		}
	}
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			if x.Incident != "" || answeredBehind(p, x) {
				continue
			}
			if invalidHostname(x) {
				reportHostRejected(p, turn{c, x}, turn{})
				continue
			}
			other, found := fine[answerKey{c.Server, x.Method, x.Target}]
			if found && !strings.EqualFold(other.x.Host, x.Host) && refusedForHost(p, c, x) {
				reportHostRejected(p, turn{c, x}, other)
			}
		}
	}
}

// invalidHostname tells the page `Invalid Hostname` by its length: that of
// HTTP.sys, which ASP.NET Core's host filtering copies to the byte.
func invalidHostname(x *flow.Exchange) bool {
	who := header(x.ResponseHeader, "Server")
	return x.Status == 400 && (strings.HasPrefix(who, "Microsoft-HTTPAPI") || who == "Kestrel") && header(x.ResponseHeader, "Content-Length") == "334"
}

// refusedForHost tells that x was refused and asked for a Host that is not the
// client's, or that is no public name.
func refusedForHost(p *explain.Pass, c *flow.Conn, x *flow.Exchange) bool {
	if x.Status != 400 && x.Status != 403 && x.Status != 404 {
		return false
	}
	_, front := p.Front(c, x)
	if front != nil {
		return !strings.EqualFold(front.Host, x.Host)
	}
	name := hostOf(x.Host)
	return x.Status != 404 && (!isName(name) || !strings.Contains(name, "."))
}

func reportHostRejected(p *explain.Pass, t, other turn) {
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause:      fmt.Sprintf("%s refused %s with %d; it was asked for the host %q.", server(t.c), asked(t.x), t.x.Status, t.x.Host),
		Evidence:   responseEvidence(t.c, t.x),
	}
	if other.x != nil {
		f.Cause = fmt.Sprintf("%s refused %s with %d when asked for the host %q, and answered it with %d for %q.",
			server(t.c), asked(t.x), t.x.Status, t.x.Host, other.x.Status, other.x.Host)
		f.Evidence = append(f.Evidence, responseEvidence(other.c, other.x)...)
	} else {
		f.Evidence = append(f.Evidence, explain.Fact("334 bytes is the length of the page `Bad Request - Invalid Hostname` of HTTP.sys and of ASP.NET Core's host filtering"))
	}
	if front, fx := p.Front(t.c, t.x); fx != nil && !strings.EqualFold(fx.Host, t.x.Host) {
		f.Evidence = append(f.Evidence, explain.At(front, findOf(front, fx, flow.Request), fmt.Sprintf("the client had asked for %q", fx.Host)))
	}
	report(p, f, t.c, t.x)
}
