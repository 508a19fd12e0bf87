package oracle

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/crypto/ocsp"
)

// stapleFaults are words of an authority about a certificate that the server
// should send along.
func stapleFaults() []corpusCase {
	const v12 = "ssl_protocols TLSv1.2;"
	// nginx with full.pem and the staple that make gives, or none
	serve := func(must bool, directives string, staple func(b *bench, issuer, site *paper) []byte, client func(b *bench)) func(b *bench) {
		return func(b *bench) {
			issuer, site := b.stapled(must)
			if staple != nil {
				b.write("staple.der", staple(b, issuer, site))
				directives += "ssl_stapling on; ssl_stapling_file DIR/staple.der;"
			}
			b.servedBy("full", directives)
			b.captureFor(func() { client(b) })
		}
	}
	asks := func(b *bench) { b.strictly("root.pem", "--cert-status", b.url("/page.txt")) }
	good := func(b *bench, issuer, site *paper) []byte {
		return b.word(issuer, site, ocsp.Good, -time.Hour, time.Hour)
	}
	old := func(b *bench, issuer, site *paper) []byte {
		return b.word(issuer, site, ocsp.Good, -48*time.Hour, -24*time.Hour)
	}
	revoked := func(b *bench, issuer, site *paper) []byte {
		return b.word(issuer, site, ocsp.Revoked, -time.Hour, time.Hour)
	}
	another := func(b *bench, issuer, _ *paper) []byte {
		return b.word(issuer, b.paper("another", issuer), ocsp.Good, -time.Hour, time.Hour)
	}
	return []corpusCase{
		{"sick/staple-problem-missing-curl", label("a certificate with must-staple, nginx without stapling; curl --cert-status; TLS 1.2", "find staple-problem conn c1"), serve(true, v12, nil, asks)},
		{"sick/staple-problem-missing-gnutls", label("a certificate with must-staple, nginx without stapling; gnutls-cli; TLS 1.3", "find staple-problem conn c1"), serve(true, "", nil, func(b *bench) { b.gnutls() })},
		{"sick/staple-problem-old-curl", label("nginx staples a response that is a day over; curl --cert-status; TLS 1.3", "find staple-problem conn c1"), serve(false, "", old, asks)},
		{"sick/staple-problem-old-gnutls", label("nginx staples a response that is a day over; gnutls-cli; TLS 1.2", "find staple-problem conn c1"), serve(false, v12, old, func(b *bench) { b.gnutls() })},
		{"sick/staple-problem-another", label("nginx staples a response about another certificate of the same authority; curl --cert-status; TLS 1.2", "find staple-problem conn c1"), serve(false, v12, another, asks)},
		{"sick/staple-problem-revoked", label("nginx staples a response that says revoked; curl --cert-status; TLS 1.3", "find staple-problem conn c1"), serve(false, "", revoked, asks)},
		{"healthy/staple-good-nginx", "", serve(true, v12, good, func(b *bench) { asks(b); b.gnutls() })},
		{"healthy/staple-good-haproxy", "", func(b *bench) {
			issuer, site := b.stapled(true)
			b.write("full.both", append(pemOf(site, issuer), keyPEM(b, site)...))
			b.write("full.both.ocsp", good(b, issuer, site))
			b.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/full.both\n http-request return status 200\n")
			b.captureFor(func() { asks(b) })
		}},
		{"healthy/staple-not-asked-for", "", serve(true, "", nil, func(b *bench) { b.strictly("root.pem", b.url("/page.txt")) })},
		{"healthy/staple-asked-for-and-not-needed", "", serve(false, "", nil, func(b *bench) {
			b.openssl([]string{"GET /page.txt HTTP/1.0\n\n"}, "-status", "-crlf", "-quiet")
		})},
	}
}

// stapled makes root.pem, and full.pem of a certificate that may demand a staple
// and its issuer, without which curl cannot look at one.
func (b *bench) stapled(must bool) (issuer, site *paper) {
	b.t.Helper()
	issuer = b.paper("intermediate", b.paper("root", nil, isCA("Lab Root")), isCA("Lab Intermediate"))
	site = b.paper("site", issuer, func(c *x509.Certificate) {
		c.OCSPServer = []string{"http://pki.test/"}
		if must { // RFC 7633
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 0x03, 0x02, 0x01, 0x05}}}
		}
	})
	b.write("full.pem", pemOf(site, issuer))
	return issuer, site
}

// word is what an authority says about a certificate.
func (b *bench) word(ca, about *paper, status int, from, until time.Duration) []byte {
	b.t.Helper()
	now := time.Now()
	der, err := ocsp.CreateResponse(ca.Certificate, ca.Certificate, ocsp.Response{Status: status, SerialNumber: about.SerialNumber, Certificate: ca.Certificate,
		ThisUpdate: now.Add(from), NextUpdate: now.Add(until), RevokedAt: now.Add(from)}, ca.key)
	must(b.t, err)
	return der
}

// responder answers on port 80 of the case's address what an authority says.
func (b *bench) responder(word func() []byte) {
	b.t.Helper()
	addr := netip.AddrPortFrom(b.addr.Addr(), 80)
	b.also = append(b.also, addr)
	l, err := net.Listen("tcp", addr.String())
	must(b.t, err)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/ocsp-response")
		_, _ = w.Write(word())
	})}
	b.t.Cleanup(func() { s.Close() })
	go func() { _ = s.Serve(l) }()
}
