package gateway

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/origin"
	"fanlight/internal/testnet"
)

func late(t testing.TB, body string) (answer testnet.LateAnswer) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return answer
}

func TestRenegotiation(t *testing.T) {
	ca := testnet.NewCA(t, "testnet CA")
	alice := ca.Issue(t, testnet.Leaf{Subject: "alice", Client: true}).TLS()
	at := testnet.At{CA: ca}
	for _, test := range []struct {
		name   string
		peer   testnet.LateAsker
		tune   func(*origin.Options)
		body   int
		times  int // exchanges on one client connection
		status int
		want   testnet.LateAnswer
		cause  []string
	}{
		{name: "once, with a certificate", peer: testnet.LateAsker{At: at, RequireCert: true}, times: 1, status: 200,
			tune: func(o *origin.Options) { o.Certificate = &alice }, want: testnet.LateAnswer{Certificate: "CN=alice", Trusted: true, Asked: 1}},
		{name: "once, with none", peer: testnet.LateAsker{At: at}, times: 1, status: 200, want: testnet.LateAnswer{Certificate: "none", Asked: 1}},
		{name: "once in each of two exchanges", peer: testnet.LateAsker{At: at}, times: 2, status: 200, want: testnet.LateAnswer{Certificate: "none", Asked: 1}},
		{name: "twice in one exchange", peer: testnet.LateAsker{At: at, Times: 2}, times: 1, status: 502,
			cause: []string{"wait for https://", "second renegotiation in one exchange", "`renegotiation: freely`"}},
		{name: "freely", peer: testnet.LateAsker{At: at, Times: 3}, times: 1, status: 200,
			tune: func(o *origin.Options) { o.Renegotiation = origin.Freely }, want: testnet.LateAnswer{Certificate: "none", Asked: 3}},
		{name: "never", peer: testnet.LateAsker{At: at}, times: 1, status: 502,
			tune:  func(o *origin.Options) { o.Renegotiation = origin.Never },
			cause: []string{"wait for https://", "`renegotiation: never`", "`renegotiation: once`", "first handshake"}},
		{name: "while a large body is sent", peer: testnet.LateAsker{At: at, DuringBody: true}, times: 1, status: 200, body: 1 << 20,
			tune: func(o *origin.Options) { o.Certificate = &alice },
			want: testnet.LateAnswer{Certificate: "CN=alice", Trusted: true, Asked: 1, BodyBytes: 1 << 20}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := front(t, test.peer.Start(t), test.tune)
			c := d.dial("app.test")
			began := time.Now()
			for range test.times {
				c.send(fmt.Sprintf("POST /secure HTTP/1.1\r\nHost: app.test\r\nContent-Length: %d\r\n\r\n%s", test.body, strings.Repeat("b", test.body)))
				res, body, err := c.receive("POST")
				if err != nil || res.StatusCode != test.status {
					t.Fatal(res, body, err)
				}
				if test.status == 200 {
					if got := late(t, body); got != test.want {
						t.Errorf("got %+v, want %+v", got, test.want)
					}
				} else {
					contains(t, "cause", d.incident(res).Cause, test.cause...)
				}
			}
			if waited := time.Since(began); waited > 4*time.Second {
				t.Errorf("it took %s, as long as a timeout", waited)
			}
			c.Close()
			d.settled(func(tr *flow.Trace) bool { return clientConn(t, tr).Close.Ended })
			d.g.groups((*balance.Group).Close)
			trace := d.settled(over)
			o := originConns(trace)
			if len(o) != 1 || !has(o[0], flow.HelloRequest, "") {
				t.Errorf("%d origin connections, want one with a hello-request:\n%s", len(o), trace)
			}
			if test.body == 0 {
				golden(t, "renegotiation: "+test.name, trace)
			}
		})
	}
}

