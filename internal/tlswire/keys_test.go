package tlswire_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"fanlight/internal/tlswire"
)

func TestAddKeyLog(t *testing.T) {
	random, secret := strings.Repeat("ab", 32), strings.Repeat("cd", 48)
	for _, c := range []struct {
		log  string
		want int
	}{
		{"CLIENT_RANDOM " + random + " " + secret + "\n", 1},
		{"CLIENT_RANDOM " + random + " " + secret, 1},
		{"# comment\r\n\r\nCLIENT_RANDOM " + strings.ToUpper(random) + " " + secret + "\r\nSERVER_TRAFFIC_SECRET_0 " + random + " " + secret + "\r\n", 2},
		{"CLIENT_RANDOM " + random + " " + secret + "\nCLIENT_RANDOM " + random + " " + secret + "\n", 1},
		{"RSA 0123456789abcdef " + secret, 1},
		{"RSA 0123456789abcde " + secret, 0},
		{"EXPORTER_SECRET " + random + " " + secret, 0},
		{"CLIENT_RANDOM " + random, 0},
		{"CLIENT_RANDOM " + random + " ", 0},
		{"CLIENT_RANDOM " + random[2:] + " " + secret, 0},
		{"CLIENT_RANDOM " + random + " xx" + secret, 0},
		{"CLIENT_RANDOM " + random + " " + strings.Repeat("00", 65), 0},
		{"\x00\xff junk \n\n \n", 0},
	} {
		k := &tlswire.Keys{}
		if got := k.AddKeyLog([]byte(c.log)); got != c.want || k.Len() != c.want || (k.Version() > 0) != (c.want > 0) {
			t.Errorf("%q: %d lines, %d secrets, version %d; want %d", c.log, got, k.Len(), k.Version(), c.want)
		}
		if k.AddKeyLog([]byte(c.log)) != 0 {
			t.Errorf("%q: new again", c.log)
		}
	}
}

func TestReadRSAKeys(t *testing.T) {
	a, b, ec := serverCertificate(), rsaCertificate(t), selfSigned(t)
	pkcs1 := x509.MarshalPKCS1PrivateKey(a.PrivateKey.(*rsa.PrivateKey))
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	block := func(typ string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}) }
	cert := block("CERTIFICATE", a.Certificate[0])
	for _, c := range []struct {
		name string
		data []byte
		want []*rsa.PrivateKey
		err  string
	}{
		{"pkcs1", append(cert, block("RSA PRIVATE KEY", pkcs1)...), []*rsa.PrivateKey{a.PrivateKey.(*rsa.PrivateKey)}, ""},
		{"pkcs8", block("PRIVATE KEY", pkcs8(b.PrivateKey)), []*rsa.PrivateKey{b.PrivateKey.(*rsa.PrivateKey)}, ""},
		{"several", bytes.Join([][]byte{block("PRIVATE KEY", pkcs8(b.PrivateKey)), block("PRIVATE KEY", pkcs8(ec.PrivateKey)), block("RSA PRIVATE KEY", pkcs1)}, []byte("text\n")),
			[]*rsa.PrivateKey{b.PrivateKey.(*rsa.PrivateKey), a.PrivateKey.(*rsa.PrivateKey)}, ""},
		{"der 1", pkcs1, []*rsa.PrivateKey{a.PrivateKey.(*rsa.PrivateKey)}, ""},
		{"der 8", pkcs8(b.PrivateKey), []*rsa.PrivateKey{b.PrivateKey.(*rsa.PrivateKey)}, ""},
		{"ec", block("PRIVATE KEY", pkcs8(ec.PrivateKey)), nil, "read private key: there is no RSA private key"},
		{"certificate", cert, nil, "read private key: there is no RSA private key"},
		{"encrypted", block("ENCRYPTED PRIVATE KEY", pkcs1), nil, "read private key: it is encrypted"},
		{"junk", []byte("junk"), nil, "read private key: neither PEM nor a private key in DER"},
	} {
		got, err := tlswire.ReadRSAKeys(c.data)
		if fmt.Sprint(err) != c.err && !(err == nil && c.err == "") || len(got) != len(c.want) {
			t.Errorf("%s: %d keys, %v; want %d, %q", c.name, len(got), err, len(c.want), c.err)
			continue
		}
		for i := range got {
			if !got[i].Equal(c.want[i]) {
				t.Errorf("%s: key %d is another", c.name, i)
			}
		}
	}
}

