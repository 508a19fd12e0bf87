package tlswire_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/tlswire"
)

// rsaCertificate makes a certificate for a new key of 2048 bits, which takes
// its time.
func rsaCertificate(t testing.TB) tls.Certificate {
	t.Helper()
	cert, err := newRSACertificate()
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// serverCertificate is one for all tests that need no particular one.
var serverCertificate = sync.OnceValue(func() tls.Certificate {
	cert, err := newRSACertificate()
	if err != nil {
		panic(err)
	}
	return cert
})

func newRSACertificate() (tls.Certificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "RSA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"app.example"}}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

const question = "GET /a HTTP/1.1\r\nHost: app.example\r\n\r\n"

func answer() string { return strings.Repeat("0123456789abcdef", 5000) }

// talk lets crypto/tls ask and answer over a relay.
func talk(t *testing.T, client, server *tls.Config) (*tape, tls.ConnectionState) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, len(question))
		if _, err := io.ReadFull(c, b); err == nil {
			io.WriteString(c, answer())
		}
	}()
	addr, rec, done := relay(t, l.Addr().String())
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	raw.SetDeadline(time.Now().Add(20 * time.Second))
	c := tls.Client(raw, client)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, question)
	if b, err := io.ReadAll(c); err != nil || string(b) != answer() {
		t.Fatalf("read %d bytes, %v", len(b), err)
	}
	shut(c)
	<-done
	return rec, c.ConnectionState()
}

// TestSessionSuites opens what crypto/tls sends under each version and suite it
// has.
func TestSessionSuites(t *testing.T) {
	ec, rsaCert := selfSigned(t), serverCertificate()
	root, err := x509.ParseCertificate(ec.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		for _, version := range suite.SupportedVersions {
			t.Run(tlswire.VersionName(version)+" "+suite.Name, func(t *testing.T) {
				var log bytes.Buffer
				client := &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, CipherSuites: []uint16{suite.ID},
					KeyLogWriter: &log, NextProtos: []string{"http/1.1"}, Certificates: []tls.Certificate{ec}}
				server := &tls.Config{MinVersion: version, MaxVersion: version, CipherSuites: []uint16{suite.ID},
					Certificates: []tls.Certificate{ec, rsaCert}, NextProtos: []string{"http/1.1"},
					ClientAuth: tls.RequestClientCert, ClientCAs: pool}
				rec, state := talk(t, client, server)
				h := opened(t, rec, func() *tlswire.Keys { return keyLog(log.Bytes()) }, question, answer())
				checkDone(t, h, state, 0)
				if len(h.certificates[0]) != 1 || !bytes.Equal(h.certificates[0][0], ec.Certificate[0]) || len(h.certificates[1]) != 1 {
					t.Errorf("got %d and %d certificates", len(h.certificates[0]), len(h.certificates[1]))
				}
				if h.request == nil || len(h.request.Authorities) != 1 || h.request.Authorities[0] != "CN=Test,C=XX" {
					t.Errorf("got the request %+v", h.request)
				}
				if !h.has(0, "alert") || !h.has(1, "alert") || !h.has(0, "finished") {
					t.Errorf("got %v", h.words)
				}
				if strings.HasPrefix(suite.Name, "TLS_RSA_") {
					private := func() *tlswire.Keys {
						k := &tlswire.Keys{}
						k.AddRSA(rsaCert.PrivateKey.(*rsa.PrivateKey))
						return k
					}
					opened(t, rec, private, question, answer())
					for _, line := range premasterLines(t, rec, rsaCert) {
						opened(t, rec, func() *tlswire.Keys { return keyLog([]byte(line)) }, question, answer())
					}
				}
			})
		}
	}
}

// premasterLines are what a key log has of an RSA key exchange.
func premasterLines(t *testing.T, rec *tape, cert tls.Certificate) (lines []string) {
	t.Helper()
	var random [32]byte
	s := tlswire.NewSession(nil)
	s.Write(0, rec.sent(0), func(m *tlswire.Message) {
		switch {
		case m.Kind == tlswire.ClientHelloMsg:
			random = m.ClientHello.Random
		case m.HandshakeType == tlswire.TypeClientKeyExchange:
			//lint:ignore SA1019 it is what the test is about
			premaster, err := rsa.DecryptPKCS1v15(nil, cert.PrivateKey.(*rsa.PrivateKey), m.Data[2:])
			if err != nil {
				t.Fatal(err)
			}
			lines = []string{fmt.Sprintf("RSA %x %x", m.Data[2:10], premaster), fmt.Sprintf("PMS_CLIENT_RANDOM %x %x", random, premaster)}
		}
	})
	if lines == nil {
		t.Fatal("no key exchange")
	}
	return lines
}

