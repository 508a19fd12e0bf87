package app_test

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"fanlight/internal/testnet"
)

// tuned is where a peer listens with TLS of its own.
func tuned(tune func(*tls.Config)) testnet.At { return testnet.At{Tune: tune} }

// originTLSFaults are those of the handshake with an origin, and of later ones.
func originTLSFaults() []liveFault {
	return []liveFault{
		{rule: "accepted-but-silent", fault: "the origin accepts and says nothing", inject: func(l *live) {
			l.before(testnet.Silent{}.Start(l.t))
			l.get("/")
		}},
		{rule: "sni-missing-to-origin", fault: "the origin is asked for by its address", inject: func(l *live) {
			o := testnet.Echo{At: tuned(func(c *tls.Config) {
				own := &c.Certificates[0]
				certificate := func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
					if hello.ServerName == "" {
						return nil, nil
					}
					return own, nil
				}
				c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
					return &tls.Config{GetCertificate: certificate}, nil
				}
			})}.Start(l.t)
			l.before(o, l.trusting(o, "name: 127.0.0.1"))
			l.get("/")
		}},
		{rule: "sni-unknown-alert", fault: "the origin does not know the name", inject: func(l *live) {
			l.before(testnet.Echo{At: tuned(func(c *tls.Config) {
				c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
					return &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}, nil
				}
			})}.Start(l.t))
			l.get("/")
		}},
		{rule: "sni-unknown-alert", fault: "a client asks for a name no site has", inject: func(l *live) {
			l.serve("")
			l.shakes(&tls.Config{ServerName: "other.test"})
		}},
		{rule: "large-clienthello-dropped", fault: "the origin drops hellos over one packet", inject: func(l *live) {
			o := testnet.Echo{}.Start(l.t)
			addr := listener(testingT(l), func(c net.Conn) { relayHello(c, o.Addr, 1400) })
			tlsOf := func(more string) string { return l.trusting(o, "name: localhost"+more) }
			l.serve(l.to("/old/", "https://"+addr, tlsOf(", max: \"1.2\"")) + l.to("/", "https://"+addr, tlsOf("")))
			l.get("/old/")
			l.get("/")
		}},
		{rule: "no-certificate-for-binding", fault: "the origin closes on the ClientHello", inject: func(l *live) {
			addr := listener(testingT(l), func(c net.Conn) { relayHello(c, "", 0) })
			l.serve(l.to("/", "https://"+addr, "tls: {name: localhost}"))
			l.get("/")
		}},
		{rule: "chain-incomplete", fault: "the origin leaves its intermediate out", inject: func(l *live) {
			root := testnet.NewCA(l.t, "Root CA")
			leaf := chainLeaf(l.t, root)
			o := testnet.Echo{At: testnet.At{CA: root, Tune: func(c *tls.Config) { c.Certificates = []tls.Certificate{leaf} }}}.Start(l.t)
			l.before(o)
			l.get("/")
		}},
		{rule: "tls-intercepted", fault: "an inspecting proxy's certificate comes", inject: func(l *live) {
			o := testnet.Echo{At: testnet.At{CA: testnet.NewCA(l.t, "FortiGate CA")}}.Start(l.t)
			l.before(o, "tls: {name: localhost}")
			l.get("/")
		}},
		{rule: "private-ca-not-trusted-here", fault: "the origin's authority is not trusted", inject: func(l *live) {
			l.before(testnet.Echo{}.Start(l.t), "tls: {name: localhost}")
			l.get("/")
		}},
		{rule: "default-certificate-served", fault: "the origin has neither of two names", inject: func(l *live) {
			o := testnet.Echo{}.Start(l.t)
			l.serve(l.to("/a/", o.URL(""), l.trusting(o, "name: a.internal")) + l.to("/", o.URL(""), l.trusting(o, "name: b.internal")))
			l.get("/a/")
			l.get("/")
		}},
		{rule: "certificate-name-mismatch", fault: "the origin's certificate is for another name", inject: func(l *live) {
			o := testnet.Echo{}.Start(l.t)
			l.before(o, l.trusting(o, "name: other.internal"))
			l.get("/")
		}},
		{rule: "certificate-date-invalid", fault: "the origin's certificate is expired", inject: func(l *live) {
			l.before(testnet.Echo{At: testnet.At{Leaf: testnet.Leaf{}.Expired()}}.Start(l.t))
			l.get("/")
		}},
		{rule: "weak-certificate", fault: "the origin's certificate is signed with SHA-1", inject: func(l *live) {
			ca := testnet.NewCA(l.t, "Old CA")
			leaf := signedLeaf(l.t, ca, x509.Certificate{SignatureAlgorithm: x509.ECDSAWithSHA1})
			o := testnet.Echo{At: testnet.At{CA: ca, Tune: func(c *tls.Config) { c.Certificates = []tls.Certificate{leaf} }}}.Start(l.t)
			l.before(o)
			l.get("/")
		}},
		{rule: "staple-problem", fault: "the origin's certificate comes with the word that it is revoked", inject: func(l *live) {
			l.before(l.stapling(ocsp.Response{Status: ocsp.Revoked, RevokedAt: time.Now(), NextUpdate: time.Now().Add(time.Hour)}))
			l.get("/")
		}},
		{rule: "staple-problem", fault: "the origin staples a response of last week", inject: func(l *live) {
			l.before(l.stapling(ocsp.Response{Status: ocsp.Good, NextUpdate: time.Now().Add(-24 * time.Hour)}))
			l.get("/")
		}},
		{rule: "key-usage-incompatible", fault: "the origin shows a client's certificate", inject: func(l *live) {
			l.before(testnet.Echo{At: testnet.At{Leaf: testnet.Leaf{Client: true, Names: []string{"localhost"}}}}.Start(l.t))
			l.get("/")
		}},
		{rule: "resumption-never-works", fault: "the origin forgets its sessions", also: []string{"connection-closed-each-request"}, inject: func(l *live) {
			o := testnet.Raw{At: tuned(func(c *tls.Config) {
				own := c.Certificates
				c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
					fresh := &tls.Config{Certificates: own}
					fresh.SetSessionTicketKeys([][32]byte{[32]byte([]byte(rand.Text() + rand.Text()))})
					return fresh, nil
				}
			}), Responses: []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"}}.Start(l.t)
			l.before(o)
			l.several(8, request("GET", "/"))
		}},
		{rule: "version-mismatch", fault: "the origin speaks TLS 1.1 at most", inject: func(l *live) {
			l.before(testnet.Echo{At: tuned(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })}.Start(l.t))
			l.get("/")
		}},
		{rule: "version-mismatch", fault: "a client speaks TLS 1.1 at most", inject: func(l *live) {
			l.serve("")
			l.shakes(&tls.Config{ServerName: "app.test", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		}},
		{rule: "tls13-intolerance", fault: "the answer has the downgrade mark", inject: func(l *live) {
			addr := listener(testingT(l), answerDowngraded)
			l.serve(l.to("/", "https://"+addr, "tls: {insecure: true}"))
			l.get("/")
		}},
		{rule: "alpn-no-overlap", fault: "the origin speaks no HTTP", inject: func(l *live) {
			l.before(testnet.Echo{At: tuned(func(c *tls.Config) { c.NextProtos = []string{"imap"} })}.Start(l.t))
			l.get("/")
		}},
		{rule: "alpn-no-overlap", fault: "a client speaks HTTP/3 alone", inject: func(l *live) {
			l.serve("")
			l.shakes(&tls.Config{ServerName: "app.test", NextProtos: []string{"h3"}})
		}},
		{rule: "cipher-or-group-mismatch", fault: "the origin wants RSA key exchange", inject: func(l *live) {
			l.before(testnet.Echo{At: testnet.At{Leaf: testnet.Leaf{RSA: true}, Tune: func(c *tls.Config) {
				c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
			}}}.Start(l.t))
			l.get("/")
		}},
		{rule: "tls-to-plaintext-port", fault: "the origin speaks no TLS", inject: func(l *live) {
			l.serve(l.to("/", "https://"+plainOrigin(l.t), "tls: {insecure: true}"))
			l.get("/")
		}},
		{rule: "client-certificate-not-sent", fault: "the origin wants a certificate, the route has none", inject: func(l *live) {
			l.before(testnet.Echo{At: tuned(func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert })}.Start(l.t))
			l.get("/")
		}},
		{rule: "client-certificate-rejected", fault: "the origin does not know the certificate's authority", inject: func(l *live) {
			o := testnet.Echo{At: tuned(func(c *tls.Config) {
				c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, testnet.NewCA(l.t, "Clients").Pool()
			})}.Start(l.t)
			cert, key := testnet.NewCA(l.t, "Others").Issue(l.t, testnet.Leaf{Client: true, Subject: "door"}).Files(l.t)
			l.before(o, l.trusting(o, "name: localhost", fmt.Sprintf("client_certificate: {file: %q, key: %q}", cert, key)))
			l.get("/")
		}},
		{rule: "client-ca-list-oversized", fault: "the origin names 300 authorities", inject: func(l *live) {
			pool := x509.NewCertPool()
			for i := range 300 {
				pool.AddCert(testnet.NewCA(l.t, fmt.Sprintf("Authority %03d of a list that is far too long", i)).Leaf)
			}
			l.before(testnet.Echo{At: tuned(func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool })}.Start(l.t))
			l.get("/")
		}},
		{rule: "legacy-tls-origin", fault: "the origin speaks TLS 1.0", inject: func(l *live) {
			o := testnet.Echo{At: tuned(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 })}.Start(l.t)
			l.before(o, l.trusting(o, "name: localhost", `min: "1.0"`))
			l.get("/")
		}},
		{rule: "origin-handshake-failed", fault: "the origin breaks down in the handshake", inject: func(l *live) {
			l.before(testnet.Echo{At: tuned(func(c *tls.Config) {
				c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("out of order") }
			})}.Start(l.t))
			l.get("/")
		}},
		{rule: "renegotiation-unfinished", fault: "the origin asks again and falls silent", inject: func(l *live) {
			l.before(testnet.SilentAfterHelloRequest{}.Start(l.t))
			l.get("/secure")
		}},
		{rule: "renegotiation-refused", fault: "the route says renegotiation: never", inject: func(l *live) {
			o := testnet.LateAsker{}.Start(l.t)
			l.before(o, l.trusting(o, "name: localhost", "renegotiation: never"))
			l.get("/secure")
		}},
		{rule: "renegotiation-limit", fault: "the origin asks twice in one exchange", inject: func(l *live) {
			o := testnet.LateAsker{Times: 2}.Start(l.t)
			l.before(o, l.trusting(o, "name: localhost", "renegotiation: once"))
			l.get("/secure")
		}},
		{rule: "renegotiation-answered", fault: "the origin asks once, and is answered", inject: func(l *live) {
			l.before(testnet.LateAsker{}.Start(l.t))
			l.get("/secure")
		}},
		{rule: "renegotiation-body-deadlock", fault: "the origin asks before it has read the body", inject: func(l *live) {
			url := tls12(testingT(l), func(c *testnet.TLS12Conn) {
				if c.SendHelloRequest() == nil {
					time.Sleep(2 * time.Second)
				}
			})
			l.serve(l.to("/", url, "tls: {insecure: true}"))
			l.send(request("POST", "/", "Content-Length: 8000000") + strings.Repeat("x", 8_000_000))
		}},
		{rule: "post-handshake-auth-not-offered", fault: "the origin resets where it may not ask", inject: func(l *live) {
			cert := testnet.NewCA(l.t, "Origin").Issue(l.t, testnet.Leaf{}).TLS()
			addr := listener(testingT(l), func(raw net.Conn) { resetSecure(raw, &tls.Config{Certificates: []tls.Certificate{cert}}) })
			l.serve(l.to("/", "https://"+addr, "tls: {insecure: true}"))
			l.get("/open")
			l.get("/secure")
		}},
	}
}