// TestReadPFX reads what openssl writes, with the ciphers of today and of the
// time when most PFX files were made.
func TestReadPFX(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	cert := serverCertificate()
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	in, out := filepath.Join(t.TempDir(), "in.pem"), filepath.Join(t.TempDir(), "out.pfx")
	data := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	if err := os.WriteFile(in, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"modern", "legacy"} {
		args := []string{"pkcs12", "-export", "-in", in, "-out", out, "-passout", "pass:secret"}
		if how == "legacy" {
			args = append(args, "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1")
		}
		if msg, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, msg)
		}
		pfx, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := tlswire.ReadPFX(pfx, "secret")
		if err != nil || len(keys) != 1 || !keys[0].Equal(cert.PrivateKey) {
			t.Errorf("%s: %d keys, %v", how, len(keys), err)
		}
		if _, err := tlswire.ReadPFX(pfx, "guess"); err == nil || strings.Contains(err.Error(), "guess") {
			t.Errorf("%s: a wrong password gives %v", how, err)
		}
	}
}

// TestSessionForeignCapture opens a connection that others recorded, with the
// key log that came with it.
func TestSessionForeignCapture(t *testing.T) {
	log, err := os.ReadFile("../../testdata/captures/zeek-tls12-decryption.keys")
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	capture := readCapture(t, "zeek-tls12-decryption.pcap")
	for key := range capture {
		if key[1] != 443 {
			continue
		}
		s := tlswire.NewSession(keyLog(log))
		var h heard
		for dir := range 2 {
			if err := s.Write(dir, capture.sent(key[0], dir == 0), h.take); err != nil {
				t.Fatal(err)
			}
		}
		if strings.HasPrefix(h.plain[0].String(), "GET ") && strings.HasPrefix(h.plain[1].String(), "HTTP/1.1 ") || strings.HasPrefix(h.plain[0].String(), "PRI * HTTP/2.0") {
			opened++
		} else {
			state, why := s.Decrypted()
			t.Errorf("port %d: %v %q, %v", key[0], state, why, h.words)
		}
	}
	if opened == 0 {
		t.Error("nothing was opened")
	}
}

// TestSessionForeignHTTP2 opens a capture that carries its secrets; tshark
// counts the same application records.
func TestSessionForeignHTTP2(t *testing.T) {
	const name = "ja4-http2-with-cookies.pcapng"
	raw, err := os.ReadFile("../../testdata/captures/" + name)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	keys := &tlswire.Keys{}
	for b := raw; len(b) >= 12; b = b[le.Uint32(b[4:]):] {
		if le.Uint32(b) == 10 { // a block of decryption secrets
			keys.AddKeyLog(b[16 : 16+le.Uint32(b[12:])])
		}
	}
	capture, records := readCapture(t, name), 0
	s := tlswire.NewSession(keys)
	for dir := range 2 {
		if err := s.Write(dir, capture.sent(58847, dir == 0), func(m *tlswire.Message) {
			if m.Kind == tlswire.DataMsg {
				records++
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if state, why := s.Decrypted(); state != tlswire.Yes || records != 938 {
		t.Errorf("got %v %q, %d records", state, why, records)
	}
}

func TestSessionNotTLS(t *testing.T) {
	s := tlswire.NewSession(nil)
	emit := func(m *tlswire.Message) { t.Errorf("got %+v", m) }
	for _, piece := range []string{"GE", "T / HTTP/1.1\r\n", "more"} {
		err := s.Write(0, []byte(piece), emit)
		if want := "read TLS record 1: not TLS, looks like plain HTTP"; (err == nil) != (piece == "GE") || err != nil && err.Error() != want {
			t.Errorf("%q: got %v", piece, err)
		}
	}
	if err := s.Write(1, record(21, 2, 40), func(m *tlswire.Message) {
		if m.Kind != tlswire.AlertMsg || m.Level != 2 || m.Code != 40 || m.Dir != 1 {
			t.Errorf("got %+v", m)
		}
	}); err != nil {
		t.Errorf("the other direction: %v", err)
	}
}

// TestKeysConcurrently adds keys while sessions use them; the race detector
// judges.
func TestKeysConcurrently(t *testing.T) {
	rec, log := bulk(t, tls.VersionTLS13, 0, 100_000)
	keys := &tlswire.Keys{}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			s := tlswire.NewSession(keys)
			s.Hold = 1 << 20
			var h heard
			for _, p := range rec.pieces {
				s.Write(p.dir, p.data, h.take)
			}
			for s.Waiting() {
				s.Retry(h.take)
				runtime.Gosched()
			}
			if n := h.plain[1].Len(); n != 100_000 {
				t.Errorf("opened %d bytes", n)
			}
		})
	}
	for line := range bytes.Lines(log) {
		keys.AddKeyLog(line)
	}
	all.Wait()
}
