package rules

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var redirectLeaksBackend = explain.Rule{
	ID:       "redirect-leaks-backend",
	Title:    "The redirect names an address that only the gateway can reach",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The application behind the gateway made a redirect from the name, port or scheme it knows itself by. The gateway passed it on as it was, and the client is sent to a place that is not meant for it.",
		Looks: "A Location with an internal name or address, a port such as :8080, or http on a site that is asked with https. The next request fails: the name does not resolve, the port is closed, or the browser warns. Typical at `/folder` without the slash at its end.",
		Why:   "The gateway does not keep the Host, or does not rewrite Location; the application does not look at X-Forwarded-Host, -Port and -Proto.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "Keep the client's Host on that route:", "host: keep"),
			fix(explain.Gateway, "nginx", "Keep the Host, say the scheme, and rewrite what still leaks:", "proxy_set_header Host $host;", "proxy_set_header X-Forwarded-Proto $scheme;", "proxy_redirect http://app.internal:8080/ /;"),
			fix(explain.Gateway, "Apache", "Keep the Host and rewrite Location:", "ProxyPreserveHost On", "ProxyPassReverse / http://192.0.2.20:8080/"),
			fix(explain.Gateway, "HAProxy", "Rewrite Location:", `http-response replace-header Location http://192\.0\.2\.20:8080/(.*) /\1`),
			fix(explain.Origin, "Apache", "Let its own redirects use the public name:", "ServerName https://shop.test", "UseCanonicalName On"),
			fix(explain.Origin, "nginx", "Let its own redirects name neither host nor port:", "absolute_redirect off;"),
		},
		Confirm: "`curl -sI URL` through the gateway, and look at Location.",
		LookAlikes: []explain.Alike{
			{ID: "https-redirect-loop", Difference: "the redirect names the very address that was asked for"},
			{ID: "a redirect to another site", Difference: "a public name, on purpose: signing in elsewhere, a CDN"},
		},
		References: []string{"RFC 9110 section 10.2.2 (Location)", "nginx: proxy_redirect", "Apache: ProxyPassReverse"},
	},
	Check: checkRedirectLeak,
}

func checkRedirectLeak(p *explain.Pass) {
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			if x.Parent != 0 || c.Parent != 0 || !redirect(x) {
				continue
			}
			if to, ok := location(x); ok && absolute(x) {
				checkBackendNamed(p, c, x, to)
			}
		}
	}
}

// absolute tells that the Location names host and scheme itself.
func absolute(x *flow.Exchange) bool {
	return strings.Contains(header(x.ResponseHeader, "Location"), "//")
}

func checkBackendNamed(p *explain.Pass, c *flow.Conn, x *flow.Exchange, to *url.URL) {
	name, _ := splitHost(x.Host)
	target, port := splitHost(to.Host)
	for _, y := range p.Behind(x.ID) {
		back := p.Conn(y.Conn)
		if back == nil || y.Status != x.Status {
			continue
		}
		if to.Host != x.Host && !strings.EqualFold(target, name) && (strings.EqualFold(to.Host, y.Host) || to.Host == back.Server.String() || target == back.Server.Addr().String()) {
			reportBackendNamed(p, c, x, to, explain.Proof, "that is what the gateway calls the origin")
			return
		}
	}
	switch {
	case private(target) && !private(name):
		reportBackendNamed(p, c, x, to, explain.Likely, "that is an internal address")
	case x.Scheme == "https" && to.Scheme == "http" && strings.EqualFold(target, name) && (port != "" || to.Path == pathOf(x)+"/"):
		reportBackendNamed(p, c, x, to, explain.Likely, "the client came with https")
	}
}

// splitHost separates a port, if there is one.
func splitHost(host string) (name, port string) {
	if name, port, err := net.SplitHostPort(host); err == nil {
		return name, port
	}
	return strings.Trim(host, "[]"), ""
}

// private tells of names that mean something inside of one network or machine
// only.
func private(name string) bool {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast()
	}
	return name == "localhost"
}

func pathOf(x *flow.Exchange) string {
	path, _, _ := strings.Cut(x.Target, "?")
	return path
}

func reportBackendNamed(p *explain.Pass, c *flow.Conn, x *flow.Exchange, to *url.URL, sure explain.Confidence, why string) {
	f := explain.Finding{
		Confidence: sure,
		Cause:      fmt.Sprintf("%s answered %s with a redirect to %s://%s: %s.", server(c), asked(x), to.Scheme, to.Host, why),
		Evidence:   responseEvidence(c, x),
	}
	p.Blame(&f, c, x)
	for _, y := range p.Behind(x.ID) {
		f.Exchanges = append(f.Exchanges, y.ID)
		if back := p.Conn(y.Conn); back != nil {
			f.Evidence = append(f.Evidence, responseEvidence(back, y)...)
		}
	}
	p.Report(f)
}
