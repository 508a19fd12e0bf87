package cert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"fanlight/internal/flow"
)

func value(attrs []flow.Attr, key string) string {
	e := flow.Event{Attrs: attrs}
	return e.Attr(key)
}

// handshake lets a client and a server meet and gives both their errors.
func handshake(t *testing.T, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	result := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			s := tls.Server(conn, server)
			if err = s.Handshake(); err == nil {
				_, err = s.Read(make([]byte, 1)) // a TLS 1.3 client may refuse only now
			}
			io.Copy(io.Discard, conn)
		}
		result <- err
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	c := tls.Client(conn, client)
	if clientErr = c.Handshake(); clientErr == nil {
		conn.(*net.TCPConn).CloseWrite()
		_, clientErr = c.Read(make([]byte, 1))
	}
	conn.Close()
	return clientErr, <-result
}

func (p *pair) config(chain ...*pair) *tls.Config {
	c := tls.Certificate{Certificate: [][]byte{p.cert.Raw}, PrivateKey: p.key}
	for _, next := range chain {
		c.Certificate = append(c.Certificate, next.cert.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}}
}

func TestClassifyHandshakes(t *testing.T) {
	root := newPair(t, nil, "Our Root", isCA)
	middle := newPair(t, root, "Our Middle", isCA)
	tight := newPair(t, root, "Tight", isCA, func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"inside.test"}
	})
	late := newPair(t, root, "Late Middle", isCA, expired)
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	trusting := func(change ...func(*tls.Config)) *tls.Config {
		c := &tls.Config{RootCAs: pool, ServerName: "shop.test"}
		for _, f := range change {
			f(c)
		}
		return c
	}
	good := newPair(t, root, "shop.test").config()
	with := func(c *tls.Config, change func(*tls.Config)) *tls.Config {
		c = c.Clone()
		change(c)
		return c
	}
	clientOnly := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

	tests := []struct {
		name           string
		client, server *tls.Config
		fault, reason  string // as the client knows it
		peer           string // fault as the server knows it
	}{
		{"self-signed", trusting(), newPair(t, nil, "shop.test").config(), flow.FaultUnknownIssuer, "certificate shop.test is self-signed and not trusted", flow.FaultAlert},
		{"no intermediate", trusting(), newPair(t, middle, "shop.test").config(), flow.FaultUnknownIssuer,
			"certificate shop.test was issued by CN=Our Middle, which is not trusted; no intermediate certificate was sent with it", flow.FaultAlert},
		{"foreign chain", &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "shop.test"}, newPair(t, middle, "shop.test").config(middle), flow.FaultUnknownIssuer,
			"certificate shop.test was issued by CN=Our Middle, which is not trusted", flow.FaultAlert},
		{"wrong name", trusting(), newPair(t, root, "other.test").config(), flow.FaultWrongName, "the certificate is for other.test, not for shop.test", flow.FaultAlert},
		{"expired", trusting(), newPair(t, root, "shop.test", expired).config(), flow.FaultExpired, "certificate shop.test expired on ", flow.FaultAlert},
		{"not yet valid", trusting(), newPair(t, root, "shop.test", notYetValid).config(), flow.FaultNotYetValid, "certificate shop.test is not valid before ", flow.FaultAlert},
		{"expired intermediate", trusting(), newPair(t, late, "shop.test").config(late), flow.FaultExpired, "certificate Late Middle expired on ", flow.FaultAlert},
		{"outside constraints", trusting(), newPair(t, tight, "shop.test").config(tight), flow.FaultWrongName, "a CA above it may not sign its names", flow.FaultAlert},
		{"client's certificate", trusting(), newPair(t, root, "shop.test", clientOnly).config(), flow.FaultKeyUsage, "is not made for this use", flow.FaultAlert},
		{"versions", trusting(func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }), with(good, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }),
			flow.FaultVersion, "the peer refused with the alert protocol_version (70)", flow.FaultVersion},
		{"ciphers", trusting(func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
		}),
			with(good, func(c *tls.Config) {
				c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
			}), flow.FaultAlert, "handshake_failure (40)", flow.FaultCipher},
		{"refused", trusting(), RefusalConfig(), flow.FaultAlert, "the peer refused with the alert unrecognized_name (112)", flow.FaultRefused},
		{"client certificate wanted", trusting(), with(good, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }),
			flow.FaultAlert, "certificate_required (116)", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clientErr, serverErr := handshake(t, test.client, test.server)
			fault, attrs := Classify(clientErr, nil)
			if fault != test.fault || value(attrs, flow.KeyFault) != fault || !strings.Contains(value(attrs, flow.KeyReason), test.reason) {
				t.Errorf("client: %v\nis %q %q", clientErr, fault, attrs)
			}
			if peer, attrs := Classify(serverErr, nil); peer != test.peer {
				t.Errorf("server: %v\nis %q %q", serverErr, peer, attrs)
			}
		})
	}
}

