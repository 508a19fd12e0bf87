package oracle

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// misconfigurations are settings that servers and gateways are given by mistake.
func misconfigurations() []corpusCase {
	page := map[string][]byte{"page.txt": text(300)}
	nginx := func(directives string, client func(b *bench)) func(b *bench) {
		return func(b *bench) {
			b.nginx(page, "ssl", strings.ReplaceAll(directives, "PORT", b.port()))
			b.captureFor(func() { client(b) })
		}
	}
	apache := func(directives string, client func(b *bench)) func(b *bench) {
		return func(b *bench) { b.apache(page, directives); b.captureFor(func() { client(b) }) }
	}
	follow := func(b *bench) { b.curl("--http1.1", "-L", "--max-redirs", "5", b.url("/page.txt")) }
	unpack := func(b *bench) { b.curl("--http1.1", "--compressed", b.url("/page.txt")) }
	many := func(b *bench) {
		args := []string{"--http1.1"}
		for n := range 8 {
			args = append(args, b.url(fmt.Sprintf("/page.txt?%d", n)), "-o", "out")
		}
		b.curl(args...)
	}
	return []corpusCase{
		{"sick/https-redirect-loop-nginx", label("nginx redirects to https what came by https, as behind a TLS offloader; curl -L", "find https-redirect-loop"),
			nginx("location / { return 301 https://app.test:PORT$request_uri; }", follow)},
		{"sick/https-redirect-loop-haproxy", label("HAProxy redirects to https what came by https; curl -L", "find https-redirect-loop"), func(b *bench) {
			b.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/both.pem\n http-request redirect code 302 location https://" + host + ":" + b.port() + "/page.txt\n")
			b.captureFor(func() { follow(b) })
		}},
		{"sick/content-encoding-mismatch-nginx", label("nginx, as a gateway, says gzip of a body that is not packed; curl --compressed", "find content-encoding-mismatch"), func(b *bench) {
			back := b.second()
			back.nginx(page, "", "")
			b.nginx(nil, "ssl", "location / { proxy_pass http://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; add_header Content-Encoding gzip; }")
			b.captureFor(func() { unpack(b) })
		}},
		{"sick/content-encoding-mismatch-haproxy", label("HAProxy says gzip of a body that is not packed; curl --compressed", "find content-encoding-mismatch"), func(b *bench) {
			back := b.second()
			back.apache(page, "SSLEngine off")
			b.haproxy(haproxyTo(back) + " http-response set-header Content-Encoding gzip\n")
			b.captureFor(func() { unpack(b) })
		}},
		{"sick/connection-closed-each-request-nginx", label("keepalive_timeout 0; curl asks eight times", "find connection-closed-each-request"),
			nginx("keepalive_timeout 0;", many)},
		{"sick/connection-closed-each-request-apache", label("KeepAlive Off; curl asks eight times", "find connection-closed-each-request"), apache("KeepAlive Off", many)},
		{"sick/expect-100-stall-tls", label("a server that never sends 100; curl waits a second with its body; TLS 1.3", "find expect-100-stall"), unexpecting(&tls.Config{})},
		{"sick/expect-100-stall-plain", label("a server that never sends 100; curl waits a second with its body; without TLS", "find expect-100-stall"), unexpecting(nil)},
		{"sick/host-rejected-nginx", label("nginx sends the address of its origin as Host, which the origin (nginx) answers with 400; asked directly for its name, it answers 200", "find host-rejected"), func(b *bench) {
			back := b.second()
			back.nginx(page, "", "if ($host != app.test) { return 400; }")
			b.nginx(nil, "ssl", "location / { proxy_pass http://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; }")
			b.captureFor(func() { b.bothWays(back) })
		}},
		{"sick/host-rejected-haproxy", label("HAProxy changes the Host, which the origin (nginx) answers with 403; asked directly for its name, it answers 200", "find host-rejected"), func(b *bench) {
			back := b.second()
			back.nginx(page, "", "if ($host != app.test) { return 403; }")
			b.haproxy(haproxyTo(back) + " http-request set-header Host internal\n")
			b.captureFor(func() { b.bothWays(back) })
		}},
		{"sick/redirect-leaks-backend-haproxy", label("HAProxy passes on the redirect of an application that names its own address", "find redirect-leaks-backend"), func(b *bench) {
			back := b.second()
			back.goServer(leaking(back), nil, false)
			b.haproxy(haproxyTo(back))
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt")) })
		}},
		{"sick/redirect-leaks-backend-nginx", label("nginx with proxy_redirect off passes on the redirect of an application that names its own address", "find redirect-leaks-backend"), func(b *bench) {
			back := b.second()
			back.goServer(leaking(back), nil, false)
			b.nginx(nil, "ssl", "location / { proxy_pass http://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; proxy_redirect off; }")
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt")) })
		}},
		{"sick/response-header-too-large-nginx", label("nginx with its defaults in front of a response with a header of 20 KB", "find response-header-too-large"), func(b *bench) {
			back := b.second()
			back.goServer(wordy(), nil, false)
			b.nginx(nil, "ssl", "location / { proxy_pass http://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; }")
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt")) })
		}},
		{"sick/response-header-too-large-haproxy", label("HAProxy with its defaults in front of a response with a header of 20 KB", "find response-header-too-large"), func(b *bench) {
			back := b.second()
			back.goServer(wordy(), nil, false)
			b.haproxy(haproxyTo(back))
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt")) })
		}},
		{"sick/proxy-protocol-mismatch-nginx", label("HAProxy with send-proxy in front of nginx, which does not expect it", "find proxy-protocol-mismatch"), func(b *bench) {
			back := b.second()
			back.nginx(page, "", "")
			b.haproxy(haproxyTo(back, "send-proxy"))
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt")) })
		}},
		{"sick/proxy-protocol-mismatch-haproxy", label("HAProxy with send-proxy in front of Apache, which does not expect it", "find proxy-protocol-mismatch"), func(b *bench) {
			back := b.second()
			back.apache(page, "SSLEngine off")
			b.haproxy(haproxyTo(back, "send-proxy"))
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt")) })
		}},
	}
}

// unexpecting serves without ever answering an Expect.
func unexpecting(config *tls.Config) func(b *bench) {
	return func(b *bench) {
		b.says(config, func(c net.Conn, _ *http.Request) { writef(c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n") })
		b.captureFor(func() {
			url := b.url("/upload")
			if config == nil {
				url = "http://" + strings.TrimPrefix(url, "https://")
			}
			b.curl("--http1.1", "-H", "Expect: 100-continue", "--data-binary", "@"+b.write("up", text(2000)), url)
		})
	}
}

// leaking redirects to its own address.
func leaking(b *bench) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+b.addr.String()+"/login", http.StatusFound)
	})
}

func wordy() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for n := range 10 {
			w.Header().Set(fmt.Sprintf("X-Long-%d", n), strings.Repeat("x", 2000))
		}
		writef(w, "short\n")
	})
}

// bothWays asks the server behind a gateway directly, then the gateway.
func (b *bench) bothWays(back *bench) {
	b.t.Helper()
	b.curl("--http1.1", "-H", "Host: "+host, "http://"+back.addr.String()+"/page.txt")
	b.curl("--http1.1", b.url("/page.txt"))
}