func checkDone(t *testing.T, h *heard, state tls.ConnectionState, resumed int8) {
	t.Helper()
	if len(h.dones) != 1 {
		t.Fatalf("the handshake ended %d times: %v", len(h.dones), h.words)
	}
	if d := h.dones[0]; d.Version != state.Version || d.Cipher != state.CipherSuite || d.ALPN != state.NegotiatedProtocol || d.Resumed != resumed || d.Renegotiation {
		t.Errorf("got %+v; crypto/tls says %04x %04x %q", d, state.Version, state.CipherSuite, state.NegotiatedProtocol)
	}
}

func TestSessionResumption(t *testing.T) {
	cert := serverCertificate()
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tlswire.VersionName(version), func(t *testing.T) {
			var log bytes.Buffer
			client := &tls.Config{InsecureSkipVerify: true, ServerName: "app.example", MinVersion: version, MaxVersion: version, KeyLogWriter: &log,
				ClientSessionCache: tls.NewLRUClientSessionCache(1)}
			server := &tls.Config{MinVersion: version, Certificates: []tls.Certificate{cert}}
			if version < tls.VersionTLS13 {
				client.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
				server.CipherSuites = client.CipherSuites
			}
			shared := &tlswire.Keys{}
			shared.AddRSA(cert.PrivateKey.(*rsa.PrivateKey))
			logged := &tlswire.Keys{} // crypto/tls logs nothing where a client of TLS 1.2 resumes
			for _, want := range []int8{0, 1} {
				rec, state := talk(t, client, server)
				logged.AddKeyLog(log.Bytes())
				h := opened(t, rec, func() *tlswire.Keys { return logged }, question, answer())
				checkDone(t, h, state, want)
				if version < tls.VersionTLS13 {
					opened(t, rec, func() *tlswire.Keys { return shared }, question, answer())
				}
			}
		})
	}
}

func TestSessionHelloRetryRequest(t *testing.T) {
	var log bytes.Buffer
	rec, state := talk(t, &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP384}, KeyLogWriter: &log},
		&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, CurvePreferences: []tls.CurveID{tls.CurveP384}})
	h := opened(t, rec, func() *tlswire.Keys { return keyLog(log.Bytes()) }, question, answer())
	checkDone(t, h, state, 0)
	if !h.has(1, "retry") {
		t.Errorf("got %v", h.words)
	}
}

