package oracle

import (
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const plainFront = " ssl crt DIR/both.pem" // of haproxyTo; without it the front speaks HTTP

// unencrypted is a configuration of HAProxy without TLS at the front.
func unencrypted(conf string) string { return strings.Replace(conf, plainFront, "", 1) }

// inFront is a configuration of HAProxy with more lines in its frontend.
func inFront(conf, lines string) string {
	return strings.Replace(conf, " default_backend a\n", lines+"\n default_backend a\n", 1)
}

// streams are event streams behind gateways that hold them back, or do not.
func streams() []corpusCase {
	events := func(b *bench) *bench {
		back := b.second()
		back.goServer(piecewise("text/event-stream", 4, 20, time.Second), nil, false)
		return back
	}
	return []corpusCase{
		{"sick/streaming-buffered-nginx", label("nginx with its defaults in front of an event stream of 4 events, one a second; curl gets all at the end; TLS 1.3",
			"find streaming-buffered confidence proof"), func(b *bench) {
			b.nginxOf("", "", "listen ADDR ssl; "+to(events(b), ""))
			b.captureFor(func() { b.curl("--http1.1", "-N", b.url("/events")) })
		}},
		{"sick/streaming-buffered-modsecurity", label("Apache with ModSecurity, which looks into responses of text/event-stream, in front of 4 events, one a second; TLS 1.2",
			"find streaming-buffered confidence proof"), func(b *bench) {
			back := events(b)
			b.modSecurity("SecResponseBodyAccess On\nSecResponseBodyMimeType text/event-stream\nSSLProtocol TLSv1.2\n" + apacheTo(back, ""))
			b.captureFor(func() { b.curl("--http1.1", "-N", b.url("/events")) })
		}},
		{"sick/streaming-buffered-left", label("nginx with its defaults in front of an event stream; curl --max-time 3 has not seen a byte when it leaves; without TLS",
			"find streaming-buffered"), func(b *bench) {
			back := b.second()
			back.goServer(piecewise("text/event-stream", 7, 20, time.Second), nil, false)
			b.nginxOf("", "", "listen ADDR; "+to(back, ""))
			b.captureFor(func() {
				b.curl("--http1.1", "-N", "--max-time", "3", b.plain("/events"))
				time.Sleep(1500 * time.Millisecond)
			})
		}},
		{"healthy/event-stream-through-nginx", "", func(b *bench) {
			b.nginxOf("", "", "listen ADDR ssl; "+to(events(b), "proxy_buffering off;"))
			b.captureFor(func() { b.curl("--http1.1", "-N", b.url("/events")) })
		}},
		{"healthy/event-stream-through-haproxy", "", func(b *bench) {
			b.haproxy(haproxyTo(events(b)))
			b.captureFor(func() { b.curl("--http1.1", "-N", b.url("/events")) })
		}},
		{"healthy/event-stream-through-apache", "", func(b *bench) {
			b.apache(map[string][]byte{"x": text(9)}, apacheTo(events(b), ""))
			b.captureFor(func() { b.curl("--http1.1", "-N", b.url("/events")) })
		}},
		{"healthy/small-page-in-pieces-through-nginx", "", func(b *bench) { // held back for less than a second
			back := b.second()
			back.goServer(piecewise("text/html", 4, 100, 200*time.Millisecond), nil, false)
			b.nginxOf("", "", "listen ADDR ssl; "+to(back, ""))
			b.captureFor(func() { b.curl("--http1.1", b.url("/page")) })
		}},
	}
}

// timerFaults are gateways in a row whose timers do not shrink inward.
func timerFaults() []corpusCase {
	wait := func(conf, server string) string {
		return strings.Replace(conf, "timeout server 2s", "timeout server "+server, 1)
	}
	slow := func(back *bench, d time.Duration) { // goes on when nobody waits any more
		back.goServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(d)
			writef(w, "late\n")
		}), nil, false)
	}
	return []corpusCase{
		{"sick/timers-inverted-haproxy", label("HAProxy with timeout server 2 s in front of Apache with ProxyTimeout 60, in front of a handler that takes 5 s; curl, TLS 1.3",
			"find timers-inverted", "not client-gave-up"), func(b *bench) {
			mid, back := b.second(), b.third()
			slow(back, 5*time.Second)
			mid.apache(map[string][]byte{"x": text(9)}, "SSLEngine off\n"+apacheTo(back, "")+"ProxyTimeout 60\n")
			b.haproxy(haproxyTo(mid))
			b.captureFor(func() {
				b.curl("--http1.1", b.url("/report"))
				time.Sleep(4 * time.Second)
			})
		}},
		{"sick/timers-inverted-nginx", label("nginx with proxy_read_timeout 2 s in front of HAProxy with timeout server 30 s, in front of a handler that takes 4 s; curl, without TLS",
			"find timers-inverted"), func(b *bench) {
			mid, back := b.second(), b.third()
			slow(back, 4*time.Second)
			mid.haproxy(wait(unencrypted(haproxyTo(back)), "30s"))
			b.nginxOf("", "", "listen ADDR; "+to(mid, "proxy_read_timeout 2s;"))
			b.captureFor(func() {
				b.curl("--http1.1", b.plain("/report"))
				time.Sleep(3 * time.Second)
			})
		}},
		{"sick/timers-inverted-inside", label("the same with HAProxy in front (2 s) of nginx with proxy_ignore_client_abort (30 s); captured behind HAProxy only, two legs; the handler takes 4 s",
			"find timers-inverted"), func(b *bench) { // b is the gateway in the middle
			front, back := b.second(), b.third()
			b.also = b.also[1:]
			slow(back, 4*time.Second)
			b.nginxOf("", "", "listen ADDR; "+to(back, "proxy_read_timeout 30s; proxy_ignore_client_abort on;"))
			front.haproxy(unencrypted(haproxyTo(b)))
			b.captureFor(func() {
				b.curl("--http1.1", front.plain("/report"))
				time.Sleep(3 * time.Second)
			})
		}},
		{"sick/gateway-timeout-inner", label("timers in the right order: HAProxy 10 s in front of Apache with ProxyTimeout 2 s, in front of a handler that takes 5 s; curl is told 504 by the inner one",
			"find gateway-timeout", "not timers-inverted"), func(b *bench) {
			mid, back := b.second(), b.third()
			slow(back, 5*time.Second)
			mid.apache(map[string][]byte{"x": text(9)}, "SSLEngine off\n"+apacheTo(back, "")+"ProxyTimeout 2\n")
			b.haproxy(wait(haproxyTo(mid), "10s"))
			b.captureFor(func() { b.curl("--http1.1", b.url("/report")) })
		}},
		{"healthy/slow-through-two-gateways", "", func(b *bench) {
			mid, back := b.second(), b.third()
			slow(back, 3*time.Second)
			mid.apache(map[string][]byte{"x": text(9)}, "SSLEngine off\n"+apacheTo(back, "")+"ProxyTimeout 10\n")
			b.haproxy(wait(haproxyTo(mid), "20s"))
			b.captureFor(func() { b.curl("--http1.1", b.url("/report")) })
		}},
	}
}

