package oracle

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"time"
)

func writef(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// renegotiationFaults are with Apache, which asks for a certificate once it has
// seen the request.
func renegotiationFaults() []corpusCase {
	const secure = "/secure/page.txt"
	goClient := func(r tls.RenegotiationSupport, first bool) func(b *bench, id identity) {
		return func(b *bench, id identity) {
			v := b.visit(&tls.Config{MaxVersion: tls.VersionTLS12, Renegotiation: r})
			if first {
				v.ask("GET", "/open.txt")
				v.answer()
			}
			v.ask("GET", secure)
			v.answer()
			v.tcp.Close()
		}
	}
	return []corpusCase{
		{"sick/renegotiation-unanswered-go", label("Apache asks again for SSLVerifyClient in a Location; a Go client that does not read meanwhile; Apache's Timeout 4",
			"find renegotiation-unanswered conn c1 exchange x1", "not origin-closed-without-answer"), lateApache("TLSv1.2", func(b *bench, _ identity) {
			v := b.visit(&tls.Config{MaxVersion: tls.VersionTLS12})
			v.ask("GET", secure)
			b.until("Apache to give up", func() bool { return closedByPeer(b) })
			v.tcp.Close()
		})},
		{"sick/renegotiation-unanswered-stopped", label("Apache asks again for SSLVerifyClient in a Location; openssl s_client is stopped (kill -STOP) behind a relay that gives it the server's bytes late; Apache's Timeout 4",
			"find renegotiation-unanswered conn c1", "not client-gave-up"), func(b *bench) {
			lateApache("TLSv1.2", func(b *bench, _ identity) { b.stoppedClient("GET " + secure + " HTTP/1.1\nHost: " + host + "\n\n") })(b)
		}},
		{"sick/renegotiation-refused-go", label("Apache asks again; Go's client with its default (never) refuses; TLS 1.2",
			"find renegotiation-refused conn c1 exchange x2"), lateApache("TLSv1.2", goClient(tls.RenegotiateNever, true))},
		{"sick/renegotiation-refused-openssl", label("Apache asks again; openssl s_client -no_renegotiation",
			"find renegotiation-refused conn c1"), lateApache("TLSv1.2", func(b *bench, _ identity) {
			b.openssl([]string{"GET " + secure + " HTTP/1.1\nHost: " + host + "\n\n"}, "-no_renegotiation", "-crlf", "-quiet")
		})},
		{"sick/renegotiation-unfinished-nginx", label("nginx, without a certificate of its own, in front of Apache, which asks again and ends the connection; no keys for the leg behind",
			"find renegotiation-unfinished conn c2"), func(b *bench) {
			back := b.second()
			back.apache(map[string][]byte{"secure/page.txt": text(200)}, "Timeout 4\nSSLProtocol TLSv1.2\n<Location /secure>\nSSLVerifyClient require\n</Location>\n")
			b.nginx(nil, "ssl", "location / { proxy_pass https://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; proxy_read_timeout 8s; }")
			b.captureFor(func() { b.curl("--http1.1", b.url(secure)) })
		}},
		{"sick/renegotiation-unfinished-haproxy", label("HAProxy, without a certificate of its own, in front of Apache, which asks again and ends the connection; no keys for the leg behind",
			"find renegotiation-unfinished conn c2"), func(b *bench) {
			back := b.second()
			back.apache(map[string][]byte{"secure/page.txt": text(200)}, "Timeout 4\nSSLProtocol TLSv1.2\n<Location /secure>\nSSLVerifyClient require\n</Location>\n")
			b.haproxy(haproxyTo(back, "ssl verify none"))
			b.captureFor(func() { b.curl("--http1.1", b.url(secure)) })
		}},
		{"sick/renegotiation-answered-curl", label("Apache asks again, and curl shows its certificate", "find renegotiation-answered conn c1"), lateApache("TLSv1.2", func(b *bench, id identity) {
			b.curl("--http1.1", "--cert", id.clientPEM, "--key", id.clientKey, b.url("/open.txt"), "-o", "1", b.url(secure), "-o", "2")
		})},
		{"sick/renegotiation-answered-openssl", label("Apache asks again, and openssl s_client shows its certificate", "find renegotiation-answered conn c1"), lateApache("TLSv1.2", func(b *bench, id identity) {
			b.openssl([]string{"GET " + secure + " HTTP/1.1\nHost: " + host + "\nConnection: close\n\n"}, "-crlf", "-quiet", "-cert", id.clientPEM, "-key", id.clientKey)
		})},
	}
}

// closedByPeer tells that the server ended a connection that its client has not.
func closedByPeer(b *bench) bool {
	for _, state := range sockets(b.t, b.addr) {
		if state == "08" { // CLOSE_WAIT
			return true
		}
	}
	return false
}

// stoppedClient is openssl s_client, stopped right after it sent the text.
func (b *bench) stoppedClient(text string) {
	b.t.Helper()
	cmd := exec.Command(program(b.t, "openssl"), "s_client", "-connect", b.relay(300*time.Millisecond).String(), "-servername", host, "-tls1_2", "-keylogfile", b.keys, "-crlf", "-quiet")
	in, err := cmd.StdinPipe()
	must(b.t, err)
	must(b.t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	time.Sleep(2 * time.Second) // the handshake takes less
	_, _ = io.WriteString(in, text)
	time.Sleep(100 * time.Millisecond) // it is on its way; the answer takes longer
	must(b.t, suspend(cmd.Process))
	b.until("the server to give up", func() bool { return closedByPeer(b) })
	time.Sleep(time.Second) // until the relay has gone
}

// httpFaults are requests and responses that go wrong.
func httpFaults() []corpusCase {
	page := map[string][]byte{"page.txt": text(300)}
	nginx := func(directives string, client func(b *bench)) func(b *bench) {
		return func(b *bench) { b.nginx(page, "ssl", directives); b.captureFor(func() { client(b) }) }
	}
	apache := func(directives string, client func(b *bench)) func(b *bench) {
		return func(b *bench) { b.apache(page, directives); b.captureFor(func() { client(b) }) }
	}
	race := func(version uint16, wait time.Duration) func(b *bench) {
		return func(b *bench) {
			v := b.visit(&tls.Config{MaxVersion: version})
			v.ask("GET", "/page.txt")
			v.answer()
			time.Sleep(wait)
			v.ask("GET", "/page.txt")
			v.answer()
			v.tcp.Close()
		}
	}
	long := "X-Long: " + strings.Repeat("x", 40_000)
	piece := func(text string) func(b *bench) {
		return func(b *bench) {
			v := b.visit(&tls.Config{})
			writef(v, "%s", text)
			v.answer()
			v.Close()
		}
	}
	const (
		both  = "POST /page.txt HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
		twice = "POST /page.txt HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"
		space = "GET /page.txt HTTP/1.1\r\nHost: app.test\r\nX Bad: 1\r\n\r\n"
		hosts = "GET /page.txt HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n"
	)
	slowBody := "POST /page.txt HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000\r\n\r\nbeginning"
	return []corpusCase{
		{"sick/keepalive-race-nginx", label("keepalive_timeout 1 s; a Go client that does not look asks again right after it; TLS 1.3", "find keepalive-race conn c1 exchange x2"),
			nginx("keepalive_timeout 1s; ssl_protocols TLSv1.3;", race(0, 1100*time.Millisecond))},
		{"sick/keepalive-race-apache", label("KeepAliveTimeout 1 s; a Go client that does not look asks again right after it; TLS 1.2", "find keepalive-race conn c1 exchange x2"),
			apache("KeepAliveTimeout 1\nSSLProtocol TLSv1.2\n", race(0, 1100*time.Millisecond))},
		{"sick/origin-closed-without-answer-nginx", label("nginx returns 444: it closes; TLS 1.3, curl", "find origin-closed-without-answer conn c1 exchange x1"),
			nginx("location / { return 444; }", func(b *bench) { b.curl("--http1.1", b.url("/")) })},
		{"sick/origin-closed-without-answer-go", label("a Go handler that panics, as a crash of the application; TLS 1.2, curl", "find origin-closed-without-answer conn c1 exchange x1"), func(b *bench) {
			b.goServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), &tls.Config{Certificates: []tls.Certificate{b.identity(rsaCert).cert.TLS()}, MaxVersion: tls.VersionTLS12}, false)
			b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
		}},
		{"sick/body-truncated-go", label("a Go handler that dies in its response; TLS 1.3, curl", "find body-truncated conn c1 exchange x1"), truncated(&tls.Config{})},
		{"sick/body-truncated-plain", label("a Go handler that dies in its response; without TLS, curl", "find body-truncated conn c1 exchange x1"), truncated(nil)},
		{"sick/request-header-too-large-nginx", label("a header field of 40 KB; nginx with its defaults, curl", "find request-header-too-large conn c1 exchange x1"),
			nginx("", func(b *bench) { b.curl("--http1.1", "-H", long, b.url("/page.txt")) })},
		{"sick/request-header-too-large-apache", label("a header field of 40 KB; Apache with its defaults, curl", "find request-header-too-large conn c1 exchange x1"),
			apache("", func(b *bench) { b.curl("--http1.1", "-H", long, b.url("/page.txt")) })},
		{"sick/request-header-too-large-target", label("a target of 40 KB; nginx with its defaults, curl", "find request-header-too-large conn c1 exchange x1"),
			nginx("", func(b *bench) { b.curl("--http1.1", b.url("/page.txt?"+strings.Repeat("q", 40_000))) })},
		{"sick/request-framing-ambiguous-nginx", label("Content-Length beside Transfer-Encoding; nginx, TLS 1.3", "find request-framing-ambiguous conn c1"), nginx("", piece(both))},
		{"sick/request-framing-ambiguous-apache", label("two different Content-Length; Apache, TLS 1.3", "find request-framing-ambiguous conn c1"), apache("", piece(twice))},
		{"sick/request-malformed-nginx", label("two Host fields; nginx", "find request-malformed conn c1"), nginx("", piece(hosts))},
		{"sick/request-framing-ambiguous-name", label("a blank in a field name; Apache", "find request-framing-ambiguous conn c1"), apache("", piece(space))},
		{"sick/request-malformed-apache", label("two Host fields; Apache", "find request-malformed conn c1"), apache("", piece(hosts))},
		{"sick/slow-sender-cut-apache", label("Timeout 2 s; a client that does not send its body", "find slow-sender-cut conn c1"), apache("Timeout 2\n", piece(slowBody))},
		{"sick/slow-sender-cut-nginx", label("client_body_timeout 2 s; a client that does not send its body", "find slow-sender-cut conn c1"), nginx("client_body_timeout 2s; location / { proxy_pass http://127.0.0.1:9; }", piece(slowBody))},
		{"sick/client-gave-up-curl", label("curl --max-time 3 in front of a handler that takes 6 s", "find client-gave-up conn c1 exchange x1"), func(b *bench) {
			b.goServer(sleeping(6*time.Second), &tls.Config{Certificates: []tls.Certificate{b.identity(rsaCert).cert.TLS()}}, false)
			b.captureFor(func() { b.curl("--http1.1", "--max-time", "3", b.url("/")) })
		}},
		{"sick/client-gave-up-reset", label("a Go client that resets while nginx waits for its backend; TLS 1.2", "find client-gave-up conn c1"), func(b *bench) {
			back := b.second()
			back.goServer(sleeping(6*time.Second), nil, false)
			b.nginx(nil, "ssl", "location / { proxy_pass http://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; }")
			b.captureFor(func() {
				v := b.visit(&tls.Config{MaxVersion: tls.VersionTLS12})
				v.ask("GET", "/report")
				time.Sleep(2 * time.Second)
				_ = v.tcp.SetLinger(0)
				v.tcp.Close()
			})
		}},
		{"sick/slow-origin-go", label("a handler that takes 6 s; curl waits", "find slow-origin conn c1 exchange x1"), func(b *bench) {
			b.goServer(sleeping(6*time.Second), &tls.Config{Certificates: []tls.Certificate{b.identity(rsaCert).cert.TLS()}}, false)
			b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
		}},
		{"sick/slow-origin-nginx", label("nginx in front of a handler that takes 6 s; curl waits", "find slow-origin"), func(b *bench) {
			back := b.second()
			back.goServer(sleeping(6*time.Second), nil, false)
			b.nginx(nil, "ssl", "location / { proxy_pass http://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; }")
			b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
		}},
		{"sick/response-framing-conflict-lengths", label("a response with two Content-Length; curl", "find response-framing-conflict conn c1", "synthetic no server here writes it; Go says its words"),
			conflict("Content-Length: 5\r\nContent-Length: 7\r\n")},
		{"sick/response-framing-conflict-both", label("a response with Content-Length and Transfer-Encoding; curl", "find response-framing-conflict conn c1", "synthetic no server here writes it; Go says its words"),
			conflict("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
	}
}

func conflict(fields string) func(b *bench) {
	return func(b *bench) {
		b.says(&tls.Config{}, func(c net.Conn, _ *http.Request) {
			writef(c, "HTTP/1.1 200 OK\r\n%s\r\n5\r\nhello\r\n0\r\n\r\n", fields)
			c.Close()
		})
		b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
	}
}

// truncated serves a body that ends before its declared end.
func truncated(config *tls.Config) func(b *bench) {
	return func(b *bench) {
		if config != nil {
			config = config.Clone()
			config.Certificates = []tls.Certificate{b.identity(rsaCert).cert.TLS()}
		}
		b.goServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(text(20_000))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}), config, false)
		b.captureFor(func() {
			url := b.url("/")
			if config == nil {
				url = "http://" + strings.TrimPrefix(url, "https://")
			}
			b.curl("--http1.1", url)
		})
	}
}

