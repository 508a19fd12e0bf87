package oracle

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
)

// chainFaults are certificates without what should stand behind them.
func chainFaults() []corpusCase {
	const v12 = "ssl_protocols TLSv1.2;"
	return []corpusCase{
		{"sick/chain-incomplete-curl12", label("nginx serves the certificate without its intermediate; curl knows the root alone; TLS 1.2",
			"find chain-incomplete conn c1"), func(b *bench) {
			b.chain()
			b.servedBy("site", v12)
			b.captureFor(func() { b.strictly("root.pem", b.url("/page.txt")) })
		}},
		{"sick/chain-incomplete-go", label("Go's server and client, the client knows the root alone; TLS 1.3",
			"find chain-incomplete conn c1"), func(b *bench) {
			root, _, site := b.chain()
			b.goServer(echo(nil), &tls.Config{Certificates: []tls.Certificate{site.tls()}}, false)
			b.captureFor(func() { b.tryGo(&tls.Config{RootCAs: root.pool()}) })
		}},
		{"sick/chain-incomplete-haproxy", label("HAProxy serves the certificate without its intermediate; openssl s_client; TLS 1.3",
			"find chain-incomplete conn c1"), func(b *bench) {
			b.chain()
			b.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/site.both\n http-request return status 200\n")
			b.captureFor(func() {
				b.openssl([]string{"GET / HTTP/1.0\n\n"}, "-CAfile", "root.pem", "-verify_return_error")
			})
		}},
		{"healthy/chain-complete", "", func(b *bench) {
			b.chain()
			b.servedBy("full", "")
			b.captureFor(func() {
				b.strictly("root.pem", b.url("/page.txt"))
				b.strictly("root.pem", "--tls-max", "1.2", b.url("/page.txt"))
			})
		}},
		{"healthy/chain-incomplete-but-known", "", func(b *bench) { // as browsers that know the intermediate
			b.chain()
			b.servedBy("site", v12)
			b.captureFor(func() { b.strictly("full.pem", b.url("/page.txt")) })
		}},
	}
}

// useFaults are certificates that are not made for this, or too weak.
func useFaults() []corpusCase {
	serve := func(change func(*x509.Certificate), directives string, client func(b *bench)) func(b *bench) {
		return func(b *bench) {
			root := b.paper("root", nil, isCA("Lab Root"))
			b.paper("site", root, change)
			b.servedBy("site", directives)
			b.captureFor(func() { client(b) })
		}
	}
	strict := func(args ...string) func(b *bench) {
		return func(b *bench) { b.strictly("root.pem", append(args, b.url("/page.txt"))...) }
	}
	clientOnly := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	noSigning := func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }
	gnutls := func(b *bench) {
		b.client(program(b.t, "gnutls-cli"), nil, "--x509cafile", "root.pem", "--sni-hostname", host, "--verify-hostname", host,
			"--port", b.port(), "--keymatexport", "x", b.addr.Addr().String())
	}
	small := func(bits int, directives string, client func(b *bench)) func(b *bench) {
		return func(b *bench) {
			key, err := rsa.GenerateKey(rand.Reader, bits)
			must(b.t, err)
			root := b.paper("root", nil, isCA("Lab Root"))
			b.paperWith(key, "site", root)
			b.servedBy("site", "ssl_ciphers ALL:@SECLEVEL=0;"+directives)
			b.captureFor(func() { client(b) })
		}
	}
	return []corpusCase{
		{"sick/key-usage-incompatible-curl", label("a certificate for client sign-in alone (clientAuth); nginx, curl, TLS 1.2", "find key-usage-incompatible conn c1"),
			serve(clientOnly, "ssl_protocols TLSv1.2;", strict())},
		{"sick/key-usage-incompatible-go", label("a certificate for client sign-in alone (clientAuth); nginx, Go's client, TLS 1.3", "find key-usage-incompatible conn c1"),
			serve(clientOnly, "", func(b *bench) { b.tryGo(&tls.Config{RootCAs: b.trusting("root.pem")}) })},
		{"sick/key-usage-incompatible-gnutls", label("a certificate without digitalSignature; nginx, gnutls-cli, TLS 1.2 with ECDHE", "find key-usage-incompatible conn c1"),
			serve(noSigning, "ssl_protocols TLSv1.2;", gnutls)},
		{"healthy/key-usage-without-signing-taken", "", serve(noSigning, "ssl_protocols TLSv1.2;", strict())},
		{"sick/weak-certificate-curl12", label("an RSA key of 1024 bits; nginx allows it, curl (OpenSSL, security level 2) does not; TLS 1.2", "find weak-certificate conn c1"),
			small(1024, "ssl_protocols TLSv1.2;", strict())},
		{"sick/weak-certificate-curl13", label("an RSA key of 1024 bits; nginx allows it, curl (OpenSSL, security level 2) does not; TLS 1.3", "find weak-certificate conn c1"),
			small(1024, "", strict())},
		{"sick/weak-certificate-sha1", label("a certificate signed with SHA-1; nginx allows it, curl does not; TLS 1.3", "find weak-certificate conn c1"), func(b *bench) {
			root := b.paper("root", nil, isCA("Lab Root"))
			b.paper("site", root, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA })
			b.servedBy("site", "ssl_ciphers ALL:@SECLEVEL=0;")
			b.captureFor(func() { strict()(b) })
		}},
		{"sick/weak-certificate-dh", label("Diffie-Hellman parameters of 1024 bits, a certificate of today; gnutls-serv offers them, curl (--curves X25519, or both would agree on a group of 2048 bits) does not take them; TLS 1.2", "find weak-certificate conn c1"), func(b *bench) {
			b.client(program(b.t, "openssl"), nil, "dhparam", "-out", "dh.pem", "1024")
			b.paper("site", b.paper("root", nil, isCA("Lab Root")))
			b.gnutlsWith("NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA", "site", "--dhparams", "dh.pem")
			b.captureFor(func() { b.strictly("root.pem", "--curves", "X25519", b.url("/")) })
		}},
		{"healthy/rsa-2048-and-3072", "", func(b *bench) {
			small(3072, "", strict())(b)
		}},
	}
}