// queues are requests that wait for others, and bodies that take their time.
func queues() []corpusCase {
	pictures := func(slow int) []byte { // each a little slower than the one before
		page := []byte(`<!doctype html><link rel=icon href="data:,"><title>t</title>`)
		for n := range slow {
			page = fmt.Appendf(page, "<img src='/report?%d'>", n)
		}
		return append(page, "<img src='/quick?1'><img src='/quick?2'>"...)
	}
	browser := func(slow int, version uint16) func(b *bench) {
		return func(b *bench) {
			b.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/":
					w.Header().Set("Content-Type", "text/html")
					_, _ = w.Write(pictures(slow))
				case "/report":
					n, _ := strconv.Atoi(r.URL.RawQuery)
					sleeping(2*time.Second+time.Duration(n)*400*time.Millisecond).ServeHTTP(w, r)
				default:
					sleeping(500*time.Millisecond).ServeHTTP(w, r)
				}
			}), &tls.Config{Certificates: []tls.Certificate{b.identity(ecdsaCert).cert.TLS()}, MaxVersion: version}, false)
			b.captureFor(func() { b.browse(b.url("/")) })
		}
	}
	return []corpusCase{
		{"sick/head-of-line-blocking-pipeline", label("a client that asks ahead: a report that takes 3 s, and right behind it a page; nginx in front of Go, TLS 1.3",
			"find head-of-line-blocking"), func(b *bench) {
			back := b.second()
			b.also = nil
			back.goServer(sleeping(3*time.Second), nil, false)
			b.nginxOf("", "", "listen ADDR ssl; location /page { return 200 at-once; } "+to(back, ""))
			b.captureFor(func() {
				v := b.visit(&tls.Config{})
				v.ask("GET", "/report")
				time.Sleep(50 * time.Millisecond)
				v.ask("GET", "/page")
				v.answer()
				v.answer()
				v.Close()
			})
		}},
		{"sick/head-of-line-blocking-haproxy", label("HAProxy with maxconn 1 for its server: a page waits until a report of 3 s is done; TLS 1.3",
			"find head-of-line-blocking"), func(b *bench) {
			back := b.second()
			back.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/report" {
					time.Sleep(3 * time.Second)
				}
				writef(w, "done\n")
			}), nil, false)
			b.haproxy(strings.NewReplacer("timeout server 2s", "timeout server 8s\n timeout queue 8s").Replace(haproxyTo(back, "maxconn 1")))
			b.captureFor(func() {
				done := make(chan bool)
				go func() { b.curl("--http1.1", b.url("/report")); done <- true }()
				time.Sleep(500 * time.Millisecond)
				b.curl("--http1.1", b.url("/page"))
				<-done
			})
		}},
		{"sick/head-of-line-blocking-chromium", label("Chromium loads a page with 6 pictures of 2 to 4 s and two quick ones, over HTTP/1.1 with its limit of 6 connections; TLS 1.2",
			"find head-of-line-blocking"), browser(6, tls.VersionTLS12)},
		{"healthy/four-slow-pictures", "", browser(4, tls.VersionTLS13)},
		{"sick/slow-transfer-nginx", label("limit_rate 6k: a file of 50 KB takes 8 s; curl, TLS 1.3", "find slow-transfer conn c1 exchange x1"), func(b *bench) {
			b.write("www/film.bin", blob(4, 50_000))
			b.nginxOf("", "", "listen ADDR ssl; limit_rate 6k;")
			b.captureFor(func() { b.curl("--http1.1", b.url("/film.bin"), "-o", "1") })
		}},
		{"sick/slow-transfer-apache", label("mod_ratelimit with 4 KB a second: a file of 30 KB takes 7 s; curl, without TLS", "find slow-transfer conn c1 exchange x1"), func(b *bench) {
			b.apache(map[string][]byte{"film.bin": blob(5, 30_000)}, "SSLEngine off\nLoadModule ratelimit_module /usr/lib/apache2/modules/mod_ratelimit.so\nLoadModule env_module /usr/lib/apache2/modules/mod_env.so\nSetOutputFilter RATE_LIMIT\nSetEnv rate-limit 4\n")
			b.captureFor(func() { b.curl("--http1.1", b.plain("/film.bin"), "-o", "1") })
		}},
		{"sick/slow-transfer-origin", label("HAProxy in front of an application that writes its 32 KB in eight pieces, 0.8 s apart; curl, TLS 1.2", "find slow-transfer", "not streaming-buffered"), func(b *bench) {
			back := b.second()
			back.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(8*4000))
				for n := range 8 {
					_, _ = w.Write(blob(uint64(n), 4000))
					_ = http.NewResponseController(w).Flush()
					time.Sleep(800 * time.Millisecond)
				}
			}), nil, false)
			b.haproxy(haproxyTo(back))
			b.captureFor(func() { b.curl("--http1.1", "--tls-max", "1.2", b.url("/export"), "-o", "1") })
		}},
		{"healthy/download-of-three-seconds", "", func(b *bench) {
			b.write("www/film.bin", blob(4, 40_000))
			b.nginxOf("", "", "listen ADDR ssl; limit_rate 14k;")
			b.captureFor(func() { b.curl("--http1.1", b.url("/film.bin"), "-o", "1") })
		}},
		{"healthy/download-limited-by-its-client", "", func(b *bench) { // it reads 3 KB every 400 ms, into a small buffer
			b.write("www/film.bin", blob(4, 45_000))
			b.nginxOf("", "", "listen ADDR; sendfile off;")
			b.captureFor(func() {
				b.client(program(b.t, "python3"), nil, "-c", `
import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.connect(("`+b.addr.Addr().String()+`", `+b.port()+`))
s.sendall(b"GET /film.bin HTTP/1.1\r\nHost: `+host+`\r\nConnection: close\r\n\r\n")
while s.recv(3000): time.sleep(0.4)
`)
			})
		}},
	}
}

