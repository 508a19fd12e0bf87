package oracle

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// tlsFaults are handshakes that cannot be agreed on.
func tlsFaults() []corpusCase {
	curl := func(args ...string) func(b *bench) {
		return func(b *bench) { b.captureFor(func() { b.curl(append(args, b.url("/"))...) }) }
	}
	behindNginx := func(directives string, client func(b *bench)) func(b *bench) {
		return func(b *bench) { b.nginx(nil, "ssl", directives); client(b) }
	}
	behindGo := func(config *tls.Config, client func(b *bench)) func(b *bench) {
		return func(b *bench) {
			c := config.Clone()
			c.Certificates = []tls.Certificate{b.identity(rsaCert).cert.TLS()}
			b.goServer(echo(nil), c, false)
			client(b)
		}
	}
	return []corpusCase{
		{"sick/version-mismatch-nginx", label("nginx takes TLS 1.2 alone, curl offers TLS 1.3 alone", "find version-mismatch conn c1 confidence proof"), behindNginx("ssl_protocols TLSv1.2;", curl("--tlsv1.3"))},
		{"sick/version-mismatch-go", label("Go takes TLS 1.3 alone, curl offers TLS 1.2 at most", "find version-mismatch conn c1 confidence proof"), behindGo(&tls.Config{MinVersion: tls.VersionTLS13}, curl("--tls-max", "1.2"))},
		{"sick/cipher-or-group-mismatch-nginx", label("an RSA certificate, and a client with ECDSA suites alone; TLS 1.2", "find cipher-or-group-mismatch conn c1"),
			behindNginx("ssl_protocols TLSv1.2;", curl("--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"))},
		{"sick/cipher-or-group-mismatch-groups", label("no group in common; TLS 1.3, nginx and curl", "find cipher-or-group-mismatch conn c1"),
			behindNginx("ssl_protocols TLSv1.3; ssl_ecdh_curve X25519;", curl("--tlsv1.3", "--curves", "P-521"))},
		{"sick/sni-unknown-alert-nginx", label("ssl_reject_handshake for a name without a server block", "find sni-unknown-alert conn c1"), behindNginx("ssl_reject_handshake on;", curl())},
		{"sick/sni-unknown-alert-haproxy", label("HAProxy with strict-sni, asked for another name", "find sni-unknown-alert conn c1"), func(b *bench) {
			b.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/both.pem strict-sni\n http-request return status 200\n")
			b.captureFor(func() {
				b.curl("--resolve", "other.test:"+b.port()+":"+b.addr.Addr().String(), "https://other.test:"+b.port()+"/")
			})
		}},
		{"sick/client-certificate-not-sent-nginx", label("ssl_verify_client on; curl without a certificate gets 400", "find client-certificate-not-sent conn c1"), func(b *bench) {
			b.identity(rsaCert)
			behindNginx("ssl_verify_client on; ssl_client_certificate "+b.dir+"/ca.pem;", curl("--http1.1"))(b)
		}},
		{"sick/client-certificate-not-sent-apache", label("SSLVerifyClient require for the whole host, TLS 1.2; curl without a certificate", "find client-certificate-not-sent conn c1"), func(b *bench) {
			b.apache(map[string][]byte{"page.txt": text(9)}, "SSLProtocol TLSv1.2\nSSLVerifyClient require\n")
			curl()(b)
		}},
		{"sick/client-certificate-not-sent-apache13", label("SSLVerifyClient require for the whole host, TLS 1.3; curl without a certificate", "find client-certificate-not-sent conn c1"), func(b *bench) {
			b.apache(map[string][]byte{"page.txt": text(9)}, "SSLProtocol TLSv1.3\nSSLVerifyClient require\n")
			curl()(b)
		}},
		{"sick/client-certificate-not-sent-haproxy", label("HAProxy with verify required; openssl s_client without a certificate", "find client-certificate-not-sent conn c1"), func(b *bench) {
			b.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/both.pem ca-file DIR/ca.pem verify required\n http-request return status 200\n")
			b.captureFor(func() { b.openssl([]string{"GET / HTTP/1.0\n\n"}) })
		}},
		{"sick/client-certificate-not-sent-go", label("Go with RequireAnyClientCert, TLS 1.3", "find client-certificate-not-sent conn c1"), behindGo(&tls.Config{ClientAuth: tls.RequireAnyClientCert}, curl())},
		{"sick/client-certificate-not-sent-late13", label("Apache, TLS 1.3, SSLVerifyClient in a Location; curl offers post-handshake authentication and has no certificate", "find client-certificate-not-sent conn c1"), lateApache("TLSv1.3", func(b *bench, _ identity) { b.curl("--http1.1", b.url("/secure/page.txt")) })},
		{"sick/post-handshake-auth-not-offered-openssl", label("Apache, SSLVerifyClient in a Location; openssl s_client over TLS 1.3, then curl over TLS 1.2 with a certificate", "find post-handshake-auth-not-offered conn c1 exchange x1"), lateApache("TLSv1.2 +TLSv1.3", func(b *bench, id identity) {
			b.openssl([]string{"GET /secure/page.txt HTTP/1.1\nHost: " + host + "\nConnection: close\n\n"}, "-crlf", "-quiet")
			b.curl("--http1.1", "--tls-max", "1.2", "--cert", id.clientPEM, "--key", id.clientKey, b.url("/secure/page.txt"))
		})},
		{"sick/post-handshake-auth-not-offered-go", label("Apache, SSLVerifyClient in a Location; Go's client over TLS 1.3, then curl over TLS 1.2 with a certificate", "find post-handshake-auth-not-offered conn c1 exchange x2"), lateApache("TLSv1.2 +TLSv1.3", func(b *bench, id identity) {
			v := b.visit(&tls.Config{})
			v.ask("GET", "/open.txt")
			v.answer()
			v.ask("GET", "/secure/page.txt")
			v.answer()
			v.Close()
			b.curl("--http1.1", "--tls-max", "1.2", "--cert", id.clientPEM, "--key", id.clientKey, b.url("/secure/page.txt"))
		})},
		{"sick/legacy-tls-origin-openssl", label("openssl s_server with TLS 1.0 behind nobody; curl allows it", "find legacy-tls-origin conn c1"), func(b *bench) {
			b.opensslServer(rsaCert, text(100), "-tls1", "-cipher", "ALL:@SECLEVEL=0")
			curl("--tlsv1.0", "--tls-max", "1.0", "--ciphers", "ALL:@SECLEVEL=0")(b)
		}},
		{"sick/legacy-tls-origin-go", label("Go with TLS 1.1 on both sides", "find legacy-tls-origin conn c1"),
			behindGo(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, func(b *bench) {
				b.captureFor(func() { b.tryGo(&tls.Config{MinVersion: tls.VersionTLS10, InsecureSkipVerify: true}) })
			})},
		{"sick/stopped-site-still-handshakes-404", label("the answer of HTTP.sys for a URL nobody registered", "find stopped-site-still-handshakes conn c1", "synthetic HTTP.sys is not on Linux; Go says its words"), kernelSays("404 Not Found", 315)},
		{"sick/stopped-site-still-handshakes-503", label("the answer of HTTP.sys for a stopped application pool", "find stopped-site-still-handshakes conn c1", "synthetic HTTP.sys is not on Linux; Go says its words"), kernelSays("503 Service Unavailable", 326)},
	}
}

