package oracle

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// gateCorpus are the cases about HTTP, gateways and the machine.
func gateCorpus() []corpusCase {
	return slices.Concat(habits(), gates(), families(), streams(), timerFaults(), queues(), cached(), clientAddresses(), mended())
}

// habits are clients and servers that fail by their ways: connections, cookies, uploads.
func habits() []corpusCase {
	page := map[string][]byte{"page.txt": text(300)}
	return []corpusCase{
		{"sick/connection-churn-curl", label("curl is started anew for each of 26 requests to nginx; without TLS", "find connection-churn"), func(b *bench) {
			b.nginx(page, "", "")
			b.captureFor(func() {
				for n := range 26 {
					b.curl("--http1.1", b.plain(fmt.Sprintf("/page.txt?%d", n)), "-o", "out")
				}
			})
		}},
		{"sick/connection-churn-go", label("a Go program that makes a http.Transport for each of 22 requests and closes it; TLS 1.3", "find connection-churn"), func(b *bench) {
			b.goServer(echo(text(100)), &tls.Config{Certificates: []tls.Certificate{b.identity(ecdsaCert).cert.TLS()}, SessionTicketsDisabled: true, CurvePreferences: []tls.CurveID{tls.X25519}}, false)
			b.captureFor(func() {
				for n := range 22 {
					tr := b.transport(&tls.Config{ServerName: host, KeyLogWriter: b.keyLog(), CurvePreferences: []tls.CurveID{tls.X25519}}, false)
					if res, err := (&http.Client{Transport: tr}).Get(b.url(fmt.Sprintf("/?n=50&page=%d", n))); err == nil {
						_, _ = io.Copy(io.Discard, res.Body)
						res.Body.Close()
					}
					tr.CloseIdleConnections()
				}
			})
		}},
		{"sick/connection-churn-node", label("a Node program that makes a keep-alive agent for each of 22 requests to Apache and destroys it; TLS 1.2", "find connection-churn"), func(b *bench) {
			b.apache(page, "SSLProtocol TLSv1.2\nSSLSessionTickets off\n")
			b.captureFor(func() {
				b.node(`const https = require('https');
const get = n => new Promise(done => {
  const agent = new https.Agent({keepAlive: true, maxCachedSessions: 0});
  https.get({host: 'IP', servername: 'HOST', port: PORT, path: '/page.txt?' + n, headers: {Host: 'HOST'}, agent, rejectUnauthorized: false},
    res => res.resume().on('end', () => { setImmediate(() => { agent.destroy(); done(); }); }));
});
(async () => { for (let n = 0; n < 22; n++) await get(n); })();
`)
			})
		}},
		{"sick/early-response-lost-python", label("Python's http.server answers a POST with 501 and closes with the body unread; Python's http.client sends 60 KB in pieces before it reads; without TLS", "find early-response-lost conn c1 exchange x1"), func(b *bench) {
			b.launch(program(b.t, "python3"), "-m", "http.server", "--bind", b.addr.Addr().String(), b.port())
			b.captureFor(func() { b.pythonUpload("HTTPConnection('" + b.addr.Addr().String() + "', " + b.port() + ")") })
		}},
		{"sick/early-response-lost-node", label("a Node server that answers 401 and destroys the socket with the body unread; Python's http.client sends 60 KB in pieces before it reads; without TLS", "find early-response-lost conn c1 exchange x1"), func(b *bench) {
			b.nodeServer(`require('http').createServer((req, res) => {
  req.pause();
  res.writeHead(401, {'WWW-Authenticate': 'Basic realm="up"', 'Content-Length': 0, Connection: 'close'});
  res.end(() => setTimeout(() => req.socket.destroy(), 20));
}).listen(PORT, 'IP');`)
			b.captureFor(func() {
				b.pythonUpload("HTTPConnection('" + b.addr.Addr().String() + "', " + b.port() + ")")
			})
		}},
		{"sick/early-response-lost-haproxy", label("HAProxy refuses with 413 what is longer than 1000 bytes; Python's http.client sends 60 KB in pieces before it reads; TLS 1.2", "find early-response-lost conn c1 exchange x1"), func(b *bench) {
			b.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/both.pem ssl-max-ver TLSv1.2\n http-request deny deny_status 413 if { req.body_size gt 1000 }\n")
			b.captureFor(func() {
				b.pythonUpload("HTTPSConnection('" + b.addr.Addr().String() + "', " + b.port() + ", context=ssl._create_unverified_context())")
			})
		}},
		{"healthy/early-answer-read-to-the-end", "", func(b *bench) { // Go's server refuses at once, ends its direction, and reads on
			b.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "close")
				http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			}), &tls.Config{Certificates: []tls.Certificate{b.identity(rsaCert).cert.TLS()}}, false)
			b.captureFor(func() {
				b.curl("--http1.1", "-H", "Expect:", "--data-binary", "@"+b.write("up", text(60_000)), b.url("/up"))
			})
		}},
		{"healthy/early-answer-nginx-reads-on", "", func(b *bench) { // also with lingering_close off: it reads what was announced
			b.nginxOf("", "", "listen ADDR ssl; client_max_body_size 1k; keepalive_timeout 0; lingering_close off; location / { proxy_pass http://127.0.0.1:9; }")
			b.captureFor(func() {
				b.pythonUpload("HTTPSConnection('" + b.addr.Addr().String() + "', " + b.port() + ", context=ssl._create_unverified_context())")
			})
		}},
		{"sick/cookie-dropped-samesite", label("Chromium asks a page that sets SameSite=None without Secure, then another; HTTP/2 of nginx in front of Go",
			"find cookie-dropped"), cookieCase([]string{"Set-Cookie: sid=s1; Path=/; SameSite=None", "Set-Cookie: theme=dark; Path=/"}, "listen ADDR ssl http2;")},
		{"sick/cookie-dropped-domain", label("Chromium asks a page that sets a cookie for the domain of the host behind, then another; HTTP/1.1, TLS 1.2, nginx in front of Go",
			"find cookie-dropped"), cookieCase([]string{"Set-Cookie: sid=s1; Path=/; Domain=app.internal"}, "listen ADDR ssl; ssl_protocols TLSv1.2;")},
		{"healthy/cookie-kept", "", cookieCase([]string{"Set-Cookie: __Host-sid=s1; Path=/; Secure; SameSite=Lax", "Set-Cookie: other=1; Domain=app.test; Path=/"}, "listen ADDR ssl;")},
		{"healthy/keep-alive-pool-lives-long", "", func(b *bench) { // four connections, ten requests on each
			b.nginx(page, "ssl", "ssl_protocols TLSv1.2;")
			b.captureFor(func() {
				tr := b.transport(&tls.Config{ServerName: host, KeyLogWriter: b.keyLog()}, false)
				done := make(chan bool)
				tr.MaxIdleConnsPerHost = 4
				for n := range 4 {
					go func() {
						for m := range 10 {
							if res, err := (&http.Client{Transport: tr}).Get(b.url(fmt.Sprintf("/page.txt?%d.%d", n, m))); err == nil {
								_, _ = io.Copy(io.Discard, res.Body)
								res.Body.Close()
							}
							time.Sleep(150 * time.Millisecond)
						}
						done <- true
					}()
				}
				for range 4 {
					<-done
				}
				tr.CloseIdleConnections()
			})
		}},
		{"healthy/redirects-of-a-site", "", func(b *bench) { // to https, to the folder's name, to the page after signing in
			b.nginx(map[string][]byte{"docs/index.html": text(200), "page.txt": text(100)}, "ssl", "location = / { return 302 /docs; } location = /login { return 303 /page.txt; } location = /old { return 308 https://$host:"+b.port()+"/page.txt; }")
			b.captureFor(func() { b.curl("--http1.1", "-L", b.url("/"), b.url("/old"), "-d", "user=a", b.url("/login")) })
		}},
	}
}

