package oracle

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/websocket"
)

// upgrade are directives of nginx that let a WebSocket pass.
const upgrade = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"

// socketFaults are about WebSockets behind gateways.
func socketFaults() []corpusCase {
	behindNginx := func(directives, more string, client func(b *bench)) func(b *bench) {
		return func(b *bench) {
			back := b.second()
			back.goServer(talking(), nil, false)
			b.nginx(nil, "ssl", b.toward(back, directives)+more)
			b.captureFor(func() { client(b) })
		}
	}
	quiet := func(b *bench) { b.talk(&tls.Config{}, 0, 13*time.Second) }
	return []corpusCase{
		{"sick/ws-idle-cut-nginx", label("nginx with proxy_read_timeout 11 s (60 s by default) in front of Go; nothing is said; TLS 1.2; both sides", "find ws-idle-cut"),
			behindNginx(upgrade+" proxy_read_timeout 11s;", "", quiet)},
		{"sick/ws-idle-cut-haproxy", label("HAProxy with timeout tunnel 11 s in front of Go; nothing is said; TLS 1.3; its clients' side alone", "find ws-idle-cut conn c1 exchange x1"), func(b *bench) {
			back := b.second()
			b.also = nil
			back.goServer(talking(), nil, false)
			b.haproxy(haproxyTo(back) + " timeout tunnel 11s\n")
			b.captureFor(func() { quiet(b) })
		}},
		{"healthy/ws-idle-then-closed", "", behindNginx(upgrade, "", func(b *bench) { b.talk(&tls.Config{}, 0, 11*time.Second) })},
		{"healthy/ws-pings-against-idle", "", behindNginx(upgrade+" proxy_read_timeout 5s;", "ssl_protocols TLSv1.3;", func(b *bench) { b.talk(&tls.Config{}, 3*time.Second, 12*time.Second) })},
		{"sick/ws-upgrade-headers-lost-nginx", label("nginx without proxy_set_header Upgrade in front of Go; Chromium; both sides", "find ws-upgrade-headers-lost"),
			behindNginx("", "", func(b *bench) { b.surf(b.url("/")) })},
		{"sick/ws-upgrade-headers-lost-apache", label("Apache's ProxyPass without upgrade=websocket in front of Go; Go's client; TLS 1.2; both sides", "find ws-upgrade-headers-lost"), func(b *bench) {
			back := b.second()
			back.goServer(talking(), nil, false)
			b.apache(map[string][]byte{"page.txt": text(9)}, "SSLProtocol TLSv1.2\n"+apacheToward(back, ""))
			b.captureFor(func() { b.talk(&tls.Config{}, 0, time.Second) })
		}},
		{"sick/ws-upgrade-headers-lost-origin", label("the origin's side alone of nginx without proxy_set_header Upgrade; Go's client", "find ws-upgrade-headers-lost conn c1 exchange x1 confidence proof"), func(b *bench) {
			front := b.second()
			b.also = nil
			b.goServer(talking(), nil, false)
			front.nginx(nil, "ssl", front.toward(b, ""))
			b.captureFor(func() { front.talk(&tls.Config{}, 0, time.Second) })
		}},
		{"sick/ws-over-h2-unsupported-haproxy", label("HAProxy takes a WebSocket over HTTP/2 from Chromium and speaks HTTP/2 to nghttpd, which cannot; its clients' side alone", "find ws-over-h2-unsupported"), func(b *bench) {
			back := b.second()
			b.also = nil
			back.nghttpd(map[string][]byte{"index.html": []byte(socketPage), "picture": text(9)})
			b.haproxy(strings.Replace(haproxyTo(back, "ssl verify none alpn h2"), "both.pem\n", "both.pem alpn h2,http/1.1\n", 1))
			b.captureFor(func() { b.surf(b.url("/index.html")) })
		}},
		{"sick/ws-over-h2-unsupported-apache", label("Apache with H2WebSockets, whose path is no WebSocket; a Node client", "find ws-over-h2-unsupported conn c1"), func(b *bench) {
			b.apache(map[string][]byte{"page.txt": text(300)}, "Protocols h2 http/1.1\nH2WebSockets on\nSSLProtocol TLSv1.2\n")
			b.captureFor(func() {
				b.nodeClient("{}", `s.on('remoteSettings', () => { const r = s.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/page.txt', 'sec-websocket-version': '13' })
r.on('error', () => {}); r.on('close', () => s.close()); r.resume() })`)
			})
		}},
		{"healthy/ws-over-h2", "", func(b *bench) { // HAProxy makes one of HTTP/1.1 of it
			back := b.second()
			b.also = nil
			back.goServer(talking(), nil, false)
			b.haproxy(strings.Replace(haproxyTo(back), "both.pem\n", "both.pem alpn h2,http/1.1\n", 1))
			b.captureFor(func() { b.surf(b.url("/")) })
		}},
		{"healthy/ws-refused-by-application", "", behindNginx(upgrade, "", func(b *bench) { // its origin is not welcome
			b.curl("--http1.1", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13",
				"-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "-H", "Origin: https://other.test", b.url("/refused"))
		})},
	}
}

const socketPage = `<!doctype html><title>t</title><link rel=icon href="data:,">
<script>new WebSocket('wss://' + location.host + '/ws')</script><img src=/picture>`

// talking serves WebSockets that give back what they get, and a page that opens
// one and takes a second to load.
func talking() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/ws", websocket.Handler(func(c *websocket.Conn) { _, _ = io.Copy(c, c) }))
	mux.HandleFunc("/refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	mux.HandleFunc("/picture", func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		writef(w, socketPage)
	})
	return mux
}

// talk opens a WebSocket, says a word, sends a ping now and then if every is
// not 0, and closes in order after a while, if it is still open.
func (b *bench) talk(config *tls.Config, every, while time.Duration) {
	b.t.Helper()
	settings, err := websocket.NewConfig("wss://"+host+":"+b.port()+"/ws", "https://"+host)
	must(b.t, err)
	settings.TlsConfig = config.Clone()
	tcp, err := tls.Dial("tcp", b.addr.String(), &tls.Config{ServerName: host, InsecureSkipVerify: true, KeyLogWriter: b.keyLog(), MaxVersion: config.MaxVersion})
	must(b.t, err)
	defer tcp.Close()
	c, err := websocket.NewClient(settings, tcp)
	if err != nil {
		return
	}
	_, _ = c.Write([]byte("hello"))
	_, _ = c.Read(make([]byte, 100))
	ended := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, c); close(ended) }()
	for over := time.After(while); ; {
		ping := (<-chan time.Time)(nil)
		if every > 0 {
			ping = time.After(every)
		}
		select {
		case <-ended:
			return
		case <-ping:
			c.PayloadType = websocket.PingFrame
			_, _ = c.Write([]byte("still there"))
		case <-over:
			c.PayloadType = websocket.CloseFrame
			_, _ = c.Write([]byte{3, 232}) // 1000: it has done what it was for
			return
		}
	}
}
