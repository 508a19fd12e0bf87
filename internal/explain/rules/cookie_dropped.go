package rules

import (
	"fmt"
	"net/http"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var cookieDropped = explain.Rule{
	ID:       "cookie-dropped",
	Title:    "The browser threw the cookie away, and does not send it back",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The server set a cookie that browsers refuse for how it is written. The next request comes without it, and the application does not know its user.",
		Looks: "Set-Cookie in a response, no such cookie in the requests after it. Signing in goes round in circles; ASP.NET says `Correlation failed`, others complain of a missing state or CSRF token. Chrome's developer tools show a yellow triangle beside the cookie, with the reason.",
		Why:   "SameSite=None without Secure, often because the application behind a gateway believes it is asked over http; a Domain of another host; a name that begins with __Host- or __Secure- without what that demands; more than 4096 bytes.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Write the cookie as the page of the first request is served: `Secure; SameSite=None` for requests that come from other sites, SameSite=Lax for all others; no Domain unless subdomains need it."),
			fix(explain.Origin, "ASP.NET Core", "Believe what the gateway says of the scheme, before everything else:", "app.UseForwardedHeaders(new() { ForwardedHeaders = ForwardedHeaders.XForwardedProto, KnownProxies = { gatewayAddress } });"),
			fix(explain.Gateway, "nginx", "Say the scheme, or repair the cookie on the way:", "proxy_set_header X-Forwarded-Proto $scheme;", "proxy_cookie_flags ~ secure samesite=none;", "proxy_cookie_domain app.internal shop.test;"),
			fix(explain.Gateway, "Apache", "Repair the cookie on the way:", `Header edit Set-Cookie "(?i)(SameSite=None)" "$1; Secure"`, "ProxyPassReverseCookieDomain app.internal shop.test"),
			fix(explain.Gateway, "HAProxy", "Repair the cookie on the way:", `http-response replace-header Set-Cookie (.*SameSite=None.*) "\1; Secure"`),
			fix(explain.Gateway, "Fanlight", "It says X-Forwarded-Proto by itself; keep the client's Host, from which applications make the Domain:", "host: keep"),
		},
		Confirm: "Developer tools, Network, the response, Cookies: the cookie is marked, and the mark says why.",
		LookAlikes: []explain.Alike{
			{ID: "https-redirect-loop", Difference: "the redirects set no cookie"},
			{ID: "auth-repeated-per-request", Difference: "401 in place of a redirect; no cookie is meant to help"},
			{ID: "a client without cookies", Difference: "a program that keeps none sends no cookie at all"},
		},
		References: []string{"RFC 6265 section 5.3 (storage)", "draft-ietf-httpbis-rfc6265bis (SameSite, prefixes)", "dotnet/aspnetcore#45247", "seen with Chromium: SameSite=None without Secure, and a foreign Domain"},
	},
	Check: checkCookieDropped,
}

func checkCookieDropped(p *explain.Pass) {
	for _, list := range turns(p.Conns()) {
		for i, t := range list {
			if t.x.Parent != 0 || t.c.Parent != 0 {
				continue // what a gateway passes on is judged where the client gets it
			}
			for _, f := range t.x.ResponseHeader {
				if strings.EqualFold(f.Name, "Set-Cookie") {
					checkCookie(p, t, f.Value, list[i+1:])
				}
			}
		}
	}
}

func checkCookie(p *explain.Pass, t turn, line string, later []turn) {
	cookie, err := http.ParseSetCookie(line)
	if err != nil || cookie.MaxAge < 0 {
		return
	}
	fault := refusedFor(cookie, t.x)
	if fault == "" {
		return
	}
	var without *turn
	for i := range later {
		x := later[i].x
		if x.Parent != 0 || !browser(t.x, x) || !strings.EqualFold(x.Host, t.x.Host) || cookie.Path != "" && !strings.HasPrefix(x.Target, cookie.Path) ||
			t.x.Ended.IsZero() || x.Started.Before(t.x.Ended) {
			continue
		}
		if strings.Contains("; "+header(x.RequestHeader, "Cookie"), "; "+cookie.Name+"=") {
			return
		}
		if without == nil {
			without = &later[i]
		}
	}
	if without == nil {
		return
	}
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s set the cookie %s in its answer to %s, and %s did not send it with %s: %s.",
			server(t.c), cookie.Name, asked(t.x), caller(t.c), asked(without.x), fault),
		Evidence: []explain.Evidence{
			explain.At(t.c, findOf(t.c, t.x, flow.Response), "Set-Cookie: "+cookie.Name+", "+fault),
			explain.At(without.c, findOf(without.c, without.x, flow.Request), asked(without.x)+" without it"),
		},
	}
	p.Blame(&f, t.c, t.x)
	p.Blame(&f, without.c, without.x)
	p.Report(f)
}

// browser tells that two requests are of one browser: those keep cookies.
func browser(a, b *flow.Exchange) bool {
	agent := header(a.RequestHeader, "User-Agent")
	return strings.HasPrefix(agent, "Mozilla/") && agent == header(b.RequestHeader, "User-Agent")
}

// refusedFor says why browsers refuse a cookie (RFC 6265 section 5.3 and its
// successor); empty if they do not.
func refusedFor(cookie *http.Cookie, x *flow.Exchange) string {
	host := hostOf(x.Host)
	switch {
	case len(cookie.Name)+len(cookie.Value) > 4096:
		return fmt.Sprintf("it has %d bytes, and browsers take 4096", len(cookie.Name)+len(cookie.Value))
	case cookie.SameSite == http.SameSiteNoneMode && !cookie.Secure:
		return "SameSite=None without Secure"
	case strings.HasPrefix(cookie.Name, "__Host-") && (!cookie.Secure || cookie.Path != "/" || cookie.Domain != ""):
		return "a name with __Host- demands Secure, Path=/ and no Domain"
	case strings.HasPrefix(cookie.Name, "__Secure-") && !cookie.Secure:
		return "a name with __Secure- demands Secure"
	case cookie.Domain != "" && !inDomain(cookie.Domain, host):
		return "its Domain " + cookie.Domain + " does not cover the host " + host
	}
	return ""
}

// inDomain tells that a cookie for domain is for host too.
func inDomain(domain, host string) bool {
	domain, host = strings.ToLower(strings.TrimPrefix(domain, ".")), strings.ToLower(host)
	return host == domain || strings.HasSuffix(host, "."+domain)
}
