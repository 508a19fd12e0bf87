package oracle

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"os"
	"time"
)

// allRoots is where Debian keeps the authorities of the world in one file.
const allRoots = "/etc/ssl/certs/ca-certificates.crt"

// clientCertificateFaults are certificates of clients that are not found, not
// taken or late.
func clientCertificateFaults() []corpusCase {
	page := map[string][]byte{"page.txt": text(300)}
	nginx := func(prepare func(b *bench), directives string, client func(b *bench)) func(b *bench) {
		return func(b *bench) {
			prepare(b)
			b.nginx(page, "ssl", b.inDir(directives))
			b.captureFor(func() { client(b) })
		}
	}
	everyRoot := func(b *bench) { // and the one that signs the visitor
		b.identity(rsaCert)
		roots, err := os.ReadFile(allRoots)
		must(b.t, err)
		b.write("roots.pem", append(roots, shared.ca.CertPEM...))
	}
	nothing := func(b *bench) {}
	plain := func(b *bench) { b.curl("--http1.1", b.url("/page.txt")) }
	shows := func(cert string, args ...string) func(b *bench) {
		return func(b *bench) {
			b.curl(append(args, "--http1.1", "--cert", cert+".pem", "--key", cert+".key", b.url("/page.txt"))...)
		}
	}
	// visitors makes good.pem of ca.pem's authority, and old.pem, revoked.pem and
	// stranger.pem, which the server should not take.
	visitors := func(b *bench) {
		ca := b.paper("visitors", nil, isCA("Visitors CA"))
		b.paper("good", ca, ofVisitor)
		b.paper("old", ca, ofVisitor, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
		})
		b.paper("stranger", b.paper("strangers", nil, isCA("Other CA")), ofVisitor)
		b.revoke("crl.pem", ca, b.paper("revoked", ca, ofVisitor))
	}
	haproxy := func(bind string, client func(b *bench)) func(b *bench) {
		return func(b *bench) {
			visitors(b)
			b.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/both.pem " + bind + "\n http-request return status 200\n")
			b.captureFor(func() { client(b) })
		}
	}
	waits := func(d time.Duration, version uint16) func(b *bench) {
		return func(b *bench) {
			tcp := b.slowVisitor(d, version)
			tcp.ask("GET", "/page.txt", "Connection: close")
			tcp.answer()
			tcp.Close()
		}
	}
	return []corpusCase{
		{"sick/client-ca-list-oversized-nginx", label("nginx names every authority of the system, curl has no certificate; TLS 1.2", "find client-ca-list-oversized conn c1"),
			nginx(everyRoot, "ssl_protocols TLSv1.2; ssl_verify_client on; ssl_client_certificate DIR/roots.pem;", plain)},
		{"sick/client-ca-list-oversized-apache", label("Apache names every authority of the system, openssl s_client has no certificate; TLS 1.3", "find client-ca-list-oversized conn c1"), func(b *bench) {
			everyRoot(b)
			b.apache(page, b.inDir("SSLProtocol TLSv1.3\nSSLCACertificateFile DIR/roots.pem\nSSLVerifyClient require\n"))
			b.captureFor(func() { b.openssl([]string{"GET /page.txt HTTP/1.0\n\n"}, "-crlf", "-quiet") })
		}},
		{"healthy/client-certificate-from-a-long-list", "", nginx(everyRoot, "ssl_verify_client on; ssl_client_certificate DIR/roots.pem;", shows("client"))},
		{"healthy/client-certificate-optional-and-a-long-list", "", nginx(everyRoot, "ssl_verify_client optional; ssl_client_certificate DIR/roots.pem;", plain)},
		{"sick/client-certificate-rejected-nginx", label("a certificate of another authority; nginx completes the handshake and answers 400; curl, TLS 1.2", "find client-certificate-rejected conn c1 exchange x1"),
			nginx(visitors, "ssl_protocols TLSv1.2; ssl_verify_client on; ssl_client_certificate DIR/visitors.pem;", shows("stranger"))},
		{"sick/client-certificate-rejected-haproxy", label("a certificate of another authority; HAProxy, curl, TLS 1.3", "find client-certificate-rejected conn c1 confidence proof"),
			haproxy("ca-file DIR/visitors.pem verify required", shows("stranger"))},
		{"sick/client-certificate-rejected-revoked", label("a revoked certificate; HAProxy with crl-file, curl, TLS 1.2", "find client-certificate-rejected conn c1 confidence proof"),
			haproxy("ca-file DIR/visitors.pem crl-file DIR/crl.pem verify required ssl-max-ver TLSv1.2", shows("revoked"))},
		{"sick/client-certificate-rejected-apache", label("an expired certificate; Apache, curl, TLS 1.2", "find client-certificate-rejected conn c1 confidence proof"), func(b *bench) {
			visitors(b)
			b.apache(page, b.inDir("SSLProtocol TLSv1.2\nSSLCACertificateFile DIR/visitors.pem\nSSLVerifyClient require\n"))
			b.captureFor(func() { shows("old")(b) })
		}},
		{"sick/client-certificate-rejected-go", label("a certificate of another authority; Go's server and client, TLS 1.3", "find client-certificate-rejected conn c1 confidence proof"), func(b *bench) {
			visitors(b)
			b.goServer(echo(nil), &tls.Config{Certificates: []tls.Certificate{b.identity(rsaCert).cert.TLS()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: b.trusting("visitors.pem")}, false)
			stranger, err := tls.LoadX509KeyPair(b.dir+"/stranger.pem", b.dir+"/stranger.key")
			must(b.t, err)
			b.captureFor(func() { b.tryGo(&tls.Config{InsecureSkipVerify: true, GetClientCertificate: always(&stranger)}) })
		}},
		{"healthy/client-certificate-haproxy-with-a-revocation-list", "", haproxy("ca-file DIR/visitors.pem crl-file DIR/crl.pem verify required", shows("good"))},
		{"healthy/client-certificate-and-not-found", "", nginx(visitors, "ssl_verify_client on; ssl_client_certificate DIR/visitors.pem; location /no { return 400; }", func(b *bench) {
			b.curl("--http1.1", "--cert", "good.pem", "--key", "good.key", b.url("/page.txt"), "-o", "1", b.url("/none"), "-o", "2")
		})},
		{"sick/handshake-waits-for-user-nginx", label("Go's client takes 7 s to choose its certificate, as a person would; nginx waits 4 s (client_header_timeout 4s); TLS 1.2", "find handshake-waits-for-user conn c1"),
			nginx(nothing, "ssl_protocols TLSv1.2; client_header_timeout 4s; ssl_verify_client on; ssl_client_certificate DIR/ca.pem;", waits(7*time.Second, tls.VersionTLS12))},
		{"sick/handshake-waits-for-user-apache", label("Go's client takes 6 s to choose its certificate, as a person would; Apache waits 3 s (RequestReadTimeout handshake=3); TLS 1.3", "find handshake-waits-for-user conn c1"), func(b *bench) {
			b.apache(page, "LoadModule reqtimeout_module /usr/lib/apache2/modules/mod_reqtimeout.so\nRequestReadTimeout handshake=3\nSSLProtocol TLSv1.3\nSSLVerifyClient require\n")
			b.captureFor(func() { waits(6*time.Second, tls.VersionTLS13)(b) })
		}},
		{"sick/handshake-waits-for-user-haproxy", label("Go's client takes 6 s to choose its certificate, as a person would; HAProxy waits 3 s (timeout client, http-request); TLS 1.3", "find handshake-waits-for-user conn c1"), func(b *bench) {
			b.haproxy("defaults\n mode http\n timeout connect 2s\n timeout client 3s\n timeout server 2s\n timeout http-request 3s\nfrontend f\n bind ADDR ssl crt DIR/both.pem ca-file DIR/ca.pem verify required\n http-request return status 200\n")
			b.captureFor(func() { waits(6*time.Second, tls.VersionTLS13)(b) })
		}},
		{"healthy/handshake-waited-and-went-on", "", nginx(nothing, both13+"ssl_verify_client on; ssl_client_certificate DIR/ca.pem;", waits(4*time.Second, tls.VersionTLS13))},
	}
}

// always answers every request for a certificate with the same one.
func always(c *tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c, nil }
}

// slowVisitor is a visitor that takes its time to choose a certificate; the
// server may have left by then.
func (b *bench) slowVisitor(d time.Duration, version uint16) *visitor {
	b.t.Helper()
	own := shared.client.TLS()
	return b.attempt(&tls.Config{MaxVersion: version, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		time.Sleep(d)
		return &own, nil
	}})
}

// revoke writes the revocation list of an authority.
func (b *bench) revoke(name string, ca *paper, revoked ...*paper) {
	b.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, r := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: r.SerialNumber, RevocationTime: time.Now().Add(-time.Minute)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, ca.Certificate, ca.key)
	must(b.t, err)
	b.write(name, pemBlock("X509 CRL", der))
}