// stapling is an origin that sends a response of its authority along with its
// certificate.
func (l *live) stapling(response ocsp.Response) *testnet.Origin {
	l.t.Helper()
	ca := testnet.NewCA(l.t, "Stapling CA")
	return testnet.Echo{At: testnet.At{CA: ca, Tune: func(c *tls.Config) {
		leaf, err := x509.ParseCertificate(c.Certificates[0].Certificate[0])
		must(l.t, err)
		response.SerialNumber, response.ThisUpdate = leaf.SerialNumber, time.Now().Add(-7*24*time.Hour)
		c.Certificates[0].OCSPStaple, err = ocsp.CreateResponse(ca.Leaf, ca.Leaf, response, ca.Key)
		must(l.t, err)
	}}}.Start(l.t)
}

// shakes has a client try a handshake that fails.
func (l *live) shakes(config *tls.Config) {
	l.t.Helper()
	before := len(clientConns(l.Trace()))
	if err := l.handshake(&listened{}, config); err == nil {
		l.t.Error("the handshake was completed")
	}
	l.askAbout("", before)
}

// several makes requests one after the other on one connection.
func (l *live) several(n int, requests ...string) {
	l.t.Helper()
	before := len(clientConns(l.Trace()))
	c := l.dial()
	defer c.Close()
	for range n {
		for _, r := range requests {
			l.on(c, r)
		}
	}
	c.Close()
	l.askAbout("", before)
}

