package rules

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var httpsRedirectLoop = explain.Rule{
	ID:       "https-redirect-loop",
	Title:    "The answer sends the client to the https address it has just asked",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "TLS ends at a gateway, which asks the application over plain HTTP. The application believes that the client came without TLS and redirects it to https, where the client already is. So it goes round and round.",
		Looks: "301, 302, 307 or 308 with a Location that equals the requested address, several times in a row. Chrome shows ERR_TOO_MANY_REDIRECTS, curl ends with code 47.",
		Why:   "The gateway does not send `X-Forwarded-Proto: https`, or an inner gateway overwrites it with http; or the application does not trust the header.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "It sends X-Forwarded-Proto by itself. Let the application trust it, or reach it with TLS:", "to: https://10.0.0.5:8443"),
			fix(explain.Gateway, "nginx", "Tell the application:", "proxy_set_header X-Forwarded-Proto $scheme;", "proxy_set_header Host $host;"),
			fix(explain.Gateway, "Apache", "Tell the application:", `RequestHeader set X-Forwarded-Proto "https"`),
			fix(explain.Gateway, "HAProxy", "Tell the application:", "http-request set-header X-Forwarded-Proto https if { ssl_fc }"),
			fix(explain.Origin, "Apache", "Redirect only what did not come by https to the gateway:", "RewriteCond %{HTTP:X-Forwarded-Proto} !=https", "RewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]"),
			fix(explain.Origin, "ASP.NET Core", "Believe the gateway, before UseHttpsRedirection:", "app.UseForwardedHeaders(new() { ForwardedHeaders = ForwardedHeaders.XForwardedProto, KnownProxies = { gatewayAddress } });"),
			fix(explain.Origin, "Django", "Believe the gateway:", `SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")`),
		},
		Confirm: "`curl -skI https://NAME/` shows a Location equal to the address asked; the same request to the application with `-H 'X-Forwarded-Proto: https'` answers normally.",
		LookAlikes: []explain.Alike{
			{ID: "a normal move to https", Difference: "the client asked with http, and is redirected once"},
			{ID: "cookie-dropped", Difference: "each redirect sets a cookie that the next request lacks"},
			{ID: "redirect-leaks-backend", Difference: "the redirect goes to an inner address, not to the one that was asked"},
		},
		References: []string{"RFC 9110 section 15.4 (redirection)", "dotnet/aspnetcore#25255", "nginx-proxy/nginx-proxy#422"},
	},
	Hides: []string{"redirect-leaks-backend"},
	Check: checkRedirectLoop,
}

// rounds of a loop before it is called one, and how close they follow.
const (
	rounds    = 3
	roundTime = 10 * time.Second
)

func checkRedirectLoop(p *explain.Pass) {
	for _, list := range turns(p.Conns()) {
		var loop []turn
		for _, t := range list {
			if !redirectsToItself(t.x) {
				continue
			}
			if n := len(loop); n > 0 && (loop[n-1].x.Target != t.x.Target || loop[n-1].x.Host != t.x.Host || t.x.Started.Sub(loop[n-1].x.Started) > roundTime) {
				reportLoop(p, loop)
				loop = nil
			}
			loop = append(loop, t)
		}
		reportLoop(p, loop)
	}
}

// redirectsToItself tells that the client is sent to the https address it asked
// for. Behind a gateway that is what the client asked the gateway for.
func redirectsToItself(x *flow.Exchange) bool {
	if !redirect(x) || x.Scheme != "https" && !forwardedHTTPS(x) || says(x.RequestHeader, "Upgrade-Insecure-Requests", "1") && x.Scheme == "http" {
		return false
	}
	to, ok := location(x)
	if _, sets := flow.Get(x.ResponseHeader, "Set-Cookie"); !ok || sets {
		return false
	}
	return to.Scheme == "https" && strings.EqualFold(to.Host, strings.TrimSuffix(x.Host, ":443")) && to.RequestURI() == x.Target
}

// forwardedHTTPS tells that a gateway says its client came with https.
func forwardedHTTPS(x *flow.Exchange) bool {
	return says(x.RequestHeader, "X-Forwarded-Proto", "https")
}

func redirect(x *flow.Exchange) bool {
	switch x.Status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// location is where x sends its client, as an absolute URL; not ok if nowhere,
// or if it cannot be read.
func location(x *flow.Exchange) (*url.URL, bool) {
	value := header(x.ResponseHeader, "Location")
	if value == "" || x.Host == "" || x.Scheme == "" {
		return nil, false
	}
	from, err := url.Parse(x.Scheme + "://" + x.Host + x.Target)
	if err != nil {
		return nil, false
	}
	to, err := from.Parse(value)
	if err != nil {
		return nil, false
	}
	to.Host = strings.TrimSuffix(to.Host, map[string]string{"https": ":443", "http": ":80"}[to.Scheme])
	return to, to.Host != ""
}

func reportLoop(p *explain.Pass, loop []turn) {
	if len(loop) < rounds {
		return
	}
	first := loop[0]
	to, _ := location(first.x)
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("%s asked for %s %d times, and each time %s redirected it to that very address.",
			caller(first.c), to, len(loop), server(first.c)),
	}
	for _, t := range loop[:rounds] {
		f.Evidence = append(f.Evidence, responseEvidence(t.c, t.x)...)
	}
	said := false
	for _, t := range loop {
		p.Blame(&f, t.c, t.x)
		for _, y := range p.Behind(t.x.ID) {
			f.Exchanges = append(f.Exchanges, y.ID)
			if back := p.Conn(y.Conn); !said && back != nil && y.Scheme == "http" && y.Status == t.x.Status {
				said = true
				f.Confidence = explain.Proof
				f.Evidence = append(f.Evidence, explain.At(back, findOf(back, y, flow.Request), "asked over plain HTTP, "+forwardedWord(y)))
			}
		}
	}
	if forwardedHTTPS(first.x) {
		said = true
		f.Evidence = append(f.Evidence, explain.Fact("the gateway says X-Forwarded-Proto: https: the application does not honour it"))
	}
	if !said {
		f.Missing = []string{"the gateway's connection to its origin, to see whether that is plain HTTP"}
	}
	p.Report(f)
}

func forwardedWord(y *flow.Exchange) string {
	if v, sent := flow.Get(y.RequestHeader, "X-Forwarded-Proto"); sent {
		return "with X-Forwarded-Proto: " + v
	}
	return "without X-Forwarded-Proto"
}