// packing answers with gzip who takes it; with more header fields.
func packing(fields ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Cache-Control", "max-age=60")
		for _, line := range fields {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Add(name, value)
		}
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			_, _ = w.Write(text(400))
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(text(400))
		z.Close()
	})
}

// cached are shared caches that keep apart what differs, or do not.
func cached() []corpusCase {
	const zone = "proxy_cache_path DIR/cache keys_zone=c:1m;"
	nginx := func(b *bench, handler http.Handler, listen, directives string) {
		back := b.second()
		back.goServer(handler, nil, false)
		b.nginxOf("", zone, listen+" proxy_cache c; proxy_cache_valid 200 1m; proxy_buffering on; "+directives+" "+to(back, ""))
	}
	both := func(b *bench) {
		b.curl("--http1.1", "--compressed", b.url("/page"), "-o", "1")
		time.Sleep(1100 * time.Millisecond)
		b.curl("--http1.1", b.url("/page"), "-o", "2")
	}
	private := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private")
		w.Header().Set("Set-Cookie", fmt.Sprintf("sid=%d; Path=/; Secure; HttpOnly", time.Now().UnixNano()))
		writef(w, "hello, %s\n", r.Header.Get("Authorization"))
	})
	origin := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		writef(w, "{}\n")
	})
	return []corpusCase{
		{"sick/cache-wrong-variant-nginx", label("nginx caches an answer that is packed for who takes gzip, without Vary: curl that takes none gets the packed one; both legs, TLS 1.3",
			"find cache-wrong-variant exchange x3"), func(b *bench) {
			nginx(b, packing(), "listen ADDR ssl;", "")
			b.captureFor(func() { both(b) })
		}},
		{"sick/cache-wrong-variant-haproxy", label("HAProxy's cache does the same; only the clients' side is captured; TLS 1.2",
			"find cache-wrong-variant exchange x2"), func(b *bench) {
			back := b.second()
			b.also = nil
			back.goServer(packing(), nil, false)
			b.haproxy("cache store\n total-max-size 4\n max-age 60\n" + inFront(haproxyTo(back), " http-request cache-use store\n http-response cache-store store"))
			b.captureFor(func() {
				b.curl("--http1.1", "--tls-max", "1.2", "--compressed", b.url("/page"), "-o", "1")
				time.Sleep(1100 * time.Millisecond)
				b.curl("--http1.1", "--tls-max", "1.2", b.url("/page"), "-o", "2")
			})
		}},
		{"sick/cache-wrong-variant-session", label("nginx told to ignore Set-Cookie and Cache-Control caches the page and the session of the first user; both legs, TLS 1.2",
			"find cache-wrong-variant exchange x3"), func(b *bench) {
			nginx(b, private, "listen ADDR ssl; ssl_protocols TLSv1.2;", "proxy_ignore_headers Set-Cookie Cache-Control;")
			b.captureFor(func() {
				b.curl("--http1.1", "-H", "Authorization: Bearer anna", b.url("/account"), "-o", "1")
				b.curl("--http1.1", "-H", "Authorization: Bearer ben", b.url("/account"), "-o", "2")
			})
		}},
		{"sick/cache-wrong-variant-apache", label("Apache's mod_cache keeps an answer made for the site of the first Origin, without Vary, and gives it to a page of another; without TLS",
			"find cache-wrong-variant exchange x3"), func(b *bench) {
			back := b.second()
			back.goServer(origin, nil, false)
			load := ""
			for _, name := range []string{"cache", "cache_disk"} {
				load += "LoadModule " + name + "_module /usr/lib/apache2/modules/mod_" + name + ".so\n"
			}
			b.shell("mkdir -p " + b.dir + "/cache && chmod 777 " + b.dir + "/cache")
			b.apache(map[string][]byte{"x": text(9)}, "SSLEngine off\n"+apacheTo(back, "")+load+"CacheRoot "+b.dir+"/cache\nCacheEnable disk /\nCacheQuickHandler off\n")
			b.captureFor(func() {
				b.curl("--http1.1", "-H", "Origin: https://shop.test", b.plain("/api"), "-o", "1")
				time.Sleep(1100 * time.Millisecond)
				b.curl("--http1.1", "-H", "Origin: https://admin.test", b.plain("/api"), "-o", "2")
			})
		}},
		{"healthy/cache-that-honours-vary", "", func(b *bench) {
			nginx(b, packing("Vary: Accept-Encoding"), "listen ADDR ssl;", "add_header X-Cache-Status $upstream_cache_status;")
			b.captureFor(func() { both(b); both(b) })
		}},
		{"healthy/cache-of-public-pages", "", func(b *bench) { // signed-in users get the same public page, which sets no cookie
			nginx(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Cache-Control", "public, max-age=60")
				w.Header().Set("Access-Control-Allow-Origin", "*")
				writef(w, "news\n")
			}), "listen ADDR ssl;", "")
			b.captureFor(func() {
				for _, user := range []string{"anna", "ben"} {
					b.curl("--http1.1", "-H", "Cookie: sid="+user, "-H", "Origin: https://"+user+".test", b.url("/news"), "-o", user)
				}
			})
		}},
	}
}

