package oracle

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"golang.org/x/net/quic"
)

// quicFaults are about HTTP/3 that is tried.
func quicFaults() []corpusCase {
	return []corpusCase{
		{"sick/quic-udp-blocked-chromium", label("nginx says that there is HTTP/3, iptables drops UDP; Chromium, TLS 1.3", "find quic-udp-blocked"), func(b *bench) {
			b.advertised(fmt.Sprintf(`h3=":%s"; ma=3600`, b.port()), "ssl_protocols TLSv1.3;")
			b.dropUDP()
			b.captureFor(func() { b.surf(b.url("/index.html"), "--enable-quic") })
		}},
		{"sick/quic-udp-blocked-refused", label("nginx says that there is HTTP/3, nobody has the UDP port, as with a container whose TCP port alone is published; Chromium, TLS 1.2", "find quic-udp-blocked"), func(b *bench) {
			b.advertised(fmt.Sprintf(`h3=":%s"; ma=3600`, b.port()), "ssl_protocols TLSv1.2;")
			b.captureFor(func() { b.surf(b.url("/index.html"), "--enable-quic") })
		}},
		{"sick/quic-udp-blocked-go", label("a Go client tries QUIC for two seconds, then curl takes TCP; iptables drops UDP", "find quic-udp-blocked conn c1"), func(b *bench) {
			b.nginx(map[string][]byte{"page.txt": text(300)}, "ssl http2", "ssl_protocols TLSv1.3;")
			b.dropUDP()
			b.captureFor(func() {
				b.tryQUIC(&tls.Config{NextProtos: []string{"h3"}}, 2*time.Second)
				b.curl("--http2", b.url("/page.txt"))
			})
		}},
		{"sick/quic-handshake-failed-chromium", label("nginx says that there is HTTP/3; at its UDP port is a QUIC server of Go for another protocol; Chromium falls back to TCP", "find quic-handshake-failed"), func(b *bench) {
			b.advertised(fmt.Sprintf(`h3=":%s"; ma=3600`, b.port()), "ssl_protocols TLSv1.3;")
			b.serveQUIC("doq")
			b.captureFor(func() { b.surf(b.url("/index.html"), "--enable-quic") })
		}},
		{"sick/quic-handshake-failed-go", label("a QUIC server of Go for another protocol; Go's client offers h3", "find quic-handshake-failed conn c1 confidence proof"), func(b *bench) {
			b.serveQUIC("doq")
			b.captureFor(func() { b.tryQUIC(&tls.Config{NextProtos: []string{"h3"}}, 5*time.Second) })
		}},
		{"healthy/quic-works", "", func(b *bench) {
			b.serveQUIC("h3")
			b.captureFor(func() { b.tryQUIC(&tls.Config{NextProtos: []string{"h3"}}, 5*time.Second) })
		}},
		{"sick/alt-svc-wrong-curl", label("nginx names another port for HTTP/2, on which nobody listens any more; curl --alt-svc asks twice", "find alt-svc-wrong"), func(b *bench) {
			gone := b.second()
			b.nginx(map[string][]byte{"page.txt": text(300)}, "ssl http2", `add_header Alt-Svc 'h2=":`+gone.port()+`"; ma=86400' always;`)
			b.captureFor(func() {
				for range 2 {
					b.curl("--resolve", host+":"+gone.port()+":"+b.addr.Addr().String(), "--http2", "--alt-svc", b.dir+"/alternatives", b.url("/page.txt"))
				}
			})
		}},
		{"sick/alt-svc-wrong-chromium", label("nginx names another port for HTTP/3, whose UDP iptables drops; Chromium", "find alt-svc-wrong"), func(b *bench) {
			gone := b.second()
			b.advertised(`h3=":`+gone.port()+`"; ma=86400`, "ssl_protocols TLSv1.3;")
			gone.dropUDP()
			b.captureFor(func() { b.surf(b.url("/index.html"), "--enable-quic") })
		}},
		{"healthy/alt-svc-followed", "", func(b *bench) { // to another port of the same site
			other := b.second()
			other.nginx(map[string][]byte{"page.txt": text(300)}, "ssl http2", "")
			b.nginx(map[string][]byte{"page.txt": text(300)}, "ssl http2", `add_header Alt-Svc 'h2=":`+other.port()+`"; ma=86400' always;`)
			b.captureFor(func() {
				for range 2 {
					b.curl("--resolve", host+":"+other.port()+":"+b.addr.Addr().String(), "--http2", "--alt-svc", b.dir+"/alternatives", b.url("/page.txt"))
				}
			})
		}},
	}
}

// serveQUIC accepts QUIC connections for a protocol at the server's UDP port.
func (b *bench) serveQUIC(protocol string) {
	b.t.Helper()
	b.udp = true
	config := b.modern()
	config.NextProtos, config.MinVersion = []string{protocol}, tls.VersionTLS13
	ctx, cancel := context.WithCancel(context.Background())
	end, err := quic.Listen("udp", b.addr.String(), &quic.Config{TLSConfig: config})
	must(b.t, err)
	b.t.Cleanup(func() { cancel(); _ = end.Close(ctx) })
	go func() {
		for {
			if _, err := end.Accept(ctx); err != nil {
				return
			}
		}
	}()
}

// advertised serves a page with two scripts over HTTP/1.1, each on a connection
// of its own, with an Alt-Svc field. Datagrams are captured as well.
func (b *bench) advertised(alternative, directives string) {
	b.t.Helper()
	b.udp = true
	page := []byte(`<!doctype html><title>t</title><link rel=icon href="data:,"><script src=/a.js></script><script src=/b.js></script><p>done</p>`)
	b.nginx(map[string][]byte{"index.html": page, "a.js": []byte("1\n"), "b.js": []byte("2\n")}, "ssl",
		"keepalive_timeout 0; add_header Alt-Svc '"+alternative+"' always; "+directives)
}

// dropUDP loses each datagram to the server's port.
func (b *bench) dropUDP() {
	b.t.Helper()
	b.udp = true
	iptables := program(b.t, "iptables-legacy")
	rule := " INPUT -p udp --dport " + b.port() + " -j DROP"
	b.shell(iptables + " -A" + rule)
	b.t.Cleanup(func() { b.shell(iptables + " -D" + rule) })
}

// tryQUIC makes a QUIC connection that need not succeed.
func (b *bench) tryQUIC(config *tls.Config, patience time.Duration) {
	b.t.Helper()
	config = config.Clone()
	config.ServerName, config.InsecureSkipVerify, config.MinVersion, config.KeyLogWriter = host, true, tls.VersionTLS13, b.keyLog()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	end, err := quic.Listen("udp", "127.0.0.1:0", nil)
	must(b.t, err)
	defer end.Close(ctx)
	c, err := end.Dial(ctx, "udp", b.addr.String(), &quic.Config{TLSConfig: config})
	if err != nil {
		return
	}
	c.Abort(nil)
	_ = c.Wait(ctx)
}
