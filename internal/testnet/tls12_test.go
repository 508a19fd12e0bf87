package testnet

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func clientConfig(ca *CA, certs ...tls.Certificate) *tls.Config {
	return &tls.Config{
		RootCAs: ca.Pool(), ServerName: "localhost", Certificates: certs,
		Renegotiation: tls.RenegotiateFreelyAsClient,
	}
}

// session connects a crypto/tls client, which sends "ping" and then copies what
// it reads to got, with a TLS12Server that has done its first handshake.
func session(t *testing.T, server *TLS12Server, config *tls.Config) (c *TLS12Conn, client *tls.Conn, got <-chan result) {
	t.Helper()
	near, far := Pipe()
	client = tls.Client(near, config)
	results := make(chan result, 1)
	go func() {
		_, err := io.WriteString(client, "ping")
		var b []byte
		if err == nil {
			b, err = io.ReadAll(client)
		}
		near.Close()
		results <- result{string(b), err}
	}()
	c = server.Conn(far)
	if _, err := c.Handshake(HandshakeOptions{}); err != nil {
		t.Fatal(err)
	}
	return c, client, results
}

type result struct {
	text string
	err  error
}

func readText(t *testing.T, r io.Reader, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(r, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b, err, want)
	}
}

func TestRenegotiationWithGo(t *testing.T) {
	ca := NewCA(t, "server CA")
	alice := ca.Issue(t, Leaf{Subject: "alice", Client: true})
	bob := ca.Issue(t, Leaf{Subject: "bob", Client: true, RSA: true})
	strange := NewCA(t, "another CA").Issue(t, Leaf{Subject: "mallory", Client: true})
	rsaLeaf, ecLeaf := ca.Issue(t, Leaf{RSA: true}).TLS(), ca.Issue(t, Leaf{}).TLS()
	// A client that offers its certificate to whoever asks.
	insist := func(cert *Cert) func(*tls.Config) {
		return func(c *tls.Config) {
			leaf := cert.TLS()
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &leaf, nil }
		}
	}
	for _, test := range []struct {
		name      string
		cert      tls.Certificate
		tune      func(*tls.Config)
		noRequest bool
		want      string
		untrusted bool
	}{
		{name: "ecdsa certificate", cert: ecLeaf, tune: func(c *tls.Config) { c.Certificates = []tls.Certificate{alice.TLS()} }, want: "CN=alice"},
		{name: "rsa certificate", cert: rsaLeaf, tune: func(c *tls.Config) { c.Certificates = []tls.Certificate{bob.TLS()} }, want: "CN=bob"},
		{name: "no certificate", cert: ecLeaf, want: "none"},
		{name: "certificate not asked for", cert: ecLeaf, tune: insist(alice), noRequest: true, want: "none"},
		{name: "foreign issuer", cert: ecLeaf, tune: insist(strange), want: "CN=mallory", untrusted: true},
		{name: "p256", cert: rsaLeaf, tune: func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP256} }, want: "none"},
		{name: "aes256", cert: rsaLeaf, tune: func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
		}, want: "none"},
		{name: "aes256 ecdsa", cert: ecLeaf, tune: func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
		}, want: "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := clientConfig(ca)
			if test.tune != nil {
				test.tune(config)
			}
			c, _, got := session(t, &TLS12Server{Certificate: test.cert}, config)
			readText(t, c, "ping")
			for range 3 {
				h, err := c.Renegotiate(HandshakeOptions{RequestClientCert: !test.noRequest, CAs: []*x509.Certificate{ca.Leaf}})
				if err != nil {
					t.Fatal(err)
				}
				if h.Subject() != test.want || (h.VerifyError != nil) != test.untrusted || h.ServerName != "localhost" {
					t.Fatalf("got %+v (%s); want %s", h, h.Subject(), test.want)
				}
			}
			big := strings.Repeat("pong", 10_000) // more than one record
			if _, err := io.WriteString(c, big); err != nil {
				t.Fatal(err)
			}
			c.Close()
			if r := <-got; r.text != big || r.err != nil {
				t.Fatalf("client read %d bytes, %v", len(r.text), r.err)
			}
		})
	}
}