// mended are the fixes of the pages at work.
func mended() []corpusCase {
	return []corpusCase{
		{"healthy/cookie-repaired-by-nginx", "", func(b *bench) {
			cookieCase([]string{"Set-Cookie: sid=s1; Path=/; SameSite=None"}, "listen ADDR ssl; proxy_cookie_flags ~ secure samesite=none;")(b)
		}},
		{"healthy/cookie-repaired-by-haproxy", "", func(b *bench) {
			back := b.second()
			b.also = nil
			back.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/" {
					w.Header().Set("Set-Cookie", "sid=s1; Path=/; SameSite=None")
					w.Header().Set("Content-Type", "text/html")
					writef(w, `<!doctype html><link rel=icon href="data:,"><title>t</title><img src=/account>`)
				}
			}), nil, false)
			b.haproxy(haproxyTo(back) + " http-response replace-header Set-Cookie (.*SameSite=None.*) \"\\1; Secure\"\n")
			b.captureFor(func() { b.browse(b.url("/")) })
		}},
		{"healthy/modsecurity-with-an-exclusion", "", func(b *bench) {
			b.modSecurity(`SecRule REQUEST_URI "@beginsWith /search" "id:10001,phase:1,pass,nolog,ctl:ruleRemoveById=942100"
SecRule ARGS "@rx (?i)union\s+select" "id:942100,phase:2,deny,status:403,log"`)
			b.captureFor(func() { b.curl("--http1.1", b.url("/search?q=union%20select"), "-o", "1") })
		}},
		{"healthy/early-answer-haproxy-reads-first", "", func(b *bench) { // what fits its buffer
			b.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/both.pem\n option http-buffer-request\n http-request deny deny_status 413 if { req.body_size gt 1000 }\n")
			b.captureFor(func() {
				b.curl("--http1.1", "-H", "Expect:", "--data-binary", "@"+b.write("up", text(9000)), b.url("/up"))
			})
		}},
		{"sick/cache-wrong-variant-lenient", label("HAProxy's cache with process-vary, and an answer with Vary: Accept-Encoding: a request without the field takes any coding (RFC 9110), says HAProxy, and curl without --compressed gets the packed one; TLS 1.3",
			"find cache-wrong-variant confidence likely"), haproxyCache("")},
		{"healthy/haproxy-cache-with-vary", "", haproxyCache(" http-request set-header Accept-Encoding identity unless { req.hdr(accept-encoding) -m found }\n")},

		{"healthy/client-claim-dropped-by-apache", "", func(b *bench) {
			back := b.second()
			back.write("www/admin", text(50))
			back.nginxOf("", "", "listen ADDR; set_real_ip_from "+b.addr.Addr().String()+"; real_ip_header X-Forwarded-For; real_ip_recursive on; location /admin { allow 10.0.0.0/8; deny all; } location / { return 200 $remote_addr; }")
			b.apache(map[string][]byte{"x": text(9)}, apacheTo(back, "")+"RequestHeader unset X-Forwarded-For early\n")
			b.captureFor(func() {
				b.curl("--http1.1", b.url("/admin"), "-o", "1")
				b.curl("--http1.1", "-H", "X-Forwarded-For: 10.0.0.7", b.url("/admin"), "-o", "2")
				b.curl("--http1.1", "-H", "X-Forwarded-For: 10.0.0.7", b.url("/"), "-o", "3")
			})
		}},
		{"healthy/client-claim-dropped-by-haproxy", "", func(b *bench) {
			back := b.second()
			back.write("www/admin", text(50))
			back.nginxOf("", "", "listen ADDR; set_real_ip_from "+b.addr.Addr().String()+"; real_ip_header X-Forwarded-For; location /admin { allow 10.0.0.0/8; deny all; } location / { return 200 $remote_addr; }")
			b.haproxy(inFront(haproxyTo(back), " http-request del-header X-Forwarded-For\n option forwardfor"))
			b.captureFor(func() {
				b.curl("--http1.1", b.url("/admin"), "-o", "1")
				b.curl("--http1.1", "-H", "X-Forwarded-For: 10.0.0.7", b.url("/admin"), "-o", "2")
				b.curl("--http1.1", "-H", "X-Forwarded-For: 10.0.0.7", b.url("/"), "-o", "3")
			})
		}},
		{"sick/client-gave-up-abortonclose", label("curl --max-time 2 leaves nginx, which leaves HAProxy with option abortonclose, which lets its request to the application go", "find client-gave-up", "not timers-inverted"), func(b *bench) {
			mid, back := b.second(), b.third()
			back.goServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { time.Sleep(3 * time.Second) }), nil, false)
			mid.haproxy(strings.Replace(unencrypted(haproxyTo(back)), "timeout server 2s", "timeout server 30s\n option abortonclose", 1))
			b.nginxOf("", "", "listen ADDR; "+to(mid, "proxy_read_timeout 20s;"))
			b.captureFor(func() {
				b.client(program(b.t, "curl"), nil, "-q", "-sS", "--max-time", "2", b.plain("/report"))
				time.Sleep(3 * time.Second)
			})
		}},
	}
}

