package testnet

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"testing"
)

func TestCerts(t *testing.T) {
	ca := NewCA(t, "CA")
	for _, test := range []struct {
		name, host string
		leaf       Leaf
		reason     x509.InvalidReason // of a CertificateInvalidError
		wrongName  bool
	}{
		{name: "default name", host: "localhost"},
		{name: "default address", host: "::1"},
		{name: "rsa", host: "a.test", leaf: Leaf{Names: []string{"a.test"}, RSA: true}},
		{name: "wrong name", host: "b.test", leaf: Leaf{Names: []string{"a.test"}}, wrongName: true},
		{name: "expired", host: "localhost", leaf: Leaf{}.Expired(), reason: x509.Expired},
		{name: "not yet valid", host: "localhost", leaf: Leaf{}.NotYetValid(), reason: x509.Expired},
		{name: "of a client", leaf: Leaf{Client: true, Subject: "alice"}, reason: x509.IncompatibleUsage},
	} {
		t.Run(test.name, func(t *testing.T) {
			cert := ca.Issue(t, test.leaf)
			_, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: test.host, Roots: ca.Pool()})
			var invalid x509.CertificateInvalidError
			var name x509.HostnameError
			switch {
			case test.wrongName && !errors.As(err, &name):
				t.Errorf("got %v; want a wrong name", err)
			case test.reason != 0 && (!errors.As(err, &invalid) || invalid.Reason != test.reason):
				t.Errorf("got %v; want reason %v", err, test.reason)
			case !test.wrongName && test.reason == 0 && err != nil:
				t.Error(err)
			}
			_, isRSA := cert.Key.(*rsa.PrivateKey)
			_, isECDSA := cert.Key.(*ecdsa.PrivateKey)
			if isRSA != test.leaf.RSA || isECDSA == test.leaf.RSA {
				t.Errorf("key is a %T", cert.Key)
			}
		})
	}
}

func TestCertFiles(t *testing.T) {
	cert, key := NewCA(t, "CA").Issue(t, Leaf{}).Files(t)
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info.Mode(), err)
	}
}
