package testnet

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Cert is a certificate with its key, in memory.
type Cert struct {
	Leaf    *x509.Certificate
	Key     crypto.Signer
	CertPEM []byte
	KeyPEM  []byte // PKCS #8
}

// CA is a self-signed authority for tests.
type CA struct{ Cert }

// Leaf says what certificate to issue. The zero value is an ECDSA P-256 server
// certificate for localhost, 127.0.0.1 and ::1, valid from an hour ago for a day.
type Leaf struct {
	Subject             string   // common name; empty: the first of Names
	Names               []string // DNS names and IP addresses
	RSA                 bool     // RSA-2048 instead of ECDSA P-256
	Client              bool     // for client authentication; without Names it has none
	NotBefore, NotAfter time.Time
}

// Expired was valid until an hour ago.
func (l Leaf) Expired() Leaf {
	l.NotBefore, l.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour)
	return l
}

// NotYetValid will be valid in an hour.
func (l Leaf) NotYetValid() Leaf {
	l.NotBefore, l.NotAfter = time.Now().Add(time.Hour), time.Now().Add(48*time.Hour)
	return l
}

// NewCA makes an authority with an ECDSA P-256 key.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return &CA{*issue(t, template, Leaf{}, nil)}
}

// Issue makes a leaf certificate.
func (ca *CA) Issue(t testing.TB, leaf Leaf) *Cert {
	t.Helper()
	names, usage := leaf.Names, x509.ExtKeyUsageServerAuth
	switch {
	case leaf.Client:
		usage = x509.ExtKeyUsageClientAuth
	case len(names) == 0:
		names = []string{"localhost", "127.0.0.1", "::1"}
	}
	template := &x509.Certificate{
		Subject:  pkix.Name{CommonName: leaf.Subject},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
		BasicConstraintsValid: true,
	}
	if leaf.Subject == "" && len(names) > 0 {
		template.Subject.CommonName = names[0]
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return issue(t, template, leaf, &ca.Cert)
}

func issue(t testing.TB, template *x509.Certificate, leaf Leaf, parent *Cert) *Cert {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	must(t, err)
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = leaf.NotBefore, leaf.NotAfter
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = template.NotBefore.Add(25 * time.Hour)
	}
	c := &Cert{Key: newKey(t, leaf.RSA)}
	signer, above := c.Key, template
	if parent != nil {
		signer, above = parent.Key, parent.Leaf
	}
	der, err := x509.CreateCertificate(rand.Reader, template, above, c.Key.Public(), signer)
	must(t, err)
	c.Leaf, err = x509.ParseCertificate(der)
	must(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(c.Key)
	must(t, err)
	c.CertPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	c.KeyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	return c
}

func newKey(t testing.TB, useRSA bool) crypto.Signer {
	t.Helper()
	if useRSA {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		must(t, err)
		return key
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

// TLS is the certificate as crypto/tls wants it.
func (c *Cert) TLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{c.Leaf.Raw}, PrivateKey: c.Key, Leaf: c.Leaf}
}

// Files writes cert.pem and key.pem (mode 0600) to a temporary folder of the test.
func (c *Cert) Files(t testing.TB) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(cert, c.CertPEM, 0o644))
	must(t, os.WriteFile(key, c.KeyPEM, 0o600))
	return cert, key
}

// Pool is a pool with this certificate alone.
func (c *Cert) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.Leaf)
	return pool
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
