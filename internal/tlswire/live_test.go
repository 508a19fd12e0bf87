package tlswire_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"fanlight/internal/tlswire"
)

// recorder keeps what is written to a connection.
type recorder struct {
	net.Conn
	mu  sync.Mutex
	out bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	r.out.Write(p)
	r.mu.Unlock()
	return r.Conn.Write(p)
}

func (r *recorder) sent() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.out.Bytes())
}

// converse lets two crypto/tls ends shake hands, exchange a line each way and
// close, and gives what each sent.
func converse(t testing.TB, client, server *tls.Config) (fromClient, fromServer []byte, state tls.ConnectionState) {
	t.Helper()
	a, b := connected(t)
	ca, sb := &recorder{Conn: a}, &recorder{Conn: b}
	done := make(chan error, 1)
	go func() {
		s := tls.Server(sb, server)
		defer b.Close()
		if err := s.Handshake(); err != nil {
			done <- err
			return
		}
		line := make([]byte, 5)
		io.ReadFull(s, line)
		s.Write([]byte("world"))
		s.Close()
		done <- nil
	}()
	c := tls.Client(ca, client)
	deadline := time.Now().Add(20 * time.Second)
	a.SetDeadline(deadline)
	b.SetDeadline(deadline)
	if err := c.Handshake(); err == nil {
		c.Write([]byte("hello"))
		io.ReadAll(c)
		c.Close()
	}
	a.Close()
	<-done
	return ca.sent(), sb.sent(), c.ConnectionState()
}

// connected gives both ends of a TCP connection: net.Pipe would block two ends
// that write at once, as they do after a HelloRetryRequest.
func connected(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

func selfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test", Country: []string{"XX"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"app.example"}, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestLiveHandshakes(t *testing.T) {
	cert := selfSigned(t)
	root, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	for version := uint16(tls.VersionTLS10); version <= tls.VersionTLS13; version++ {
		t.Run(tlswire.VersionName(version), func(t *testing.T) {
			fromClient, fromServer, state := converse(t,
				&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version, ServerName: "app.example", RootCAs: pool,
					NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{cert},
					ClientSessionCache: tls.NewLRUClientSessionCache(1)},
				&tls.Config{MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{cert},
					NextProtos: []string{"http/1.1"}, ClientAuth: tls.RequestClientCert, ClientCAs: pool})
			if !state.HandshakeComplete {
				t.Fatal("no handshake")
			}
			client, err := scan(t, fromClient, 3)
			if err != nil {
				t.Fatal(err)
			}
			server, err := scan(t, fromServer, 4096)
			if err != nil {
				t.Fatal(err)
			}
			checkClientHello(t, &client, version)
			checkServer(t, &server, version, state, cert.Certificate[0])
		})
	}
}

func checkClientHello(t *testing.T, s *scanned, version uint16) {
	t.Helper()
	h, err := tlswire.ParseClientHello(s.first(tlswire.TypeClientHello))
	if err != nil {
		t.Fatal(err)
	}
	if h.SNI != "app.example" || h.Versions[0] != version || len(h.KeyShares) > 0 != (version == tls.VersionTLS13) ||
		!h.RenegotiationInfo || !h.SessionTicket.Offered || h.SessionTicket.Length != 0 || h.PSK || h.EarlyData || h.PostHandshakeAuth || h.ECH {
		t.Errorf("got %+v", h)
	}
	equal(t, h.ALPN, []string{"h2", "http/1.1"})
	if h.Length != len(s.first(tlswire.TypeClientHello))+4 {
		t.Errorf("Length is %d", h.Length)
	}
	if version == tls.VersionTLS13 && h.KeyShares[0].Group == uint16(tls.X25519) && h.KeyShares[0].Length != 32 {
		t.Errorf("got key shares %v", h.KeyShares)
	}
}