// TestSessionWhyNot keeps a connection closed in each way there is.
func TestSessionWhyNot(t *testing.T) {
	cert, other := serverCertificate(), rsaCertificate(t)
	record := func(version, suite uint16) (*tape, []byte) {
		var log bytes.Buffer
		config := &tls.Config{InsecureSkipVerify: true, KeyLogWriter: &log, MinVersion: version, MaxVersion: version, CipherSuites: []uint16{suite}}
		rec, _ := talk(t, config, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: version, CipherSuites: config.CipherSuites})
		return rec, log.Bytes()
	}
	ecdhe, log12 := record(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
	static, _ := record(tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_GCM_SHA256)
	tls13, log13 := record(tls.VersionTLS13, 0)
	without := func(label string) []byte {
		var out []byte
		for line := range bytes.Lines(log13) {
			if !bytes.HasPrefix(line, []byte(label)) {
				out = append(out, line...)
			}
		}
		return out
	}
	wrong := func(log []byte) []byte {
		out := bytes.TrimSpace(bytes.Clone(log))
		for i := range out {
			if i+1 == len(out) || out[i+1] == '\n' {
				digit := out[i]
				if out[i] = '0'; digit == '0' {
					out[i] = '1'
				}
			}
		}
		return out
	}
	private := func(c tls.Certificate) *tlswire.Keys {
		k := &tlswire.Keys{}
		k.AddRSA(c.PrivateKey.(*rsa.PrivateKey))
		return k
	}
	for _, c := range []struct {
		name  string
		tape  *tape
		keys  *tlswire.Keys
		state tlswire.State
		why   string
	}{
		{"none", ecdhe, nil, tlswire.No, "no keys given"},
		{"none 1.3", tls13, nil, tlswire.No, "no keys given"},
		{"others", ecdhe, keyLog(log13), tlswire.No, "no secret for this client random"},
		{"others 1.3", tls13, keyLog(log12), tlswire.No, "no secret for this client random"},
		{"rsa", ecdhe, private(cert), tlswire.No, "ephemeral key exchange (ECDHE_RSA), so an RSA private key cannot open it"},
		{"rsa 1.3", tls13, private(cert), tlswire.No, "ephemeral key exchange (TLS 1.3), so an RSA private key cannot open it"},
		{"other rsa", static, private(other), tlswire.No, "the RSA key given does not belong to this server's certificate"},
		{"wrong", ecdhe, keyLog(wrong(log12)), tlswire.No, "the secret given does not open it"},
		{"wrong 1.3", tls13, keyLog(wrong(log13)), tlswire.No, "the secret given does not open it"},
		{"part", tls13, keyLog(without("CLIENT_TRAFFIC")), tlswire.Partial, "the key log has no CLIENT_TRAFFIC_SECRET_0 for this client random (only CLIENT_HANDSHAKE_TRAFFIC_SECRET, SERVER_HANDSHAKE_TRAFFIC_SECRET, SERVER_TRAFFIC_SECRET_0)"},
		{"midstream", &tape{pieces: afterHandshake(ecdhe)}, keyLog(log12), tlswire.No, "capture began after the handshake"},
		{"midstream 1.3", &tape{pieces: afterHandshake(tls13)}, keyLog(log13), tlswire.No, "capture began after the handshake"},
	} {
		for _, cut := range []int{0, 100} {
			for _, hold := range []int{0, 1 << 20} {
				s := tlswire.NewSession(c.keys)
				s.Hold = hold
				h := c.tape.play(s, cut)
				if h.err != nil || h.state != c.state || h.why != c.why {
					t.Errorf("%s, cut %d, hold %d: %v, %v %q\n%v\nwant %v %q", c.name, cut, hold, h.err, h.state, h.why, h.words, c.state, c.why)
				}
				if !strings.HasPrefix(c.name, "midstream") && len(h.dones) != 1 {
					t.Errorf("%s: the handshake ended %d times: %v", c.name, len(h.dones), h.words)
				}
			}
		}
	}
}

// afterHandshake leaves out what came before the first application record in
// each direction.
func afterHandshake(r *tape) (out []piece) {
	for dir := range 2 {
		b := r.sent(dir)
		for len(b) > 5 && b[0] != 23 {
			b = b[5+int(b[3])<<8+int(b[4]):]
		}
		out = append(out, piece{dir, b})
	}
	return out
}

// laterOnly gives the key log in the middle of the answer, of which nothing was
// held: the rest is opened.
func laterOnly(t *testing.T, rec *tape, log []byte) {
	t.Helper()
	keys := &tlswire.Keys{}
	s := tlswire.NewSession(keys)
	var h heard
	s.Write(0, rec.sent(0), h.take)
	b := rec.sent(1)
	s.Write(1, b[:len(b)/2], h.take)
	keys.AddKeyLog(log)
	s.Write(1, b[len(b)/2:], h.take)
	if n := h.plain[1].Len(); n < len(answer())/4 || !strings.HasSuffix(answer(), h.plain[1].String()) {
		t.Errorf("opened %d bytes after the keys came", n)
	}
	if state, why := s.Decrypted(); state != tlswire.Partial {
		t.Errorf("got %v %q", state, why)
	}
}

// TestSessionLateKeys gives the key log only after the first flight of data.
func TestSessionLateKeys(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var log bytes.Buffer
		rec, _ := talk(t, &tls.Config{InsecureSkipVerify: true, KeyLogWriter: &log, MaxVersion: version},
			&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}})
		keys := &tlswire.Keys{}
		s := tlswire.NewSession(keys)
		s.Hold = 1 << 20
		var h heard
		for _, p := range rec.pieces {
			s.Write(p.dir, p.data, h.take)
		}
		if !s.Waiting() || h.plain[1].Len() > 0 {
			t.Fatal("nothing waits")
		}
		keys.AddKeyLog(log.Bytes())
		s.Retry(h.take)
		if h.plain[0].String() != question || h.plain[1].String() != answer() || s.Waiting() {
			t.Errorf("TLS %s: got %d and %d bytes", tlswire.VersionName(version), h.plain[0].Len(), h.plain[1].Len())
		}
		laterOnly(t, rec, log.Bytes())
	}
}