func kernelSays(status string, n int) func(b *bench) {
	return func(b *bench) {
		b.says(&tls.Config{}, func(c net.Conn, _ *http.Request) {
			writef(c, "HTTP/1.1 %s\r\nContent-Type: text/html; charset=us-ascii\r\nServer: Microsoft-HTTPAPI/2.0\r\nDate: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
				status, time.Now().UTC().Format(http.TimeFormat), n, text(n))
			c.Close()
		})
		b.captureFor(func() { b.curl("--http1.1", b.url("/")) })
	}
}

// lateApache asks for a client certificate in one location alone.
func lateApache(protocol string, client func(b *bench, id identity)) func(b *bench) {
	return func(b *bench) {
		id := b.apache(map[string][]byte{"open.txt": text(50), "secure/page.txt": text(200)},
			"Timeout 4\nSSLProtocol "+protocol+"\nSSLSessionTickets off\n<Location /secure>\nSSLVerifyClient require\nSSLVerifyDepth 2\n</Location>\n")
		b.captureFor(func() { client(b, id) })
	}
}

// certificateFaults are certificates that clients do not take.
func certificateFaults() []corpusCase {
	serve := func(kind certKind, version uint16, client func(b *bench)) func(b *bench) {
		return func(b *bench) {
			b.goServer(echo(nil), &tls.Config{Certificates: []tls.Certificate{b.identity(kind).cert.TLS()}, MaxVersion: version}, false)
			b.captureFor(func() { client(b) })
		}
	}
	strict := func(args ...string) func(b *bench) { // curl that verifies
		return func(b *bench) {
			b.client(program(b.t, "curl"), nil, append([]string{"-q", "-sS", "--noproxy", "*", "--max-time", "20",
				"--resolve", host + ":" + b.port() + ":" + b.addr.Addr().String(), b.url("/")}, args...)...)
		}
	}
	goStrict := func(name string) func(b *bench) {
		return func(b *bench) { b.tryGo(&tls.Config{RootCAs: shared.client.Pool(), ServerName: name}) }
	}
	const v12, v13 = tls.VersionTLS12, tls.VersionTLS13
	return []corpusCase{
		{"sick/private-ca-not-trusted-here-curl12", label("curl does not know the issuer; TLS 1.2", "find private-ca-not-trusted-here conn c1"), serve(rsaCert, v12, strict())},
		{"sick/private-ca-not-trusted-here-curl13", label("curl does not know the issuer; TLS 1.3", "find private-ca-not-trusted-here conn c1"), serve(ecdsaCert, v13, strict())},
		{"sick/private-ca-not-trusted-here-go", label("Go does not know the issuer; TLS 1.3", "find private-ca-not-trusted-here conn c1"), serve(rsaCert, v13, func(b *bench) { b.tryGo(&tls.Config{}) })},
		{"sick/certificate-date-invalid-curl12", label("an expired certificate; curl, TLS 1.2", "find certificate-date-invalid conn c1"), serve(expiredCert, v12, strict("--cacert", "ca.pem"))},
		{"sick/certificate-date-invalid-curl13", label("an expired certificate; curl, TLS 1.3", "find certificate-date-invalid conn c1"), serve(expiredCert, v13, strict("--cacert", "ca.pem"))},
		{"sick/certificate-name-mismatch-go", label("Go asks for another name than the certificate has; TLS 1.3", "find certificate-name-mismatch conn c1"), serve(rsaCert, v13, goStrict("other.test"))},
		{"sick/certificate-name-mismatch-openssl", label("openssl s_client -verify_hostname with another name; TLS 1.2", "find certificate-name-mismatch conn c1"), serve(rsaCert, v12, func(b *bench) {
			b.client(program(b.t, "openssl"), nil, "s_client", "-connect", b.addr.String(), "-servername", "other.test", "-verify_hostname", "other.test",
				"-verify_return_error", "-CAfile", "ca.pem", "-keylogfile", b.keys)
		})},
	}
}