// sleeping answers after a while.
func sleeping(d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
		_, _ = w.Write([]byte("late\n"))
	})
}

// gatewayFaults have a gateway whose origin fails.
func gatewayFaults() []corpusCase {
	const times = "timeout server 2s"
	return []corpusCase{
		{"sick/gateway-timeout-nginx", label("proxy_read_timeout 2 s in front of a handler that takes 6 s", "find gateway-timeout"), func(b *bench) {
			back := b.second()
			back.goServer(sleeping(6*time.Second), nil, false)
			b.nginx(nil, "ssl", "location / { proxy_pass http://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; proxy_read_timeout 2s; }")
			b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
		}},
		{"sick/gateway-timeout-haproxy", label(times+" in front of a handler that takes 6 s", "find gateway-timeout"), func(b *bench) {
			back := b.second()
			back.goServer(sleeping(6*time.Second), nil, false)
			b.haproxy(haproxyTo(back))
			b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
		}},
		{"sick/gateway-timeout-front", label("HAProxy, "+times+"; only its clients' side is captured", "find gateway-timeout conn c1 exchange x1"), func(b *bench) {
			back := b.second()
			b.also = nil
			back.goServer(sleeping(6*time.Second), nil, false)
			b.haproxy(haproxyTo(back))
			b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
		}},
	}
}