// cookieCase is a browser at a page that sets cookies and asks for another page.
func cookieCase(cookies []string, listen string) func(b *bench) {
	return func(b *bench) {
		back := b.second()
		b.also = nil // what the gateway passes on is not of interest
		back.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" {
				writef(w, "%d\n", len(r.Cookies()))
				return
			}
			for _, line := range cookies {
				name, value, _ := strings.Cut(line, ": ")
				w.Header().Add(name, value)
			}
			w.Header().Set("Content-Type", "text/html")
			writef(w, `<!doctype html><link rel=icon href="data:,"><title>t</title><script>fetch('/account').then(r => r.text()).then(t => document.title = t)</script><p>page`)
		}), nil, false)
		b.nginxOf("", "", listen+" "+to(back, "proxy_set_header Host $host;"))
		b.captureFor(func() { b.browse(b.url("/"), "--virtual-time-budget=12000") })
	}
}

// families are servers on one of the two loopback addresses.
func families() []corpusCase {
	page := func(b *bench, addr string) *bench {
		b.listenAnywhere()
		b.addr, b.beside = netip.AddrPortFrom(netip.MustParseAddr(addr), b.addr.Port()), "::1"
		if addr == "::1" {
			b.beside = "127.0.0.1"
		}
		b.goServer(echo(text(50)), nil, false)
		return b
	}
	return []corpusCase{
		{"sick/loopback-family-mismatch-curl", label("a server on 127.0.0.1; curl asks [::1], and some seconds later 127.0.0.1", "find loopback-family-mismatch confidence proof"), func(b *bench) {
			page(b, "127.0.0.1")
			b.captureFor(func() {
				b.curl("-g", "http://[::1]:"+b.port()+"/?n=5")
				time.Sleep(2 * time.Second)
				b.curl(b.plain("/?n=5"))
			})
		}},
		{"sick/loopback-family-mismatch-node", label("a server on ::1; a Node program asks 127.0.0.1 again and again, curl asks [::1] and is answered", "find loopback-family-mismatch confidence proof"), func(b *bench) {
			page(b, "::1")
			b.captureFor(func() {
				b.curl("-g", b.plain("/?n=5"))
				time.Sleep(1500 * time.Millisecond)
				b.node(`const ask = () => require('http').get('http://127.0.0.1:PORT/', r => r.resume()).on('error', e => console.log(e.message));
ask(); setTimeout(ask, 300);`)
			})
		}},
		{"sick/loopback-family-mismatch-nginx", label("nginx passes on to [::1], the application listens on 127.0.0.1 and answers there; TLS 1.3", "find loopback-family-mismatch"), func(b *bench) {
			page(b, "127.0.0.1")
			front := *b
			front.addr = netip.AddrPortFrom(b.addr.Addr(), 8443)
			b.also = append(b.also, front.addr)
			front.nginxOf("", "", "listen ADDR ssl; location / { proxy_bind off; proxy_pass http://[::1]:"+b.port()+"; }")
			b.captureFor(func() {
				front.curl("--http1.1", front.url("/?n=5"))
				time.Sleep(1500 * time.Millisecond)
				b.curl(b.plain("/?n=5"))
			})
		}},
		{"healthy/loopback-both-families-tried", "", func(b *bench) { // curl takes the other address at once
			page(b, "127.0.0.1")
			b.captureFor(func() {
				b.client(program(b.t, "curl"), nil, "-q", "-sS", "--noproxy", "*", "--resolve", host+":"+b.port()+":[::1],127.0.0.1", "http://"+host+":"+b.port()+"/?n=5")
			})
		}},
	}
}