func TestSilentAfterHelloRequest(t *testing.T) {
	for _, complete := range []bool{false, true} {
		d := front(t, testnet.SilentAfterHelloRequest{Complete: complete}.Start(t), func(o *origin.Options) { o.Timeouts.FirstByte = 300 * time.Millisecond })
		c := d.dial("app.test")
		res, _ := c.get("/")
		if res.StatusCode != 504 {
			t.Fatal(res)
		}
		contains(t, "cause", d.incident(res).Cause, "no response within 300ms (timeout: first byte) after it asked for a renegotiation")
		c.Close()
		golden(t, fmt.Sprintf("silent after hello-request, complete %v", complete), d.settled(over))
	}
}

func TestOriginVersions(t *testing.T) {
	for _, test := range []struct {
		name string
		tune func(*tls.Config)
		max  uint16
		want string
	}{
		{"1.3", nil, 0, "1.3"},
		{"max 1.2", nil, tls.VersionTLS12, "1.2"},
		{"origin of 1.2", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, 0, "1.2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := front(t, testnet.Echo{At: testnet.At{Tune: test.tune}}.Start(t), func(o *origin.Options) { o.MaxVersion = test.max })
			c := d.dial("app.test")
			if res, _ := c.get("/"); res.StatusCode != 200 {
				t.Fatal(res)
			}
			c.Close()
			trace := d.settled(func(tr *flow.Trace) bool { return clientConn(t, tr).Close.Ended })
			if got := originConns(trace)[0].TLS.Version; got != test.want {
				t.Errorf("TLS %s, want %s", got, test.want)
			}
		})
	}
}

// TestLegacyOrigin reaches a server that speaks nothing newer than TLS 1.0 with
// RSA key exchange and 3DES.
func TestLegacyOrigin(t *testing.T) {
	program, err := exec.LookPath("gnutls-serv")
	if err != nil {
		t.Skip("gnutls-serv (Debian: gnutls-bin) is not installed")
	}
	old := encrypting(t)
	certFile, keyFile := old.Files(t)
	port := portOf(t, refusing(t))
	server := exec.Command(program, "--http", "--port", fmt.Sprint(port), "--x509certfile", certFile, "--x509keyfile", keyFile, "--quiet",
		"--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.0:-KX-ALL:+RSA:-CIPHER-ALL:+3DES-CBC:+SHA1:%COMPAT:%NO_EXTENSIONS")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	try := func(legacy bool) (status int, cause string, trace *flow.Trace) {
		d := newDoor(t)
		o := d.at("127.0.0.1", port, true)
		o.Roots, o.ServerName, o.MinVersion, o.Legacy = old.Pool(), "localhost", tls.VersionTLS10, legacy
		d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o)}}}, "app.test")
		for range 100 {
			c := d.dial("app.test")
			res, _ := c.get("/")
			c.Close()
			if res.StatusCode == 200 {
				return 200, "", d.settled(func(tr *flow.Trace) bool { return clientConn(t, tr).Close.Ended })
			}
			if status, cause = res.StatusCode, d.incident(res).Cause; !strings.Contains(cause, "connection refused") {
				return status, cause, d.rec.trace()
			}
			time.Sleep(50 * time.Millisecond) // it has not started so far
		}
		return status, cause, nil
	}
	if status, cause, _ := try(false); status != 502 || !strings.Contains(cause, "shake hands with") {
		t.Errorf("without legacy: %d %s", status, cause)
	}
	status, cause, trace := try(true)
	if status != 200 {
		t.Fatalf("with legacy: %d %s", status, cause)
	}
	for _, o := range originConns(trace) {
		if o.TLS != nil && (o.TLS.Version != "1.0" || o.TLS.Cipher != "TLS_RSA_WITH_3DES_EDE_CBC_SHA") {
			t.Errorf("got %s %s", o.TLS.Version, o.TLS.Cipher)
		}
	}
}

// encrypting is a self-signed certificate whose RSA key may encrypt, which the
// RSA key exchange asks for.
func encrypting(t *testing.T) *testnet.Cert {
	t.Helper()
	c := testnet.NewCA(t, "old").Issue(t, testnet.Leaf{RSA: true})
	template := *c.Leaf
	template.KeyUsage |= x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign
	template.IsCA, template.SignatureAlgorithm = true, 0
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, c.Key.Public(), c.Key)
	if err != nil {
		t.Fatal(err)
	}
	if c.Leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	c.CertPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return c
}
