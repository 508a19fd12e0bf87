package oracle

import (
	"crypto/tls"
	"errors"
	"io"
	"os/exec"
	"time"
)

// originTLSFaults are handshakes of gateways with their origins that fail for a
// reason only the origin knows, and a second handshake too many.
func originTLSFaults() []corpusCase {
	broken := func(back *bench, version uint16) {
		back.goServer(echo(nil), &tls.Config{MaxVersion: version, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return nil, errors.New("the certificate's file is not there")
		}}, false)
	}
	return []corpusCase{
		{"sick/origin-handshake-failed-nginx", label("nginx as a gateway in front of a Go server that cannot load its certificate and sends alert internal_error; TLS 1.3; 502",
			"find origin-handshake-failed"), func(b *bench) {
			back := b.second()
			broken(back, tls.VersionTLS13)
			b.nginx(nil, "ssl", "location / { proxy_pass https://"+back.addr.String()+"; proxy_ssl_protocols TLSv1.3; proxy_ssl_server_name on; proxy_ssl_name app.test; proxy_bind "+b.addr.Addr().String()+"; }")
			b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
		}},
		{"sick/origin-handshake-failed-apache", label("Apache as a gateway in front of a Go server that cannot load its certificate and sends alert internal_error; TLS 1.2; 500 or 502",
			"find origin-handshake-failed"), func(b *bench) {
			back := b.second()
			broken(back, tls.VersionTLS12)
			const modules = "/usr/lib/apache2/modules/"
			b.apache(map[string][]byte{"page.txt": text(9)}, b.inDir("LoadModule proxy_module "+modules+"mod_proxy.so\nLoadModule proxy_http_module "+modules+"mod_proxy_http.so\nSSLProxyEngine on\nSSLProxyVerify none\nSSLProxyCheckPeerName off\nProxySourceAddress IP\nProxyPass / https://"+back.addr.String()+"/\n"))
			b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
		}},
		{"sick/renegotiation-limit-openssl", label("openssl s_server whose operator asks for two new handshakes (command r) while a request waits; Go's client takes part once (RenegotiateOnceAsClient)",
			"find renegotiation-limit conn c1 exchange x1"), func(b *bench) {
			operator := b.opensslByHand("-tls1_2")
			b.captureFor(func() {
				v := b.visit(&tls.Config{MaxVersion: tls.VersionTLS12, Renegotiation: tls.RenegotiateOnceAsClient})
				v.ask("GET", "/page.txt")
				go func() {
					for range 2 {
						time.Sleep(400 * time.Millisecond)
						_, _ = io.WriteString(operator, "r\n")
					}
				}()
				v.answer()
				v.tcp.Close()
			})
		}},
	}
}

// opensslByHand starts openssl s_server, which prints what it gets and takes
// commands.
func (b *bench) opensslByHand(args ...string) io.Writer {
	b.t.Helper()
	id := b.identity(rsaCert)
	cmd := exec.Command(program(b.t, "openssl"), append([]string{"s_server", "-accept", b.addr.String(), "-cert", id.pem, "-key", id.key}, args...)...)
	cmd.Dir = b.dir
	in, err := cmd.StdinPipe()
	must(b.t, err)
	must(b.t, cmd.Start())
	b.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	b.until("openssl to listen", func() bool { return listening(b.t, b.addr) })
	return in
}
