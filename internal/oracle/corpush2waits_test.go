package oracle

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"time"
)

// http2Waits are about windows, pings and fields of HTTP/2.
func http2Waits() []corpusCase {
	files := map[string][]byte{"page.txt": text(300), "big.bin": blob(11, 60_000)}
	return []corpusCase{
		{"sick/h2-flow-control-stall-node", label("nginx; a Node client with a window of 8 KB reads nothing of 60 KB and cancels after 6 s; TLS 1.3", "find h2-flow-control-stall conn c1 exchange x1"), func(b *bench) {
			b.nginx(files, "ssl http2", "ssl_protocols TLSv1.3;")
			b.captureFor(func() {
				b.nodeClient("{ initialWindowSize: 8192 }", `const r = get('/big.bin'); r.on('response', () => {}); setTimeout(() => { r.close(8); setTimeout(() => s.close(), 100) }, 6000)`)
			})
		}},
		{"sick/h2-flow-control-stall-upload", label("Go's server, whose handler does not read the body; curl uploads 60 KB for 4 s; TLS 1.2", "find h2-flow-control-stall conn c1 exchange x1 confidence proof"), func(b *bench) {
			b.served(sleeping(6*time.Second), func(s *http.Server) {
				s.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 16 << 10}
				s.TLSConfig.MaxVersion = tls.VersionTLS12
			})
			b.captureFor(func() {
				b.curl("--http2", "--max-time", "4", "-T", b.write("up", files["big.bin"]), b.url("/upload"))
			})
		}},
		{"sick/h2-flow-control-stall-connection", label("Go's server with 64 KB for a connection, whose handler does not read an upload of curl; another upload that would be read hangs too; TLS 1.3", "find h2-flow-control-stall conn c1 confidence proof"), func(b *bench) {
			b.served(halfReading(), func(s *http.Server) {
				s.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerConnection: 65_536, MaxReceiveBufferPerStream: 1 << 20}
			})
			b.captureFor(func() {
				up := b.write("up", append(files["big.bin"], files["big.bin"][:20_000]...))
				b.curl("--http2", "-Z", "--max-time", "4", "-T", up, b.url("/stuck"), "-T", up, b.url("/read"))
			})
		}},
		{"healthy/h2-window-in-use", "", func(b *bench) {
			b.nginx(files, "ssl http2", "")
			b.captureFor(func() { b.h2load("/big.bin", 1, "-w", "14", "-W", "14") })
		}},
		{"sick/h2-forbidden-header-apache", label("nginx speaks HTTP/2 in front of Apache, which announces Upgrade: h2c; curl; TLS 1.2", "find h2-forbidden-header conn c1 exchange x1 confidence proof"), func(b *bench) {
			back := b.second()
			b.also = nil
			back.apache(files, "SSLEngine off\nProtocols h2c http/1.1")
			b.nginx(nil, "ssl http2", b.toward(back, ""))
			b.captureFor(func() { b.curl("--http2", b.url("/page.txt")) })
		}},
		{"sick/h2-forbidden-header-nginx", label("nginx with add_header Keep-Alive, as for HTTP/1.1; curl; TLS 1.3", "find h2-forbidden-header conn c1 exchange x1 confidence proof"), func(b *bench) {
			b.nginx(files, "ssl http2", "ssl_protocols TLSv1.3; add_header Keep-Alive timeout=5;")
			b.captureFor(func() { b.curl("--http2", b.url("/page.txt")) })
		}},
		{"sick/h2-forbidden-header-request", label("h2load sends Connection, as a gateway may that passes it on; Go's server", "find h2-forbidden-header conn c1 exchange x1 confidence proof"), func(b *bench) {
			b.served(echo(text(9)), nil)
			b.captureFor(func() { b.h2load("/", 1, "-H", "connection: keep-alive") })
		}},
		{"sick/h2-ping-or-settings-timeout-go", label("nghttpd is stopped (kill -STOP); a Go client pings after 1 s and waits 2 s for the answer", "find h2-ping-or-settings-timeout conn c1"), func(b *bench) {
			b.nghttpd(files)
			b.captureFor(func() {
				client := b.http2Client(&tls.Config{}, pinging)
				fetch(client, b.url("/page.txt"))
				b.freeze()
				fetch(client, b.url("/big.bin"))
			})
		}},
		{"sick/h2-ping-or-settings-timeout-settings", label("nghttpd; a client that greets and never acknowledges SETTINGS; it is waited for 10 s", "find h2-ping-or-settings-timeout conn c1 confidence proof"), func(b *bench) {
			b.nghttpd(files)
			b.captureFor(func() {
				b.openssl([]string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"}, "-alpn", "h2", "-quiet")
			})
		}},
		{"healthy/h2-ping-answered", "", func(b *bench) {
			b.served(sleeping(4*time.Second), nil)
			b.captureFor(func() { fetch(b.http2Client(&tls.Config{}, pinging), b.url("/report")) })
		}},
	}
}

// halfReading reads what is sent to it but for one path.
func halfReading() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stuck" {
			sleeping(6*time.Second).ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
	})
}

// pinging has Go's client ask after a silent server.
func pinging(tr *http.Transport) {
	tr.HTTP2 = &http.HTTP2Config{SendPingTimeout: time.Second, PingTimeout: 2 * time.Second}
}

// nodeClient runs a script of Node that has a session s with the server, and
// get, which begins a request and does not read its response.
func (b *bench) nodeClient(settings, script string) {
	b.t.Helper()
	head := strings.NewReplacer("URL", "https://"+b.addr.String(), "SETTINGS", settings).Replace(
		`const s = require('http2').connect('URL', { rejectUnauthorized: false, settings: SETTINGS }); s.on('error', () => {})
const get = (path) => { const r = s.request({ ':path': path }); r.on('error', () => {}); return r }
`)
	b.client(program(b.t, "node"), nil, "--tls-keylog="+b.keys, b.write("client.js", []byte(head+script+"\n")))
}