// relayHello passes a connection on to an origin, unless its first record is
// longer than most; most 0 drops every one.
func relayHello(c net.Conn, to string, most int) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(c, head); err != nil {
		return
	}
	size := int(head[3])<<8 | int(head[4])
	hello := make([]byte, size)
	if _, err := io.ReadFull(c, hello); err != nil || size > most {
		return
	}
	back, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer back.Close()
	if _, err := back.Write(append(head, hello...)); err != nil {
		return
	}
	go func() { _, _ = io.Copy(back, c); back.Close() }()
	_, _ = io.Copy(c, back)
}

// answerDowngraded answers a ClientHello with a ServerHello of TLS 1.2 that has
// the mark of RFC 8446, section 4.1.3.
func answerDowngraded(c net.Conn) {
	if _, err := c.Read(make([]byte, 4096)); err != nil {
		return
	}
	random := append(make([]byte, 24), "DOWNGRD\x01"...)
	body := append([]byte{3, 3}, random...)
	body = append(body, 0, 0xc0, 0x2f, 0, 0, 5, 0xff, 1, 0, 1, 0) // no session; ECDHE-RSA-AES128-GCM; renegotiation_info
	message := append([]byte{2, 0, 0, byte(len(body))}, body...)
	_, _ = c.Write(append([]byte{22, 3, 3, 0, byte(len(message))}, message...))
	_, _ = io.Copy(io.Discard, c)
}