func TestRenegotiationNever(t *testing.T) {
	ca := NewCA(t, "CA")
	config := clientConfig(ca)
	config.Renegotiation = tls.RenegotiateNever
	c, _, got := session(t, &TLS12Server{Certificate: ca.Issue(t, Leaf{}).TLS()}, config)
	h, err := c.Renegotiate(HandshakeOptions{RequestClientCert: true})
	if err != nil || !h.Refused {
		t.Fatalf("got %+v, %v; want a refusal", h, err)
	}
	readText(t, c, "ping") // not lost
	if r := <-got; r.err == nil {
		t.Fatal("the client did not mind the HelloRequest")
	}
}

func TestRequiredCertificate(t *testing.T) {
	ca := NewCA(t, "CA")
	c, _, got := session(t, &TLS12Server{Certificate: ca.Issue(t, Leaf{}).TLS()}, clientConfig(ca))
	if _, err := c.Renegotiate(HandshakeOptions{RequestClientCert: true, Require: true}); err == nil {
		t.Fatal("renegotiated without the required certificate")
	}
	if r := <-got; r.err == nil || !strings.Contains(r.err.Error(), "handshake failure") {
		t.Fatalf("the client got %v, not the alert", r.err)
	}
}

// Data the client had sent when it met the HelloRequest is read after the
// renegotiation, whole and in order.
func TestDataBeforeClientHelloIsKept(t *testing.T) {
	ca := NewCA(t, "CA")
	near, far := Pipe()
	client := tls.Client(near, clientConfig(ca))
	body := bytes.Repeat([]byte("0123456789"), 5000)
	sent := make(chan error, 1)
	asked := make(chan struct{})
	go func() {
		err := client.Handshake()
		if err == nil {
			_, err = client.Write(body[:40000])
		}
		<-asked // the HelloRequest waits while the client still writes
		if err == nil {
			_, err = client.Write(body[40000:])
		}
		if err == nil {
			_, err = io.ReadAll(client)
		}
		sent <- err
	}()
	c := (&TLS12Server{Certificate: ca.Issue(t, Leaf{}).TLS()}).Conn(far)
	if _, err := c.Handshake(HandshakeOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.SendHelloRequest(); err != nil {
		t.Fatal(err)
	}
	close(asked)
	if h, err := c.AwaitRenegotiation(HandshakeOptions{RequestClientCert: true}); err != nil || h.Refused {
		t.Fatalf("got %+v, %v", h, err)
	}
	readText(t, c, string(body))
	c.Close()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// A Read that meets the ClientHello leaves it for AwaitRenegotiation.
func TestClientHelloMetByRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := NewCA(t, "CA")
		c, _, got := session(t, &TLS12Server{Certificate: ca.Issue(t, Leaf{}).TLS()}, clientConfig(ca))
		readText(t, c, "ping")
		if err := c.SendHelloRequest(); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read what nobody sent: %v", err)
		}
		if h, err := c.AwaitRenegotiation(HandshakeOptions{}); err != nil || h.Refused {
			t.Fatalf("got %+v, %v", h, err)
		}
		c.Close()
		<-got
	})
}

// A deadline in the middle of a record loses nothing.
func TestDeadlineWithinRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := Pipe()
		defer near.Close()
		layer := newRecordLayer(far)
		go func() {
			for _, b := range []byte{recordAlert, 3, 3, 0, 2, alertWarning, alertNoRenegotiation} {
				time.Sleep(2 * time.Second)
				near.Write([]byte{b})
			}
		}()
		timeouts := 0
		for {
			_ = far.SetReadDeadline(time.Now().Add(time.Second))
			kind, payload, err := layer.read()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				timeouts++
				continue
			}
			if kind != recordAlert || !bytes.Equal(payload, []byte{alertWarning, alertNoRenegotiation}) || timeouts < 5 {
				t.Errorf("got %d % x, %v after %d timeouts", kind, payload, err, timeouts)
			}
			break
		}
	})
}

func TestNobodyAnswersHelloRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := NewCA(t, "CA")
		near, far := Pipe()
		client := tls.Client(near, clientConfig(ca))
		go client.Handshake() // and never reads again
		c := (&TLS12Server{Certificate: ca.Issue(t, Leaf{}).TLS(), Timeout: 7 * time.Second}).Conn(far)
		if _, err := c.Handshake(HandshakeOptions{}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err := c.Renegotiate(HandshakeOptions{})
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(began) != 7*time.Second {
			t.Fatalf("got %v after %v", err, time.Since(began))
		}
		// The connection survives: the client answers as soon as it reads.
		go client.Read(make([]byte, 1))
		if h, err := c.AwaitRenegotiation(HandshakeOptions{}); err != nil || h.Refused {
			t.Fatalf("got %+v, %v", h, err)
		}
		near.Close()
		far.Close()
	})
}

func TestHandshakeFaults(t *testing.T) {
	ca := NewCA(t, "CA")
	server := &TLS12Server{Certificate: ca.Issue(t, Leaf{}).TLS()}
	for _, test := range []struct {
		name, want string
		client     func(net.Conn)
	}{
		{"not TLS", "not TLS", func(c net.Conn) { io.WriteString(c, "GET / HTTP/1.1\r\n\r\n") }},
		{"oversized record", "too many", func(c net.Conn) { c.Write([]byte{22, 3, 3, 0xff, 0xff}) }},
		{"truncated hello", "truncated", func(c net.Conn) { c.Write([]byte{22, 3, 3, 0, 6, 1, 0, 0, 2, 3, 3}) }},
		{"gone", "EOF", func(c net.Conn) { c.Close() }},
		{"no common suite", "in common", func(c net.Conn) {
			config := clientConfig(ca)
			config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
			tls.Client(c, config).Handshake()
		}},
		{"TLS 1.3 only", "in common", func(c net.Conn) {
			config := clientConfig(ca)
			config.MinVersion = tls.VersionTLS13
			tls.Client(c, config).Handshake()
		}},
		{"client distrusts", "certificate", func(c net.Conn) {
			config := clientConfig(NewCA(t, "another CA"))
			tls.Client(c, config).Handshake()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			near, far := Pipe()
			defer near.Close()
			go test.client(near)
			_, err := server.Conn(far).Handshake(HandshakeOptions{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v; want %q in it", err, test.want)
			}
		})
	}
}

func TestProtocolAndKeyLog(t *testing.T) {
	ca := NewCA(t, "CA")
	var ours, theirs bytes.Buffer
	config := clientConfig(ca)
	config.NextProtos, config.KeyLogWriter = []string{"h2", "http/1.1"}, &theirs
	c, client, got := session(t, &TLS12Server{
		Certificate: ca.Issue(t, Leaf{}).TLS(), Protocols: []string{"http/1.1"}, KeyLog: &ours,
	}, config)
	if _, err := c.Renegotiate(HandshakeOptions{}); err != nil {
		t.Fatal(err)
	}
	c.Close()
	<-got
	if p := client.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
		t.Errorf("negotiated %q", p)
	}
	if ours.String() != theirs.String() || strings.Count(ours.String(), "\n") != 2 {
		t.Errorf("key logs differ:\n%s%s", &ours, &theirs)
	}
}

func FuzzClientHello(f *testing.F) {
	near, far := Pipe()
	go tls.Client(near, &tls.Config{ServerName: "localhost", NextProtos: []string{"h2"}}).Handshake()
	layer := newRecordLayer(far)
	_, record, err := layer.read()
	if err != nil {
		f.Fatal(err)
	}
	near.Close()
	f.Add(record[4:])
	f.Add([]byte{3, 3})
	f.Fuzz(func(t *testing.T, body []byte) {
		if h, err := parseClientHello(body); err == nil && len(h.random) != 32 {
			t.Fatalf("random of %d bytes", len(h.random))
		}
	})
}