// orderlyCases are further healthy conversations, with what looks like a fault
// to a hasty eye.
func orderlyCases() []corpusCase {
	page := map[string][]byte{"page.txt": text(300), "big.bin": blob(3, 100_000)}
	nginx := func(directives string, client func(b *bench)) func(b *bench) {
		return func(b *bench) { b.nginx(page, "ssl", directives); b.captureFor(func() { client(b) }) }
	}
	tlsOf := func(b *bench) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{b.identity(rsaCert).cert.TLS()}}
	}
	abort := func(reset bool) func(b *bench) { // a user who stops a download
		return func(b *bench) {
			b.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "1000000")
				for range 20 {
					_, _ = w.Write(text(2000))
					_ = http.NewResponseController(w).Flush()
					time.Sleep(100 * time.Millisecond)
				}
			}), tlsOf(b), false)
			b.captureFor(func() {
				v := b.visit(&tls.Config{})
				v.ask("GET", "/film")
				_, _ = io.ReadFull(v, make([]byte, 10_000))
				if reset {
					_ = v.tcp.SetLinger(0)
				}
				v.tcp.Close()
				time.Sleep(300 * time.Millisecond) // the server notices at its next write
			})
		}
	}
	return []corpusCase{
		{"healthy/download-aborted-by-user-fin", "", abort(false)},
		{"healthy/download-aborted-by-user-reset", "", abort(true)},
		{"healthy/slow-but-fine", "", func(b *bench) {
			b.goServer(sleeping(3*time.Second), tlsOf(b), false)
			b.captureFor(func() { b.curl("--http1.1", b.url("/report")) })
		}},
		{"healthy/slow-trickle", "", func(b *bench) {
			b.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for range 8 {
					_, _ = w.Write(text(100))
					_ = http.NewResponseController(w).Flush()
					time.Sleep(time.Second)
				}
			}), tlsOf(b), false)
			b.captureFor(func() { b.curl("--http1.1", b.url("/log")) })
		}},
		{"healthy/event-stream", "", func(b *bench) {
			b.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				for range 4 {
					writef(w, "data: tick\n\n")
					_ = http.NewResponseController(w).Flush()
					time.Sleep(2 * time.Second)
				}
			}), tlsOf(b), false)
			b.captureFor(func() { b.curl("--http1.1", b.url("/events")) })
		}},
		{"healthy/slow-line", "", func(b *bench) {
			b.shell("tc qdisc replace dev lo root tbf rate 400kbit burst 70000 latency 2s")
			b.t.Cleanup(func() { b.shell("tc qdisc del dev lo root") })
			b.nginx(page, "ssl", "")
			b.capture(func() { b.curl("--http1.1", b.url("/big.bin"), "-o", "1") })
		}},
		{"healthy/retry-that-worked", "", func(b *bench) { // the server closed an idle connection; the client noticed and asks on another
			nginx("keepalive_timeout 1s;", func(b *bench) {
				for range 2 {
					v := b.visit(&tls.Config{})
					v.ask("GET", "/page.txt")
					v.answer()
					time.Sleep(1500 * time.Millisecond)
					v.tcp.Close()
				}
			})(b)
		}},
		{"healthy/connect-without-request", "", nginx("", func(b *bench) { // as browsers do ahead of need
			v := b.visit(&tls.Config{})
			time.Sleep(300 * time.Millisecond)
			v.Close()
			c, err := net.Dial("tcp", b.addr.String())
			must(b.t, err)
			c.Close()
		})},
		{"healthy/client-certificate-nginx", "", func(b *bench) {
			id := b.identity(rsaCert)
			nginx("ssl_verify_client on; ssl_client_certificate "+b.dir+"/ca.pem;", func(b *bench) {
				b.curl("--http1.1", "--cert", id.clientPEM, "--key", id.clientKey, b.url("/page.txt"))
			})(b)
		}},
		{"healthy/client-certificate-optional", "", func(b *bench) {
			b.identity(rsaCert)
			nginx("ssl_verify_client optional; ssl_client_certificate "+b.dir+"/ca.pem;", func(b *bench) { b.curl("--http1.1", b.url("/page.txt")) })(b)
		}},
		{"healthy/through-haproxy", "", func(b *bench) {
			back := b.second()
			back.goServer(echo(text(5000)), nil, false)
			b.haproxy(haproxyTo(back))
			b.captureFor(func() {
				b.curl("--http1.1", b.url("/?n=100"), "-o", "1", b.url("/?n=5000"), "-o", "2")
				time.Sleep(2500 * time.Millisecond)
			})
		}},
		{"healthy/through-nginx", "", func(b *bench) {
			back := b.second()
			back.goServer(echo(text(5000)), nil, false)
			b.nginx(nil, "ssl", "location / { proxy_pass http://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; }")
			b.captureFor(func() { b.curl("--http1.1", b.url("/?n=100"), "-o", "1", b.url("/?n=5000"), "-o", "2") })
		}},
		{"healthy/not-found-and-errors", "", nginx("location = /broken { return 500; } location = /away { return 302 /page.txt; } location = /busy { return 503; }", func(b *bench) {
			b.curl("--http1.1", b.url("/none"), b.url("/broken"), b.url("/busy"), "-L", b.url("/away"))
		})},
		{"healthy/still-downloading", "", func(b *bench) { // the capture ends in the middle
			b.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write(text(20_000))
				_ = http.NewResponseController(w).Flush()
				select {
				case <-time.After(3 * time.Second):
				case <-r.Context().Done():
				}
			}), tlsOf(b), false)
			v := (*visitor)(nil)
			b.captureFor(func() {
				v = b.visit(&tls.Config{})
				v.ask("GET", "/film")
				_, _ = io.ReadFull(v, make([]byte, 5000))
				time.Sleep(time.Second)
			})
			v.tcp.Close()
		}},
	}
}