// haproxyCache is a cache of HAProxy that minds Vary, with more lines in front of it.
func haproxyCache(lines string) func(b *bench) {
	return func(b *bench) {
		back := b.second()
		back.goServer(packing("Vary: Accept-Encoding"), nil, false)
		b.haproxy("cache store\n total-max-size 4\n max-age 60\n process-vary on\n" + inFront(haproxyTo(back), lines+" http-request cache-use store\n http-response cache-store store"))
		b.captureFor(func() {
			for range 2 {
				b.curl("--http1.1", "-H", "Accept-Encoding: gzip", b.url("/page"), "-o", "1")
				b.curl("--http1.1", b.url("/page"), "-o", "2")
			}
		})
	}
}

// clientAddresses are gateways that say whose request it is, or do not.
func clientAddresses() []corpusCase {
	const inner = "allow 10.0.0.0/8; deny all;"
	asked := func(b *bench) {
		b.curl("--http1.1", b.url("/admin"), "-o", "1")
		time.Sleep(200 * time.Millisecond)
		b.curl("--http1.1", "-H", "X-Forwarded-For: 10.0.0.7", b.url("/admin"), "-o", "2")
	}
	files := func(back *bench, more string) {
		back.write("www/admin", text(50))
		back.nginxOf("", "limit_req_zone $binary_remote_addr zone=z:1m rate=6r/m;", "listen ADDR; "+more)
	}
	crowd := func(b *bench) {
		for range 3 {
			b.curl("--http1.1", b.url("/admin"), "-o", "1")
		}
		b.curl("--http1.1", "--interface", "127.0.0.9", b.url("/admin"), "-o", "2")
	}
	trusting := func(b *bench) string { // the right way: of the gateway alone
		return "set_real_ip_from " + b.addr.Addr().String() + "; real_ip_header X-Forwarded-For; "
	}
	return []corpusCase{
		{"sick/client-address-untrusted-haproxy", label("HAProxy passes on the client's own X-Forwarded-For to nginx, which believes it from everybody and admits 10.0.0.0/8: 403 without the field, 200 with it; TLS 1.3",
			"find client-address-untrusted"), func(b *bench) {
			back := b.second()
			files(back, "set_real_ip_from 0.0.0.0/0; real_ip_header X-Forwarded-For; "+inner)
			b.haproxy(haproxyTo(back))
			b.captureFor(func() { asked(b) })
		}},
		{"sick/client-address-untrusted-nginx", label("nginx adds the client's address behind what the client claims; Apache's application takes the first entry: 403 without the field, 200 with it; TLS 1.2",
			"find client-address-untrusted"), func(b *bench) {
			back := b.second()
			back.apache(map[string][]byte{"admin": text(50)}, "SSLEngine off\nLoadModule setenvif_module /usr/lib/apache2/modules/mod_setenvif.so\nSetEnvIf X-Forwarded-For \"^10\\.\" inside\n<Location />\nRequire env inside\n</Location>\n")
			b.nginxOf("", "", "listen ADDR ssl; ssl_protocols TLSv1.2; "+to(back, "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"))
			b.captureFor(func() { asked(b) })
		}},
		{"sick/client-address-untrusted-lost", label("nginx says nothing of the client to nginx, which allows one request in ten seconds for an address: a second client's first request is refused with 429; TLS 1.3",
			"find client-address-untrusted"), func(b *bench) {
			back := b.second()
			files(back, "limit_req zone=z; limit_req_status 429;")
			b.nginxOf("", "", "listen ADDR ssl; "+to(back, ""))
			b.captureFor(func() { crowd(b) })
		}},
		{"sick/client-address-untrusted-lost-haproxy", label("HAProxy says nothing of the client to HAProxy, which allows two requests in ten seconds for an address; without TLS",
			"find client-address-untrusted"), func(b *bench) {
			back, app := b.second(), b.third()
			b.also = []netip.AddrPort{back.addr}
			app.goServer(echo(text(50)), nil, false)
			back.haproxy(inFront(unencrypted(haproxyTo(app)), " stick-table type ip size 100 expire 10s store http_req_rate(10s)\n http-request track-sc0 src\n http-request deny deny_status 429 if { sc_http_req_rate(0) gt 2 }"))
			b.haproxy(unencrypted(haproxyTo(back)))
			b.captureFor(func() {
				for range 3 {
					b.curl("--http1.1", b.plain("/?n=5"), "-o", "1")
				}
				b.curl("--http1.1", "--interface", "127.0.0.9", b.plain("/?n=5"), "-o", "2")
			})
		}},
		{"healthy/client-address-passed-on", "", func(b *bench) { // each client has its own limit, and what a client claims is overwritten
			back := b.second()
			files(back, trusting(b)+"limit_req zone=z burst=5 nodelay; limit_req_status 429;")
			b.nginxOf("", "", "listen ADDR ssl; "+to(back, "proxy_set_header X-Forwarded-For $remote_addr;"))
			b.captureFor(func() {
				crowd(b)
				b.curl("--http1.1", "-H", "X-Forwarded-For: 10.0.0.7", b.url("/admin"), "-o", "2")
			})
		}},
		{"healthy/client-address-not-believed", "", func(b *bench) { // the claim changes nothing
			back := b.second()
			files(back, "location /admin { "+inner+" } location / { return 200 fine; }")
			b.nginxOf("", "", "listen ADDR ssl; "+to(back, "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"))
			b.captureFor(func() {
				asked(b)
				b.curl("--http1.1", "-H", "X-Forwarded-For: 10.0.0.7", b.url("/"), "-o", "2")
			})
		}},
		{"healthy/too-many-of-one-client", "", func(b *bench) { // who is refused is who asked too often
			back := b.second()
			files(back, trusting(b)+"limit_req zone=z; limit_req_status 429;")
			b.nginxOf("", "", "listen ADDR ssl; "+to(back, "proxy_set_header X-Forwarded-For $remote_addr;"))
			b.captureFor(func() { crowd(b) })
		}},
	}
}
