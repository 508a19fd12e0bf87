package oracle

import (
	"crypto/tls"
	"fmt"

	"fanlight/internal/testnet"
)

// refusals are requests that are answered 401 for another reason than the password.
func refusals() []corpusCase {
	nobody := func(string) bool { return false }
	three := script(`for (const u of ["page.txt", "more.txt", "last.txt"]) {
		const x = new XMLHttpRequest(); x.open("GET", "private/" + u, false); x.send() }`)
	return []corpusCase{
		{"sick/loopback-check-401-curl", label("an origin on the client's machine refuses NTLM for another name than its own; curl --ntlm, TLS 1.3",
			"find loopback-check-401 conn c1", "synthetic Windows alone does it"), func(b *bench) {
			b.iis(testnet.NTLMOrigin{Admits: nobody}, tls.VersionTLS13)
			b.captureFor(func() { b.askFor([]string{"--http1.1", "--ntlm", "-u", `TEST\anna:secret`}, "/") })
		}},
		{"sick/loopback-check-401-chromium", label("an origin on the client's machine refuses NTLM for another name than its own; Chromium, TLS 1.2",
			"find loopback-check-401", "synthetic Windows alone does it"), func(b *bench) {
			b.iis(testnet.NTLMOrigin{Admits: nobody}, tls.VersionTLS12)
			b.captureFor(func() { b.chromium(withPassword(b.url("/"))) })
		}},
		{"sick/no-credentials-offered-chromium", label("Apache offers Negotiate for what a page's script wants; Chromium is not told to trust the site; TLS 1.3",
			"find no-credentials-offered conn c1"), func(b *bench) {
			b.ticketed("SSLProtocol TLSv1.3")
			b.write("www/index.html", three)
			b.captureFor(func() { b.chromium(b.url("/index.html")) })
		}},
		{"sick/no-credentials-offered-curl", label("Apache offers Negotiate; curl without --negotiate asks for three pages; TLS 1.2",
			"find no-credentials-offered conn c1"), func(b *bench) {
			b.ticketed("SSLProtocol TLSv1.2")
			b.captureFor(func() { b.askFor([]string{"--http1.1"}, private, more, last) })
		}},
		{"sick/no-credentials-offered-haproxy", label("HAProxy takes WWW-Authenticate off; Chromium trusts the site and has a ticket; TLS 1.3",
			"find no-credentials-offered confidence proof"), func(b *bench) {
			back := b.second()
			back.ticketed("SSLEngine off")
			b.env = back.env
			b.haproxy(haproxyTo(back) + " http-response del-header www-authenticate\n")
			b.captureFor(func() { b.chromium(b.url(private), b.trusted()) })
		}},
		{"sick/no-credentials-offered-nginx", label("nginx takes WWW-Authenticate off; curl --anyauth with a ticket; TLS 1.2",
			"find no-credentials-offered confidence proof"), func(b *bench) {
			back := b.second()
			back.ticketed("SSLEngine off")
			b.env = back.env
			b.nginx(nil, "ssl", "ssl_protocols TLSv1.2; location / { proxy_pass http://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; proxy_set_header Host $http_host; proxy_hide_header WWW-Authenticate; }")
			b.captureFor(func() { b.askFor([]string{"--http1.1", "--anyauth", "-u", ":"}, private) })
		}},
		{"sick/no-credentials-offered-no-ticket", label("Apache offers Negotiate; Chromium trusts the site, but its user has no ticket; TLS 1.3",
			"find no-credentials-offered"), func(b *bench) {
			b.ticketed("SSLProtocol TLSv1.3")
			b.client(program(b.t, "kdestroy"), nil)
			b.captureFor(func() { b.chromium(b.url(private), b.trusted()) })
		}},
		{"sick/preflight-challenged-apache", label("a page of another origin sends JSON to Apache, which wants Negotiate for OPTIONS as well; Chromium, TLS 1.3",
			"find preflight-challenged"), func(b *bench) {
			page := b.second()
			b.ticketed("SSLProtocol TLSv1.3")
			page.preflights(b, "POST")
		}},
		{"sick/preflight-challenged-nginx", label("a page of another origin puts something to nginx, which wants Basic for OPTIONS as well; Chromium, TLS 1.2",
			"find preflight-challenged"), func(b *bench) {
			page := b.second()
			b.basic("ssl_protocols TLSv1.2;")
			page.preflights(b, "PUT")
		}},
	}
}

// preflights serves a page whose script sends something to the other server,
// and has Chromium load it.
func (b *bench) preflights(api *bench, method string, flags ...string) {
	b.t.Helper()
	b.nginx(map[string][]byte{"index.html": script(fmt.Sprintf(`const x = new XMLHttpRequest(); x.open(%q, %q, false); x.withCredentials = true;
		x.setRequestHeader("Content-Type", "application/json"); try { x.send("{}") } catch {}`, method, api.url(private)))}, "ssl", "")
	api.captureFor(func() { b.chromium(b.url("/index.html"), flags...) })
}
