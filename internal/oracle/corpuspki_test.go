package oracle

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"time"
)

// paper is a certificate of a case's own making, with its key.
type paper struct {
	*x509.Certificate
	key    crypto.Signer
	issuer *paper // nil: signed by itself
}

// paper makes the certificate NAME.pem with the key NAME.key, and both in NAME.both, signed by issuer,
// or by itself if that is nil. It is an RSA certificate for the server of the
// case that is valid today; change makes it another one.
func (b *bench) paper(name string, issuer *paper, change ...func(*x509.Certificate)) *paper {
	b.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(b.t, err)
	return b.paperWith(key, name, issuer, change...)
}

// paperWith is paper with a key of another kind or length.
func (b *bench) paperWith(key crypto.Signer, name string, issuer *paper, change ...func(*x509.Certificate)) *paper {
	b.t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	must(b.t, err)
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, f := range change {
		f(c)
	}
	signer, above := key, c
	if issuer != nil {
		signer, above = issuer.key, issuer.Certificate
	}
	der, err := x509.CreateCertificate(rand.Reader, c, above, key.Public(), signer)
	must(b.t, err)
	p := &paper{key: key, issuer: issuer}
	p.Certificate, err = x509.ParseCertificate(der)
	must(b.t, err)
	b.write(name+".pem", pemOf(p))
	b.write(name+".key", keyPEM(b, p))
	b.write(name+".both", append(pemOf(p), keyPEM(b, p)...))
	return p
}

func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func keyPEM(b *bench, p *paper) []byte {
	b.t.Helper()
	secret, err := x509.MarshalPKCS8PrivateKey(p.key)
	must(b.t, err)
	return pemBlock("PRIVATE KEY", secret)
}

// pemOf is a chain as servers want it.
func pemOf(chain ...*paper) (out []byte) {
	for _, p := range chain {
		out = append(out, pemBlock("CERTIFICATE", p.Raw)...)
	}
	return out
}

// tls is the certificate with those behind it, as crypto/tls wants it.
func (p *paper) tls(behind ...*paper) tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{p.Raw}, PrivateKey: p.key, Leaf: p.Certificate}
	for _, b := range behind {
		c.Certificate = append(c.Certificate, b.Raw)
	}
	return c
}

func (p *paper) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.Certificate)
	return pool
}

// isCA makes a certificate one that signs others.
func isCA(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject.CommonName, c.DNSNames, c.ExtKeyUsage = name, nil, nil
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign|x509.KeyUsageDigitalSignature
	}
}

// forNames makes it one for other names.
func forNames(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames = names[0], slices.Clone(names) }
}

// ofVisitor makes it one of a client.
func ofVisitor(c *x509.Certificate) {
	c.Subject.CommonName, c.DNSNames, c.ExtKeyUsage = "visitor", nil, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
}

// fetchable says where the issuer's certificate can be had.
func fetchable(c *x509.Certificate) {
	c.IssuingCertificateURL = []string{"http://pki.test/intermediate.cer"}
}

// chain makes root.pem, intermediate.pem and site.pem, which says where its
// issuer can be had, and full.pem, the last two.
func (b *bench) chain() (root, intermediate, site *paper) {
	b.t.Helper()
	root = b.paper("root", nil, isCA("Lab Root"))
	intermediate = b.paper("intermediate", root, isCA("Lab Intermediate"))
	site = b.paper("site", intermediate, fetchable)
	b.write("full.pem", pemOf(site, intermediate))
	return root, intermediate, site
}

// servedBy starts nginx with a certificate of the case's own.
func (b *bench) servedBy(cert, directives string) {
	b.t.Helper()
	b.nginxHTTP(`server { listen ADDR ssl; ssl_certificate DIR/` + cert + `.pem; ssl_certificate_key DIR/` + keyOf(cert) + `.key; root DIR/www; ` + directives + ` }`)
}

func keyOf(cert string) string {
	if cert == "full" {
		return "site"
	}
	return cert
}

// strictly is curl that verifies by the authority in a file.
func (b *bench) strictly(ca string, args ...string) {
	b.t.Helper()
	b.client(program(b.t, "curl"), nil, append([]string{"-q", "-sS", "--noproxy", "*", "--max-time", "20", "--http1.1", "--cacert", ca,
		"--resolve", host + ":" + b.port() + ":" + b.addr.Addr().String()}, args...)...)
}
