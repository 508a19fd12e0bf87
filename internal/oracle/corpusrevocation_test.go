package oracle

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"time"

	"golang.org/x/crypto/ocsp"
)

// revocationFaults are checks whether a certificate was revoked, by machines
// that cannot reach who knows it.
func revocationFaults() []corpusCase {
	page := map[string][]byte{"page.txt": text(300)}
	return []corpusCase{
		{"sick/revocation-check-stall-apache", label("Apache asks an OCSP responder about the client's certificate (SSLOCSPEnable), whose accept queue is full; SSLOCSPResponderTimeout 3; a Go client; TLS 1.2",
			"find revocation-check-stall"), func(b *bench) {
			b.silentResponder()
			id := b.visitorsOf("http://" + b.addr.Addr().String() + "/")
			b.apache(page, b.inDir("SSLProtocol TLSv1.2\nSSLCACertificateFile DIR/visitors.pem\nSSLVerifyClient require\nSSLOCSPEnable on\nSSLOCSPResponderTimeout 3\n"))
			b.captureFor(func() {
				v := b.attempt(&tls.Config{MaxVersion: tls.VersionTLS12, GetClientCertificate: always(&id)})
				v.ask("GET", "/page.txt", "Connection: close")
				v.answer()
				v.Close()
			})
		}},
		{"sick/revocation-check-stall-gnutls", label("gnutls-cli --ocsp asks an OCSP responder about the server's certificate, whose accept queue is full, and goes on without an answer; net.ipv4.tcp_syn_retries 1; nginx; TLS 1.3",
			"find revocation-check-stall"), func(b *bench) {
			b.silentResponder()
			root := b.paper("root", nil, isCA("Lab Root"))
			b.paper("site", root, func(c *x509.Certificate) { c.OCSPServer = []string{"http://" + b.addr.Addr().String() + "/"} })
			b.servedBy("site", "")
			b.captureFor(func() { b.gnutls("--ocsp") })
		}},
		{"healthy/revocation-check-answered", "", func(b *bench) {
			root := b.paper("root", nil, isCA("Lab Root"))
			site := b.paper("site", root, func(c *x509.Certificate) { c.OCSPServer = []string{"http://" + b.addr.Addr().String() + "/"} })
			b.responder(func() []byte { return b.word(root, site, ocsp.Good, -time.Hour, time.Hour) })
			b.servedBy("site", "")
			b.captureFor(func() { b.gnutls("--ocsp") })
		}},
	}
}

// silentResponder captures port 80 of the case's address, where nobody answers,
// and gives up connecting after 3 s. The address is made the machine's own, so
// that a server connects from it.
func (b *bench) silentResponder() {
	b.t.Helper()
	b.shell("ip addr replace " + b.addr.Addr().String() + "/32 dev lo")
	b.t.Cleanup(func() { b.shell("ip addr del " + b.addr.Addr().String() + "/32 dev lo") })
	const retries = "/proc/sys/net/ipv4/tcp_syn_retries"
	before, err := os.ReadFile(retries)
	must(b.t, err)
	must(b.t, os.WriteFile(retries, []byte("1"), 0o644))
	b.t.Cleanup(func() { _ = os.WriteFile(retries, before, 0o644) })
	responder := *b
	responder.addr = netip.AddrPortFrom(b.addr.Addr(), 80)
	b.also = append(b.also, responder.addr)
	full(&responder)
}

// visitorsOf makes visitors.pem and a client's certificate of it, about which an
// OCSP responder can be asked.
func (b *bench) visitorsOf(responder string) tls.Certificate {
	b.t.Helper()
	ca := b.paper("visitors", nil, isCA("Visitors CA"))
	return b.paper("good", ca, ofVisitor, func(c *x509.Certificate) { c.OCSPServer = []string{responder} }).tls()
}

// gnutls asks for a page with gnutls-cli, which trusts root.pem.
func (b *bench) gnutls(args ...string) {
	b.t.Helper()
	r, w, err := os.Pipe()
	must(b.t, err)
	defer r.Close()
	defer w.Close()
	go func() {
		time.Sleep(4 * time.Second)
		_, _ = w.WriteString("GET /page.txt HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
	}()
	b.client(program(b.t, "gnutls-cli"), r, append([]string{"--x509cafile", "root.pem", "--sni-hostname", host, "--verify-hostname", host, "--port", b.port(), b.addr.Addr().String()}, args...)...)
}
