package oracle

import (
	"encoding/pem"
	"strings"

	"fanlight/internal/testnet"

	"software.sslmate.com/src/go-pkcs12"
)

// suiteCases are versions of TLS and cipher suites, with openssl as the server.
func suiteCases() []oracleCase {
	answer := blob(3, 70_000)
	const rsa, ecdsa = rsaCert, ecdsaCert
	table := []struct {
		version string
		cert    certKind
		suite   string // as OpenSSL names it
		iana    string
		server  string // more arguments
	}{
		{"1.0", rsa, "AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA", ""},
		{"1.0", rsa, "ECDHE-RSA-AES256-SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", ""},
		{"1.0", rsa, "DHE-RSA-AES128-SHA", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "-no_etm"},
		{"1.1", rsa, "AES256-SHA", "TLS_RSA_WITH_AES_256_CBC_SHA", ""},
		{"1.1", rsa, "ECDHE-RSA-AES128-SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "-no_etm"},
		{"1.2", rsa, "AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA", "-no_etm"},
		{"1.2", rsa, "AES256-SHA256", "TLS_RSA_WITH_AES_256_CBC_SHA256", ""},
		{"1.2", rsa, "AES256-SHA256", "TLS_RSA_WITH_AES_256_CBC_SHA256", "-no_etm"},
		{"1.2", rsa, "AES128-GCM-SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256", ""},
		{"1.2", rsa, "AES256-GCM-SHA384", "TLS_RSA_WITH_AES_256_GCM_SHA384", ""},
		{"1.2", rsa, "AES128-CCM", "TLS_RSA_WITH_AES_128_CCM", ""},
		{"1.2", rsa, "AES256-CCM8", "TLS_RSA_WITH_AES_256_CCM_8", ""},
		{"1.2", rsa, "DHE-RSA-AES256-GCM-SHA384", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", ""},
		{"1.2", rsa, "ECDHE-RSA-AES256-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", ""},
		{"1.2", rsa, "ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", ""},
		{"1.2", ecdsa, "ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", ""},
		{"1.2", ecdsa, "ECDHE-ECDSA-AES128-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "-no_etm"},
		{"1.2", ecdsa, "ECDHE-ECDSA-AES128-CCM8", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", ""},
		{"1.3", rsa, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", ""},
		{"1.3", rsa, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", ""},
		{"1.3", ecdsa, "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256", ""},
		{"1.3", rsa, "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_SHA256", ""},
		{"1.3", rsa, "TLS_AES_128_CCM_8_SHA256", "TLS_AES_128_CCM_8_SHA256", ""},
		{"1.3", rsa, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", "-groups P-384"}, // HelloRetryRequest
	}
	var all []oracleCase
	for _, row := range table {
		name := "suite/" + row.version + " " + row.suite
		if row.server != "" {
			name += " " + row.server
		}
		all = append(all, oracleCase{name, func(b *bench) story {
			server := strings.Fields(row.server)
			if row.version == "1.3" {
				server = append(server, "-tls1_3", "-ciphersuites", row.suite)
			} else {
				server = append(server, "-cipher", row.suite+":@SECLEVEL=0")
			}
			b.opensslServer(row.cert, answer, server...)
			client := []string{"--http1.1", "--tls-max", row.version, "--tlsv1.0", "--ciphers", "ALL:@SECLEVEL=0"}
			if row.version == "1.3" {
				client = []string{"--http1.1", "--tlsv1.3", "--tls13-ciphers", row.suite}
			}
			s := story{bench: b, version: row.version, cipher: row.iana, conns: 1, exchanges: []*exchange{get("/answer", answer)}}
			b.capture(func() { b.curl(append(client, b.url("/answer"), "-o", "out")...) })
			return s
		}})
	}
	return all
}

// rsaKeyCases are decrypted with the server's key instead of a key log.
func rsaKeyCases() []oracleCase {
	answer := blob(4, 5000)
	row := func(name, version, suite string, key func(b *bench, id identity) (fanlight, shark []string), more ...string) oracleCase {
		return oracleCase{"rsa key/" + name, func(b *bench) story {
			id := b.opensslServer(rsaCert, answer, append([]string{"-cipher", suite + ":@SECLEVEL=0"}, more...)...)
			s := story{bench: b, version: version, exchanges: []*exchange{get("/answer", answer)}}
			s.keyArgs, s.sharkArgs = key(b, id)
			b.capture(func() {
				b.curl("--http1.1", "--tls-max", version, "--tlsv1.0", "--ciphers", "ALL:@SECLEVEL=0", b.url("/answer"), "-o", "out")
			})
			return s
		}}
	}
	pemKey := func(_ *bench, id identity) (a, s []string) {
		return []string{"--rsa-key", id.key}, []string{"-o", `uat:rsa_keys:"` + id.key + `",""`}
	}
	derKey := func(b *bench, id identity) (a, s []string) {
		block, _ := pem.Decode(id.cert.KeyPEM)
		return []string{"--rsa-key", b.write("key.der", block.Bytes)}, []string{"-o", `uat:rsa_keys:"` + id.key + `",""`}
	}
	pfx := func(b *bench, id identity) (a, s []string) {
		raw, err := pkcs12.Modern.Encode(id.cert.Key, id.cert.Leaf, nil, "open sesame")
		must(b.t, err)
		return []string{"--pfx", b.write("server.pfx", raw), "--pfx-password-file", b.write("password", []byte("open sesame\n"))},
			[]string{"-o", `uat:rsa_keys:"` + id.key + `",""`}
	}
	return []oracleCase{
		row("PEM, TLS 1.0", "1.0", "AES256-SHA", pemKey),
		row("PEM, TLS 1.2 CBC", "1.2", "AES256-SHA256", pemKey),
		row("PEM, TLS 1.2 GCM", "1.2", "AES128-GCM-SHA256", pemKey),
		row("DER, TLS 1.1", "1.1", "AES128-SHA", derKey, "-no_etm"),
		row("PFX, TLS 1.2 CBC", "1.2", "AES256-SHA", pfx),
		row("PFX, TLS 1.2 GCM", "1.2", "AES256-GCM-SHA384", pfx),
		{"rsa key/no help with an ephemeral key", func(b *bench) story {
			id := b.opensslServer(rsaCert, answer, "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
			b.capture(func() { b.curl("--http1.1", "--tls-max", "1.2", b.url("/answer"), "-o", "out") })
			return story{bench: b, version: "1.2", keyArgs: []string{"--rsa-key", id.key}, whyNot: true}
		}},
		{"rsa key/another server's", func(b *bench) story {
			b.opensslServer(rsaCert, answer, "-cipher", "AES128-GCM-SHA256")
			other := testnet.NewCA(b.t, "Other").Issue(b.t, testnet.Leaf{RSA: true})
			b.capture(func() { b.curl("--http1.1", "--tls-max", "1.2", "--ciphers", "ALL", b.url("/answer"), "-o", "out") })
			return story{bench: b, version: "1.2", keyArgs: []string{"--rsa-key", b.write("other.pem", other.KeyPEM)}, whyNot: true}
		}},
	}
}

// gnutlsCases are another TLS stack on both sides.
func gnutlsCases() []oracleCase {
	var all []oracleCase
	for _, row := range []struct{ version, priority string }{
		{"1.0", "NORMAL:-VERS-ALL:+VERS-TLS1.0:%COMPAT"},
		{"1.1", "NORMAL:-VERS-ALL:+VERS-TLS1.1"},
		{"1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2"},
		{"1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA:-CIPHER-ALL:+AES-128-CBC:%NO_ETM"},
		{"1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA:-CIPHER-ALL:+3DES-CBC"},
		{"1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305"},
		{"1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-CCM"},
		{"1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-CBC:-MAC-ALL:+SHA1"},
		{"1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH"},
		{"1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.3"},
	} {
		all = append(all, oracleCase{"gnutls/" + row.version + " " + strings.TrimPrefix(row.priority, "NORMAL:-VERS-ALL:"), func(b *bench) story {
			b.gnutlsServer(row.priority + ":%SERVER_PRECEDENCE")
			b.capture(func() { b.gnutlsGet(row.priority) })
			return story{bench: b, version: row.version, exchanges: []*exchange{unread("GET", "/x", 200)}}
		}}.untold()) // the response ends with the connection
	}
	return append(all, oracleCase{"gnutls/a suite that is not read", func(b *bench) story {
		const camellia = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CAMELLIA-128-GCM"
		b.gnutlsServer(camellia)
		b.capture(func() { b.gnutlsGet(camellia) })
		return story{bench: b, version: "1.2", whyNot: true}
	}}.untold())
}

// gnutlsGet makes a request with gnutls-cli.
func (b *bench) gnutlsGet(priority string) {
	b.t.Helper()
	b.client(program(b.t, "gnutls-cli"), strings.NewReader("GET /x HTTP/1.0\r\nHost: "+host+"\r\n\r\n"),
		"--insecure", "--no-ca-verification", "--priority", priority, "--sni-hostname", host, "--port", b.port(), b.addr.Addr().String())
}