func TestClassifyNamesCertificate(t *testing.T) {
	p := newPair(t, nil, "shop.test")
	clientErr, _ := handshake(t, &tls.Config{ServerName: "shop.test"}, p.config())
	_, attrs := Classify(clientErr, nil)
	for key, want := range map[string]string{
		flow.KeyIssuer: "CN=shop.test", flow.KeyNames: "shop.test", flow.KeyNotAfter: p.cert.NotAfter.UTC().Format(time.RFC3339),
	} {
		if got := value(attrs, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if sum := value(attrs, flow.KeySHA256); len(sum) != 64 {
		t.Errorf("sha256 is %q", sum)
	}
}

func TestClassifyErrors(t *testing.T) {
	weak := newPair(t, nil, "old.test").cert
	for _, test := range []struct {
		err           error
		fault, reason string
	}{
		{nil, "", ""},
		{io.EOF, flow.FaultReset, "closed the connection"},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), flow.FaultReset, "closed the connection"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, flow.FaultReset, "reset the connection"},
		{context.DeadlineExceeded, flow.FaultTimeout, "not finished in time"},
		{tls.RecordHeaderError{RecordHeader: [5]byte([]byte("HTTP/"))}, flow.FaultNotTLS, "an HTTP response in clear"},
		{tls.RecordHeaderError{RecordHeader: [5]byte([]byte("GET /"))}, flow.FaultNotTLS, "an HTTP request in clear"},
		{tls.RecordHeaderError{RecordHeader: [5]byte([]byte("PROXY"))}, flow.FaultNotTLS, "a PROXY protocol header"},
		{tls.RecordHeaderError{RecordHeader: [5]byte([]byte("\r\n\r\n\x00"))}, flow.FaultNotTLS, "a PROXY protocol header"},
		{tls.RecordHeaderError{RecordHeader: [5]byte{0, 1, 2, 3, 4}}, flow.FaultNotTLS, `it sent "\x00\x01\x02\x03\x04"`},
		{&net.OpError{Op: "local error", Err: tls.AlertError(100)}, flow.FaultNoRenegotiation, "no_renegotiation (100)"},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(71)}, flow.FaultCipher, "insufficient_security (71)"},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(200)}, flow.FaultAlert, "alert 200 (200)"},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "", "connection refused"},
		{x509.InsecureAlgorithmError(x509.SHA1WithRSA), flow.FaultKeyUsage, "signed with SHA1-RSA"},
		{x509.SystemRootsError{}, flow.FaultUnknownIssuer, "trusted roots"},
		{x509.CertificateInvalidError{Cert: weak, Reason: x509.TooManyIntermediates}, flow.FaultUnknownIssuer, "certificate old.test"},
		{fmt.Errorf("something else"), "", "something else"},
	} {
		fault, attrs := Classify(test.err, nil)
		if fault != test.fault || !strings.Contains(value(attrs, flow.KeyReason), test.reason) {
			t.Errorf("%v is %q %q, want %q %q", test.err, fault, attrs, test.fault, test.reason)
		}
	}
}

// TestClassifySilentAndPlainPeers meets peers that do not finish a handshake.
func TestClassifySilentAndPlainPeers(t *testing.T) {
	for want, peer := range map[string]func(net.Conn){
		flow.FaultNotTLS:  func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		flow.FaultReset:   func(c net.Conn) { c.Close() },
		flow.FaultTimeout: func(net.Conn) {},
	} {
		ours, theirs := net.Pipe()
		go func() {
			theirs.Read(make([]byte, 4096))
			peer(theirs)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if want != flow.FaultTimeout {
			ctx = t.Context()
		}
		err := tls.Client(ours, &tls.Config{ServerName: "a.test"}).HandshakeContext(ctx)
		cancel()
		if fault, attrs := Classify(err, nil); fault != want {
			t.Errorf("%v is %q, want %q", err, attrs, want)
		}
		ours.Close()
		theirs.Close()
	}
}

func TestDescribeBoundsNames(t *testing.T) {
	names := make([]string, 200)
	for i := range names {
		names[i] = fmt.Sprintf("h%d.test", i)
	}
	got := value(Describe(&x509.Certificate{DNSNames: names}), flow.KeyNames)
	if !strings.HasSuffix(got, "h49.test,(150 more)") {
		t.Errorf("names are %q", got)
	}
}
