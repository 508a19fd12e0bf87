package oracle

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"fanlight/internal/testnet"
)

// lateFaults are second handshakes that come in the way of a body, or too often.
func lateFaults() []corpusCase {
	location := "Timeout 4\nSSLProtocol TLSv1.2\nSSLSessionTickets off\n<Location /secure>\nSSLVerifyClient require\n%\n</Location>\n"
	page := map[string][]byte{"open.txt": text(50), "secure/page.txt": text(200), "sorry.txt": text(20)}
	upload := func(b *bench, id identity, n int, args ...string) {
		b.curl(append(args, "--http1.1", "-H", "Expect:", "--cert", id.clientPEM, "--key", id.clientKey, "--data-binary", "@"+b.write("up", text(n)), b.url("/secure/page.txt"))...)
	}
	apache := func(more string, client func(b *bench, id identity)) func(b *bench) {
		return func(b *bench) {
			id := b.apache(page, strings.Replace(location, "%", more, 1))
			b.captureFor(func() { client(b, id) })
		}
	}
	twice := "SSLVerifyClient optional\nRequire expr %{SSL_CLIENT_VERIFY} == 'nobody'\n</Location>\nErrorDocument 403 /sorry.txt\n<Location /sorry.txt>\nSSLCipherSuite ECDHE-RSA-AES256-GCM-SHA384"
	return []corpusCase{
		{"sick/renegotiation-body-deadlock-apache", label("Apache with SSLRenegBufferSize 1000; curl sends 5 KB without waiting and gets 413, a GET and a small body before it work",
			"find renegotiation-body-deadlock exchange x3"), apache("SSLRenegBufferSize 1000", func(b *bench, id identity) {
			b.curl("--http1.1", "--cert", id.clientPEM, "--key", id.clientKey, b.url("/secure/page.txt"))
			upload(b, id, 500)
			upload(b, id, 5000)
		})},
		{"sick/renegotiation-body-deadlock-413", label("a server that asks for a certificate after the head and holds 48 KB of the body, as IIS does; curl sends 100 KB and gets 413",
			"find renegotiation-body-deadlock conn c1 exchange x1", "synthetic IIS is not on Linux; a scripted peer does what it does"), func(b *bench) {
			b.readAhead(func(c *testnet.TLS12Conn) {
				writef(c, "HTTP/1.1 413 Request Entity Too Large\r\nServer: Microsoft-IIS/10.0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			})
			b.captureFor(func() { upload(b, b.identity(rsaCert), 100_000) })
		}},
		{"sick/renegotiation-body-deadlock-wait", label("a server that asks for a certificate after the head and then reads no more than 48 KB of the body; Go's client writes 1 MB and reads nothing meanwhile; the server resets after 3 s",
			"find renegotiation-body-deadlock conn c1 exchange x1", "synthetic IIS is not on Linux; a scripted peer does what it does"), func(b *bench) {
			b.readAhead(func(c *testnet.TLS12Conn) {
				time.Sleep(3 * time.Second)
				_ = c.NetConn().(*net.TCPConn).SetLinger(0)
			})
			b.captureFor(func() {
				v := b.visit(&tls.Config{MaxVersion: tls.VersionTLS12})
				_ = v.tcp.SetWriteBuffer(20_000)
				v.ask("POST", "/secure/page.txt", "Content-Length: 1000000")
				_, _ = v.Write(text(1_000_000))
				v.tcp.Close()
			})
		}},
		{"healthy/renegotiation-with-a-body-that-fits", "", apache("", func(b *bench, id identity) { upload(b, id, 60_000) })},
		{"sick/renegotiation-limit-go", label("Apache asks again for a client certificate, and once more for the cipher suite of its error page; Go's client takes part once (RenegotiateOnceAsClient)",
			"find renegotiation-limit conn c1 exchange x1"), apache(twice, func(b *bench, _ identity) {
			v := b.visit(&tls.Config{MaxVersion: tls.VersionTLS12, Renegotiation: tls.RenegotiateOnceAsClient, Certificates: []tls.Certificate{shared.client.TLS()}})
			v.ask("GET", "/secure/page.txt")
			v.answer()
			v.tcp.Close()
		})},
		{"healthy/renegotiation-twice", "", apache(twice, func(b *bench, id identity) {
			b.curl("--http1.1", "--cert", id.clientPEM, "--key", id.clientKey, b.url("/secure/page.txt"))
		})},
	}
}

// readAhead starts a server that asks for a certificate once it has a request's
// head, reads on until it holds 48 KB of the body, and then does what it does.
func (b *bench) readAhead(then func(c *testnet.TLS12Conn)) {
	b.t.Helper()
	server := &testnet.TLS12Server{Certificate: b.identity(rsaCert).cert.TLS(), KeyLog: b.keyLog()}
	b.rawServer(func(tcp *net.TCPConn) {
		_ = tcp.SetReadBuffer(4096)
		c := server.Conn(tcp)
		defer c.Close()
		if _, err := c.Handshake(testnet.HandshakeOptions{}); err != nil {
			return
		}
		in := bufio.NewReaderSize(c, 1024)
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		if c.SendHelloRequest() == nil {
			_, _ = io.CopyN(io.Discard, in, 49152)
			then(c)
		}
	})
}
