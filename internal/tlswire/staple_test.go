package tlswire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

func TestParseStaple(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mustStaple := pkix.Extension{Id: []int{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 0x03, 0x02, 0x01, 0x05}}
	issue := func(serial int64, extra ...pkix.Extension) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(serial), ExtraExtensions: extra}, &x509.Certificate{}, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one, other := issue(1, mustStaple), issue(2)
	if !MustStaple(one) || MustStaple(other) {
		t.Error("the first certificate alone asks for a staple")
	}
	now := time.Now().UTC().Truncate(time.Second)
	der, err := ocsp.CreateResponse(one, one, ocsp.Response{Status: ocsp.Revoked, SerialNumber: one.SerialNumber, RevokedAt: now, ThisUpdate: now.Add(-time.Hour), NextUpdate: now}, key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseStaple(der)
	if err != nil || s.Status != "revoked" || !s.NextUpdate.Equal(now) || !s.ThisUpdate.Equal(now.Add(-time.Hour)) {
		t.Errorf("got %+v, %v", s, err)
	}
	for c, want := range map[*x509.Certificate]bool{one: true, other: false} {
		if about, known := s.About(c); about != want || !known {
			t.Errorf("about %v: %v, %v", c.SerialNumber, about, known)
		}
	}
	later, err := ParseStaple(ocsp.TryLaterErrorResponse)
	if _, known := later.About(one); err != nil || later.Status != "tryLater" || known {
		t.Errorf("got %+v, %v; known %v", later, err, known)
	}
	for n := range der {
		_, _ = ParseStaple(der[:n]) // must not panic
	}
	n := len(der)
	status := append([]byte{1, byte(n >> 16), byte(n >> 8), byte(n)}, der...)
	if got := certificateStatus(status); string(got) != string(der) {
		t.Errorf("got %d bytes of a CertificateStatus; want %d", len(got), n)
	}
	for n := range len(status) {
		if certificateStatus(status[:n]) != nil {
			t.Errorf("a CertificateStatus cut at %d gave a response", n)
		}
	}
}
