package oracle

import (
	"crypto/tls"
	"net/http"
	"os"
	"time"
)

// http2Faults are about the agreement on HTTP/2, and its streams.
func http2Faults() []corpusCase {
	page := map[string][]byte{"page.txt": text(300)}
	return []corpusCase{
		{"sick/alpn-no-overlap-nginx", label("nginx without http2; Go offers h2 alone; TLS 1.2", "find alpn-no-overlap conn c1 confidence proof"), func(b *bench) {
			b.nginx(page, "ssl", "")
			b.captureFor(func() { b.tryGo(&tls.Config{NextProtos: []string{"h2"}, MaxVersion: tls.VersionTLS12}) })
		}},
		{"sick/alpn-no-overlap-openssl", label("openssl s_server with h2 alone; curl offers http/1.1; TLS 1.3", "find alpn-no-overlap conn c1 confidence proof"), func(b *bench) {
			b.opensslServer(rsaCert, text(9), "-alpn", "h2")
			b.captureFor(func() { b.curl("--http1.1", b.url("/answer")) })
		}},
		{"sick/alpn-no-overlap-haproxy", label("HAProxy offers its origin h2 alone, and that is nginx without http2; curl gets 503", "find alpn-no-overlap"), func(b *bench) {
			back := b.second()
			back.nginx(page, "ssl", "")
			b.haproxy(haproxyTo(back, "ssl verify none alpn h2"))
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt")) })
		}},
		{"healthy/alpn-ignored", "", func(b *bench) { // HAProxy with h2 alone goes on without an agreement
			b.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/both.pem alpn h2\n http-request return status 200 string ok content-type text/plain\n")
			b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
		}},
		{"sick/alpn-promise-broken-nginx", label("HAProxy in TCP mode agrees on h2 in front of nginx without TLS; curl; TLS 1.3", "find alpn-promise-broken conn c1 confidence proof"), func(b *bench) {
			back := b.second()
			b.also = nil
			back.nginx(page, "", "")
			b.haproxy(inFrontOf(back, "alpn h2,http/1.1"))
			b.captureFor(func() { b.curl("--http2", b.url("/page.txt")) })
		}},
		{"sick/alpn-promise-broken-apache", label("HAProxy in TCP mode agrees on h2 in front of Apache without TLS; h2load; TLS 1.2; both sides of the gateway", "find alpn-promise-broken"), func(b *bench) {
			back := b.second()
			back.apache(page, "SSLEngine off")
			b.haproxy(inFrontOf(back, "alpn h2,http/1.1 ssl-max-ver TLSv1.2"))
			b.captureFor(func() { b.h2load("/page.txt", 1) })
		}},
		{"sick/h2-coalesced-misdirected-apache", label("two hosts of Apache with different SSLCipherSuite under one certificate; Chromium takes the connection of the first for the second, gets 421, and asks again", "find h2-coalesced-misdirected"), func(b *bench) {
			b.wildcard()
			b.apache(b.sharedPage(), b.apacheHosts("", "SSLCipherSuite ECDHE+AESGCM"))
			b.captureFor(func() { b.surf(at(firstHost, b, "/index.html")) })
		}},
		{"sick/h2-coalesced-misdirected-nginx", label("nginx wants client certificates for the second host; Chromium takes the connection of the first for it and gets 421", "find h2-coalesced-misdirected"), func(b *bench) {
			b.wildcard()
			b.nginx(b.sharedPage(), "ssl http2", b.here("server_name "+firstHost+"; } server { listen ADDR ssl http2; server_name "+secondHost+"; ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem; root DIR/www; ssl_verify_client optional; ssl_client_certificate DIR/ca.pem;"))
			b.captureFor(func() { b.surf(at(firstHost, b, "/index.html")) })
		}},
		{"sick/h2-coalesced-misdirected-go", label("nginx wants client certificates for the second host; Go's HTTP/2 on one connection for both, and nobody asks again; TLS 1.3", "find h2-coalesced-misdirected conn c1 exchange x2 confidence proof"), func(b *bench) {
			b.wildcard()
			b.nginx(map[string][]byte{"p.txt": text(300)}, "ssl http2", b.here("ssl_protocols TLSv1.3; server_name "+firstHost+"; } server { listen ADDR ssl http2; server_name "+secondHost+"; ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem; root DIR/www; ssl_verify_client on; ssl_client_certificate DIR/ca.pem;"))
			b.captureFor(func() { b.askOnOne(firstHost, at(firstHost, b, "/p.txt"), at(secondHost, b, "/p.txt")) })
		}},
		{"healthy/h2-coalescing-allowed", "", func(b *bench) {
			b.wildcard()
			b.nginx(b.sharedPage(), "ssl http2", "")
			b.captureFor(func() { b.surf(at(firstHost, b, "/index.html")) })
		}},
		{"sick/h2-http11-required-apache12", label("Apache, h2, SSLVerifyClient in a Location; TLS 1.2; h2load does not ask again", "find h2-http11-required conn c1 exchange x1 confidence proof"), func(b *bench) {
			b.apache(map[string][]byte{"secure/page.txt": text(9)}, verifyLate("TLSv1.2"))
			b.captureFor(func() { b.h2load("/secure/page.txt", 1) })
		}},
		{"sick/h2-http11-required-apache13", label("Apache, h2, SSLVerifyClient in a Location; TLS 1.3; Go does not ask again", "find h2-http11-required conn c1 exchange x1 confidence proof"), func(b *bench) {
			b.apache(map[string][]byte{"secure/page.txt": text(9)}, verifyLate("TLSv1.3"))
			b.captureFor(func() { fetch(b.http2Client(&tls.Config{}, nil), b.url("/secure/page.txt")) })
		}},
		{"sick/h2-http11-required-curl", label("Apache, h2, SSLVerifyClient in a Location; TLS 1.2; curl asks again over HTTP/1.1 and gets the page by its certificate", "find h2-http11-required conn c1 exchange x1"), func(b *bench) {
			id := b.apache(map[string][]byte{"secure/page.txt": text(9)}, verifyLate("TLSv1.2"))
			b.captureFor(func() { b.curl("--http2", "--cert", id.clientPEM, "--key", id.clientKey, b.url("/secure/page.txt")) })
		}},
		{"sick/h2-inadequate-security-chromium", label("nginx with a CBC suite and http2; TLS 1.2; Chromium", "find h2-inadequate-security conn c1 confidence proof"), func(b *bench) {
			b.nginx(page, "ssl http2", "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES128-SHA;")
			b.captureFor(func() { b.surf(b.url("/page.txt")) })
		}},
		{"sick/h2-inadequate-security-go", label("Go's server, TLS 1.2, and curl with a CBC suite", "find h2-inadequate-security conn c1 confidence proof"), func(b *bench) {
			config := b.modern()
			config.MaxVersion = tls.VersionTLS12
			b.goServer(echo(text(9)), config, true)
			b.captureFor(func() { b.curl("--http2", "--ciphers", "ECDHE-RSA-AES128-SHA", b.url("/")) })
		}},
		{"sick/h2-inadequate-security-keyless", label("HAProxy with a CBC suite and h2; TLS 1.2; Chromium; without keys, so that only the early end shows", "find h2-inadequate-security confidence likely"), func(b *bench) {
			b.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/both.pem alpn h2 ssl-max-ver TLSv1.2 ciphers ECDHE-RSA-AES256-SHA\n http-request return status 200 string ok content-type text/plain\n")
			b.captureFor(func() { b.surf(b.url("/")) })
			must(b.t, os.Remove(b.keys))
		}},
		{"healthy/h2-old-suite-tolerated", "", func(b *bench) { // curl does not mind
			b.nginx(page, "ssl http2", "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES128-SHA;")
			b.captureFor(func() { b.curl("--http2", b.url("/page.txt")) })
		}},
		{"sick/h2-refused-or-throttled-streams-nghttpd", label("nghttpd -m 2; nghttp sends 20 requests before it has read the limit; without TLS", "find h2-refused-or-throttled-streams conn c1 confidence proof"), func(b *bench) {
			b.nghttpd(page, "-m", "2", "--no-tls")
			b.captureFor(func() {
				b.client(program(b.t, "nghttp"), nil, "-n", "--no-dep", "--timeout=15", "-m", "20", "http://"+b.addr.String()+"/page.txt")
			})
		}},
		{"sick/h2-refused-or-throttled-streams-nginx", label("http2_max_concurrent_streams 2, TLS 1.2; Go sends 20 requests with bodies that it cannot send again", "find h2-refused-or-throttled-streams conn c1 confidence proof"), func(b *bench) {
			b.nginx(page, "ssl http2", "http2_max_concurrent_streams 2; ssl_protocols TLSv1.2;")
			b.captureFor(func() { b.uploadAtOnce(b.http2Client(&tls.Config{}, oneAtMost), 20) })
		}},
		{"healthy/h2-streams-refused-and-repeated", "", func(b *bench) { // Go asks again
			b.nginx(page, "ssl http2", "http2_max_concurrent_streams 2;")
			b.captureFor(func() {
				fetchAtOnce(b.http2Client(&tls.Config{}, twoAtMost), b.url("/page.txt"), 12)
			})
		}},
		{"sick/h2-goaway-race-nginx", label("keepalive_requests 5, TLS 1.3, h2load with 30 requests at a time, which it does not repeat", "find h2-goaway-race conn c1 confidence proof"), func(b *bench) {
			b.nginx(page, "ssl http2", "keepalive_requests 5; ssl_protocols TLSv1.3;")
			b.captureFor(func() { b.h2load("/page.txt", 30) })
		}},
		{"sick/h2-goaway-race-nginx12", label("keepalive_requests 8, TLS 1.2, h2load with 20 requests at a time, which it does not repeat", "find h2-goaway-race confidence proof"), func(b *bench) {
			b.nginx(page, "ssl http2", "keepalive_requests 8; ssl_protocols TLSv1.2;")
			b.captureFor(func() { b.h2load("/page.txt", 20) })
		}},
		{"healthy/h2-goaway-retry", "", func(b *bench) { // curl asks again on a new connection
			b.nginx(page, "ssl http2", "keepalive_requests 5;")
			b.captureFor(func() {
				args := []string{"--http2", "-Z"}
				for range 14 {
					args = append(args, b.url("/page.txt"), "-o", "out")
				}
				b.curl(args...)
			})
		}},
		{"healthy/h2-goaway-retry-go", "", func(b *bench) {
			b.nginx(page, "ssl http2", "keepalive_requests 5;")
			b.captureFor(func() { fetchAtOnce(b.http2Client(&tls.Config{}, twoAtMost), b.url("/page.txt"), 14) })
		}},
		{"sick/h2-enhance-your-calm-go", label("Go's server with 10 streams at a time; a Go client cancels each of 56 requests at once; TLS 1.3", "find h2-enhance-your-calm conn c1 confidence proof"), func(b *bench) {
			b.served(stubborn(), func(s *http.Server) { s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 10} })
			b.captureFor(func() { b.cancelAtOnce(b.http2Client(&tls.Config{}, nil), 56) })
		}},
		{"sick/h2-enhance-your-calm-chromium", label("Go's server with 10 streams at a time; a page of Chromium begins and aborts 60 fetches; TLS 1.2", "find h2-enhance-your-calm confidence proof"), func(b *bench) {
			b.served(aborting(), func(s *http.Server) {
				s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 10}
				s.TLSConfig.MaxVersion = tls.VersionTLS12
			})
			b.captureFor(func() { b.surf(b.url("/")) })
		}},
		{"healthy/h2-cancelled-by-user", "", func(b *bench) { // Apache bears it
			back := b.second()
			b.also = nil
			back.goServer(sleeping(2*time.Second), nil, false)
			b.apache(page, "Protocols h2 http/1.1\nSSLProtocol TLSv1.2\n"+apacheToward(back, ""))
			b.captureFor(func() { b.cancelAtOnce(b.http2Client(&tls.Config{}, nil), 8) })
		}},
	}
}

// stubborn works on when its client has left.
func stubborn() http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) })
}

// aborting has a page that begins and aborts requests, each of which works on.
func aborting() http.Handler {
	const page = `<!doctype html><title>t</title><link rel=icon href="data:,"><script>
for (let n = 0; n < 60; n++) setTimeout(() => {
  const c = new AbortController()
  fetch('/work/' + n, { signal: c.signal }).catch(() => {})
  setTimeout(() => c.abort(), 4)
}, 6 * n)
</script><img src=/picture>`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/":
			w.Header().Set("Content-Type", "text/html")
			writef(w, page)
		default:
			time.Sleep(time.Second)
		}
	})
}

// verifyLate has Apache want a certificate for a part of the site, with HTTP/2.
func verifyLate(protocol string) string {
	return "Protocols h2 http/1.1\nSSLProtocol " + protocol + "\n<Location /secure>\nSSLVerifyClient require\nSSLVerifyDepth 2\n</Location>\n"
}