// gates are gateways and filters that refuse, or go in circles.
func gates() []corpusCase {
	union := "/search?q=1%20union%20select%20password%20from%20users"
	return []corpusCase{
		{"sick/no-usable-origin-haproxy", label("HAProxy's health check asks for /health, which the application answers with 404: marked down after one check of 300 ms; curl, TLS 1.3",
			"find no-usable-origin"), func(b *bench) {
			back := b.second()
			back.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/health" {
					http.NotFound(w, r)
					return
				}
				writef(w, "fine\n")
			}), nil, false)
			b.haproxy(haproxyTo(back, "check inter 300ms downinter 60s fall 1") + " option httpchk GET /health\n")
			time.Sleep(time.Second)
			b.captureFor(func() { b.curl("--http1.1", b.url("/page")) })
		}},
		{"sick/no-usable-origin-full", label("HAProxy with maxconn 1 for its server, which is busy for 5 s, and a queue of 1 s; TLS 1.2; the first request is answered",
			"find no-usable-origin", "find slow-origin"), func(b *bench) {
			back := b.second()
			back.goServer(sleeping(6*time.Second), nil, false)
			b.haproxy(strings.Replace(haproxyTo(back, "maxconn 1"), "timeout server 2s", "timeout server 8s\n timeout queue 1s", 1))
			b.captureFor(func() {
				done := make(chan bool)
				go func() { b.curl("--http1.1", "--tls-max", "1.2", b.url("/report")); done <- true }()
				time.Sleep(500 * time.Millisecond)
				b.curl("--http1.1", "--tls-max", "1.2", b.url("/page"))
				<-done
			})
		}},
		{"sick/no-usable-origin-apache", label("a balancer of mod_proxy with forcerecovery=Off, whose only member is stopped: the first request finds its port closed, for the second it is not tried any more (retry 60 s)",
			"find port-closed", "find no-usable-origin exchange x2"), func(b *bench) {
			back := b.second()
			b.apache(map[string][]byte{"page.txt": text(9)}, apacheBalancer(back))
			b.captureFor(func() {
				b.curl("--http1.1", b.url("/page"), "-o", "1")
				b.curl("--http1.1", b.url("/page"), "-o", "2")
			})
		}},
		{"sick/proxy-loop-nginx", label("nginx passes on to its own address and adds to X-Forwarded-For; header buffers of 1 KB end it; without TLS; curl",
			"find proxy-loop confidence proof"), func(b *bench) {
			b.nginxOf("", "", "listen ADDR; client_header_buffer_size 512; large_client_header_buffers 2 512; "+to(b, "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header Host $host;"))
			b.captureFor(func() { b.curl("--http1.1", b.plain("/page")) })
		}},
		{"sick/proxy-loop-apache", label("Apache with ProxyVia passes on to its own address until its 8 workers all wait; ProxyTimeout 2 s; curl",
			"find proxy-loop"), func(b *bench) {
			b.apache(map[string][]byte{"page.txt": text(9)}, "SSLEngine off\n"+apacheTo(b, "")+"ProxyVia On\nProxyTimeout 2\n")
			b.captureFor(func() { b.curl("--http1.1", b.plain("/page")) })
		}},
		{"sick/proxy-loop-two", label("nginx and HAProxy pass on to each other, both add the address to X-Forwarded-For; HAProxy ends it with 508 when it is long; only nginx is captured; curl, without TLS",
			"find proxy-loop"), func(b *bench) {
			back := b.second()
			b.also = nil
			back.haproxy(strings.Replace(strings.Replace(haproxyTo(b), " ssl crt DIR/both.pem", "", 1), "default_backend a",
				"option forwardfor\n http-request return status 508 if { req.hdr_cnt(x-forwarded-for) ge 6 }\n default_backend a", 1))
			b.nginxOf("", "", "listen ADDR; "+to(back, "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header Host $host;"))
			b.captureFor(func() { b.curl("--http1.1", b.plain("/page")) })
		}},
		{"sick/request-filter-rejected-modsecurity", label("Apache with ModSecurity and a rule against SQL; the request with the word is refused, another is answered; TLS 1.3",
			"find request-filter-rejected exchange x2"), func(b *bench) {
			b.modSecurity(`SecRule ARGS "@rx (?i)union\s+select" "id:942100,phase:2,deny,status:403,log"`)
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt?q=shoes"), "-o", "1", b.url(union), "-o", "2") })
		}},
		{"sick/request-filter-rejected-haproxy", label("HAProxy denies a path that leads upwards; without TLS; curl --path-as-is",
			"find request-filter-rejected"), func(b *bench) {
			back := b.second()
			back.goServer(echo(text(50)), nil, false)
			b.haproxy(strings.Replace(strings.Replace(haproxyTo(back), " ssl crt DIR/both.pem", "", 1), "default_backend", "http-request deny if { path_sub -i /../ %2e%2e/ }\n default_backend", 1))
			b.captureFor(func() {
				b.curl("--http1.1", "--path-as-is", b.plain("/files/../../etc/passwd"), "-o", "1", b.plain("/?n=5"), "-o", "2")
			})
		}},
		{"healthy/modsecurity-lets-pass", "", func(b *bench) { // words that look like an attack, answered; and a page that does not exist
			b.modSecurity(`SecRule ARGS "@rx (?i)union\s+select" "id:942100,phase:2,deny,status:403,log"`)
			b.captureFor(func() {
				b.curl("--http1.1", b.url("/page.txt?q=european%20union"), "-o", "1", b.url("/page.txt?q=%3Cscript%3E"), "-o", "2", b.url("/none.txt"), "-o", "3")
			})
		}},
		{"healthy/application-503", "", func(b *bench) { // of the application behind HAProxy, which asked it
			back := b.second()
			back.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Error(w, "come again", http.StatusServiceUnavailable)
			}), nil, false)
			b.haproxy(haproxyTo(back))
			b.captureFor(func() { b.curl("--http1.1", b.url("/page")) })
		}},
		{"healthy/chain-of-proxies", "", func(b *bench) { // nginx, HAProxy, Apache: all add to X-Forwarded-For and Via
			mid, back := b.second(), b.third()
			back.apache(map[string][]byte{"page.txt": text(50)}, "SSLEngine off")
			mid.haproxy(strings.Replace(strings.Replace(haproxyTo(back), " ssl crt DIR/both.pem", "", 1), "default_backend a", "option forwardfor\n http-request add-header Via \"1.1 mid\"\n default_backend a", 1))
			b.nginxOf("", "", "listen ADDR ssl; "+to(mid, "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header Via \"1.1 front\"; proxy_set_header Host $host;"))
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt"), "-o", "1", b.url("/page.txt"), "-o", "2") })
		}},
	}
}

// modSecurity starts Apache with a rule of ModSecurity.
func (b *bench) modSecurity(rule string) {
	b.t.Helper()
	const module = "/usr/lib/apache2/modules/mod_security2.so"
	if !exists(module) {
		b.t.Skip("ModSecurity for Apache is not installed")
	}
	b.apache(map[string][]byte{"page.txt": text(50), "search": text(50)}, "LoadModule unique_id_module /usr/lib/apache2/modules/mod_unique_id.so\nLoadModule security2_module "+module+
		"\nSecRuleEngine On\nSecDataDir /tmp\nSecTmpDir /tmp\n"+rule+"\n")
}