// plainOrigin answers what it does not understand in clear text.
func plainOrigin(t testing.TB) string {
	return listener(t.(*testing.T), func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
}

// resetSecure answers requests over TLS 1.3, and resets where one is for
// /secure.
func resetSecure(raw net.Conn, config *tls.Config) {
	c := tls.Server(raw, config)
	for {
		target, err := readHead(c)
		if err != nil {
			return
		}
		if strings.HasPrefix(target, "/secure") {
			_ = raw.(*net.TCPConn).SetLinger(0)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}
}

// signedLeaf is a certificate for localhost as a template asks for it.
func signedLeaf(t testing.TB, ca *testnet.CA, template x509.Certificate) tls.Certificate {
	t.Helper()
	own := ca.Issue(t, testnet.Leaf{})
	template.SerialNumber, template.Subject = big.NewInt(7), pkix.Name{CommonName: "localhost"}
	template.DNSNames, template.NotBefore, template.NotAfter = []string{"localhost"}, own.Leaf.NotBefore, own.Leaf.NotAfter
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, &template, ca.Leaf, own.Key.Public(), ca.Key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: own.Key}
}

// chainLeaf is a certificate for localhost by an authority below ca, whose own
// certificate can be fetched.
func chainLeaf(t testing.TB, ca *testnet.CA) tls.Certificate {
	t.Helper()
	key := testnet.NewCA(t, "spare").Key
	template := &x509.Certificate{
		SerialNumber: big.NewInt(8), Subject: pkix.Name{CommonName: "Issuing CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: ca.Leaf.NotBefore, NotAfter: ca.Leaf.NotAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Leaf, key.Public(), ca.Key)
	must(t, err)
	issuing, err := x509.ParseCertificate(der)
	must(t, err)
	below := &testnet.CA{Cert: testnet.Cert{Leaf: issuing, Key: crypto.Signer(key)}}
	return signedLeaf(t, below, x509.Certificate{IssuingCertificateURL: []string{"http://ca.internal/issuing.crt"}})
}