func checkServer(t *testing.T, s *scanned, version uint16, state tls.ConnectionState, der []byte) {
	t.Helper()
	h, err := tlswire.ParseServerHello(s.first(tlswire.TypeServerHello))
	if err != nil {
		t.Fatal(err)
	}
	if h.Version != state.Version || h.Version != version || h.Cipher != state.CipherSuite || h.HelloRetryRequest {
		t.Errorf("got %+v, want version %04x and cipher %04x", h, state.Version, state.CipherSuite)
	}
	if tlswire.CipherName(h.Cipher) != tls.CipherSuiteName(h.Cipher) {
		t.Errorf("cipher %04x is named %q", h.Cipher, tlswire.CipherName(h.Cipher))
	}
	if version == tls.VersionTLS13 {
		if h.ALPN != "" || h.Group == 0 {
			t.Errorf("got %+v", h)
		}
		equal(t, s.names(), []string{"server_hello"})
		return
	}
	if h.ALPN != "http/1.1" {
		t.Errorf("ALPN is %q", h.ALPN)
	}
	certs, err := tlswire.ParseCertificate12(s.first(tlswire.TypeCertificate))
	if err != nil || len(certs) != 1 || !bytes.Equal(certs[0], der) {
		t.Errorf("got %d certificates, %v", len(certs), err)
	}
	q, err := tlswire.ParseCertificateRequest12(s.first(tlswire.TypeCertificateRequest))
	if err != nil || len(q.SignatureAlgorithms) > 0 != (version == tls.VersionTLS12) {
		t.Fatalf("got %+v, %v", q, err)
	}
	equal(t, q.Authorities, []string{"CN=Test,C=XX"})
	last := s.records[len(s.records)-1]
	if last.Type != tlswire.AlertRecord || !last.Sealed || len(s.alerts) != 0 {
		t.Errorf("the close_notify is encrypted, but the last record is %+v, alerts %v", last, s.alerts)
	}
}

func TestLiveResumption(t *testing.T) {
	cert := selfSigned(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client := &tls.Config{InsecureSkipVerify: true, ServerName: "app.example", MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		server := &tls.Config{Certificates: []tls.Certificate{cert}}
		for _, want := range []bool{false, true} {
			fromClient, fromServer, state := converse(t, client, server)
			c, _ := scan(t, fromClient, 100)
			s, _ := scan(t, fromServer, 100)
			ch, err := tlswire.ParseClientHello(c.first(tlswire.TypeClientHello))
			if err != nil {
				t.Fatal(err)
			}
			sh, err := tlswire.ParseServerHello(s.first(tlswire.TypeServerHello))
			if err != nil {
				t.Fatal(err)
			}
			if got, known := sh.Resumed(ch); got != want || !known || state.DidResume != want {
				t.Errorf("TLS %s: got resumed %v, known %v; crypto/tls says %v, want %v", tlswire.VersionName(version), got, known, state.DidResume, want)
			}
		}
	}
}

func TestLiveHelloRetryRequest(t *testing.T) {
	fromClient, fromServer, _ := converse(t,
		&tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP384}},
		&tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, CurvePreferences: []tls.CurveID{tls.CurveP384}})
	client, err := scan(t, fromClient, 11)
	if err != nil {
		t.Fatal(err)
	}
	server, err := scan(t, fromServer, 11)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, client.names(), []string{"client_hello", "client_hello"})
	equal(t, server.names(), []string{"server_hello", "server_hello"})
	for i, want := range []bool{true, false} {
		sh, err := tlswire.ParseServerHello(server.messages[i].body)
		if err != nil || sh.HelloRetryRequest != want || sh.Group != uint16(tls.CurveP384) || sh.Version != tls.VersionTLS13 {
			t.Errorf("ServerHello %d: %+v, %v", i, sh, err)
		}
	}
}

func TestLiveRefusal(t *testing.T) {
	_, fromServer, _ := converse(t,
		&tls.Config{InsecureSkipVerify: true, ServerName: "stopped.example"},
		&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{}, nil
		}})
	server, err := scan(t, fromServer, 1)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, server.alerts, []string{"fatal unrecognized_name"})
}
