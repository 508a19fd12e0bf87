package oracle

import (
	"crypto/tls"
	"net"
)

// nameFaults are about the name in the TLS handshake and the one in the request.
func nameFaults() []corpusCase {
	return []corpusCase{
		{"sick/sni-missing-to-origin-nginx", label("nginx as a gateway with its defaults (no server name) in front of nginx that refuses handshakes without one; no keys for the leg behind",
			"find sni-missing-to-origin conn c2 confidence proof"), func(b *bench) {
			back := b.second()
			b.identity(rsaCert)
			back.identity(rsaCert)
			back.nginxHTTP("server { listen ADDR ssl default_server; ssl_reject_handshake on; }\n" + site("app.test", "cert", "key"))
			b.nginx(nil, "ssl", "location / { proxy_pass https://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; }")
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt")) })
		}},
		{"sick/sni-missing-to-origin-haproxy", label("HAProxy as a gateway without sni in front of HAProxy with strict-sni, and tries four times; no keys for the leg behind",
			"find sni-missing-to-origin"), func(b *bench) {
			back := b.second()
			back.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/both.pem strict-sni\n http-request return status 200\n")
			b.haproxy(haproxyTo(back, "ssl verify none"))
			b.captureFor(func() { b.curl("--http1.1", b.url("/page.txt")) })
		}},
		{"sick/sni-missing-to-origin-apache", label("Apache with two virtual hosts whose TLS differs; openssl s_client -noservername asks for the second; TLS 1.3",
			"find sni-missing-to-origin conn c1 exchange x1"), func(b *bench) {
			b.twoHosts("")
			b.captureFor(func() { b.nameless("GET /page.txt HTTP/1.1\nHost: other.test\nConnection: close\n\n") })
		}},
		{"sick/sni-missing-to-origin-strict", label("Apache with SSLStrictSNIVHostCheck; openssl s_client -noservername gets 403, with the name it gets the page; TLS 1.3",
			"find sni-missing-to-origin conn c1 exchange x1"), func(b *bench) {
			b.twoHosts("SSLStrictSNIVHostCheck on")
			b.captureFor(func() {
				b.nameless("GET /page.txt HTTP/1.1\nHost: other.test\nConnection: close\n\n")
				b.opensslAs("other.test", []string{"GET /page.txt HTTP/1.1\nHost: other.test\nConnection: close\n\n"}, "-crlf", "-quiet")
			})
		}},
		{"healthy/no-server-name-needed", "", func(b *bench) {
			b.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", "")
			b.captureFor(func() {
				b.nameless("GET /page.txt HTTP/1.1\nHost: app.test\nConnection: close\n\n")
				b.curl("--http1.1", "https://"+b.addr.String()+"/page.txt")
			})
		}},
		{"sick/sni-host-mismatch-apache", label("Apache with two virtual hosts whose TLS differs; curl with a Host field of its own; TLS 1.3",
			"find sni-host-mismatch conn c1 exchange x1 confidence proof"), func(b *bench) {
			b.twoHosts("")
			b.captureFor(func() { b.curl("--http1.1", "-H", "Host: other.test", b.url("/page.txt")) })
		}},
		{"sick/sni-host-mismatch-nginx", label("nginx with two servers, the second asks for client certificates; the second request on a connection asks for it; TLS 1.2",
			"find sni-host-mismatch conn c1 exchange x2 confidence proof"), func(b *bench) {
			b.identity(rsaCert)
			b.nginxHTTP(site("app.test", "cert", "key") + "\nserver { listen ADDR ssl; server_name other.test; ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem; root DIR/www; ssl_verify_client on; ssl_client_certificate DIR/ca.pem; }")
			b.captureFor(func() {
				v := b.visit(&tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{shared.client.TLS()}})
				v.ask("GET", "/page.txt")
				v.answer()
				writef(v, "GET /page.txt HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n")
				v.answer()
				v.Close()
			})
		}},
		{"healthy/server-name-and-host-alike", "", func(b *bench) { // each name over a connection of its own
			b.twoHosts("")
			b.captureFor(func() {
				b.curl("--http1.1", "--tls-max", "1.2", b.url("/page.txt"), "--resolve", "other.test:"+b.port()+":"+b.addr.Addr().String(), "https://other.test:"+b.port()+"/page.txt")
			})
		}},
		{"healthy/server-name-and-host-differ", "", func(b *bench) { // nginx takes the site that Host names
			b.identity(rsaCert)
			b.nginxHTTP(site("app.test", "cert", "key") + site("other.test", "cert", "key"))
			b.captureFor(func() { b.curl("--http1.1", "-H", "Host: other.test", b.url("/page.txt")) })
		}},
		{"sick/default-certificate-served-nginx", label("nginx has one site; curl asks for two others and verifies; TLS 1.2",
			"find default-certificate-served conn c1", "find default-certificate-served conn c2"), func(b *bench) {
			b.nginx(nil, "ssl", "ssl_protocols TLSv1.2;")
			b.captureFor(func() {
				for _, name := range []string{"shop.test", "blog.test"} {
					b.strictly("ca.pem", "--resolve", name+":"+b.port()+":"+b.addr.Addr().String(), "https://"+name+":"+b.port()+"/")
				}
			})
		}},
		{"sick/default-certificate-served-apache", label("Apache has two sites; openssl s_client without a name gets through, Go's client asks for a third and verifies; TLS 1.3",
			"find default-certificate-served conn c2"), func(b *bench) {
			b.twoHosts("")
			b.captureFor(func() {
				b.nameless("GET /page.txt HTTP/1.1\nHost: app.test\nConnection: close\n\n")
				b.tryGo(&tls.Config{RootCAs: b.trusting("root.pem"), ServerName: "shop.test"})
			})
		}},
	}
}

// site is a server block of nginx for one name.
func site(name, cert, key string) string {
	return "server { listen ADDR ssl; server_name " + name + "; ssl_certificate DIR/" + cert + ".pem; ssl_certificate_key DIR/" + key + ".pem; root DIR/www; }\n"
}

// twoHosts starts Apache with app.test and other.test, whose TLS differs.
func (b *bench) twoHosts(directives string) {
	b.t.Helper()
	root := b.paper("root", nil, isCA("Lab Root"))
	b.paper("site", root)
	b.paper("other", root, forNames("other.test"))
	vhost := func(name, cert, more string) string {
		return "<VirtualHost " + b.addr.String() + ">\nServerName " + name + "\nSSLEngine on\nSSLCertificateFile DIR/" + cert + ".pem\nSSLCertificateKeyFile DIR/" + cert + ".key\n" + more + "\n</VirtualHost>\n"
	}
	b.apache(map[string][]byte{"page.txt": text(300)}, b.inDir(directives+"\n"+vhost("app.test", "site", "")+vhost("other.test", "other", "SSLVerifyClient optional\nSSLCipherSuite HIGH")))
}

// nameless sends a text with openssl s_client, which names no host.
func (b *bench) nameless(text string) {
	b.t.Helper()
	b.opensslAs("", []string{text}, "-crlf", "-quiet")
}

// sessionFaults are sessions that are not continued, or wrongly.
func sessionFaults() []corpusCase {
	request := "GET /page.txt HTTP/1.1\nHost: app.test\nConnection: close\n\n"
	return []corpusCase{
		{"sick/resumed-under-wrong-name-nginx", label("nginx as a gateway with proxy_ssl_name $host and verification, with its default of reusing sessions, in front of nginx whose two sites share tickets; TLS 1.2; no keys for the leg behind",
			"find resumed-under-wrong-name conn c4"), func(b *bench) { b.sharedSessions(false) }},
		{"healthy/resumed-under-a-name-the-certificate-has", "", func(b *bench) { b.sharedSessions(true) }},
		{"sick/resumed-under-wrong-name-openssl", label("openssl s_client takes the session of app.test to other.test, nginx takes it up; TLS 1.3",
			"find resumed-under-wrong-name conn c2"), func(b *bench) {
			root := b.paper("root", nil, isCA("Lab Root"))
			b.paper("site", root)
			b.paper("other", root, forNames("other.test"))
			b.nginxHTTP("ssl_session_cache shared:o:1m;\n" + ownSite("app.test", "site") + ownSite("other.test", "other"))
			b.captureFor(func() {
				b.opensslAs("app.test", []string{request}, "-crlf", "-quiet", "-sess_out", "session")
				b.opensslAs("other.test", []string{"GET /page.txt HTTP/1.1\nHost: other.test\nConnection: close\n\n"}, "-crlf", "-quiet", "-sess_in", "session")
			})
		}},
		{"sick/resumption-never-works-balanced", label("HAProxy in TCP mode spreads connections over two nginx that do not share the key of their tickets; Go's client keeps its sessions; TLS 1.3; only the clients' side is captured",
			"find resumption-never-works"), func(b *bench) {
			one, two := b.second(), b.second()
			two.addr = b.also[1]
			two.dir += "2"
			b.also = nil
			for _, back := range []*bench{one, two} {
				back.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", both13)
			}
			b.haproxy("defaults\n mode tcp\n timeout connect 2s\n timeout client 5s\n timeout server 5s\nfrontend f\n bind ADDR\n default_backend a\nbackend a\n balance roundrobin\n server one " + one.addr.String() + "\n server two " + two.addr.String() + "\n")
			b.captureFor(func() {
				cache := tls.NewLRUClientSessionCache(8)
				for range 7 {
					v := b.visit(&tls.Config{ClientSessionCache: cache})
					v.ask("GET", "/page.txt")
					v.answer()
					v.Close()
				}
			})
		}},
		{"sick/resumption-never-works-reloaded", label("nginx makes the key of its tickets anew at each reload, after each of which openssl s_client offers a session of before; TLS 1.2",
			"find resumption-never-works"), func(b *bench) {
			b.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", "ssl_protocols TLSv1.2;")
			b.captureFor(func() {
				b.opensslAs(host, []string{request}, "-crlf", "-quiet", "-sess_out", "session")
				for range 5 {
					b.reload()
					b.opensslAs(host, []string{request}, "-crlf", "-quiet", "-sess_in", "session")
				}
			})
		}},
		{"healthy/resumption-lost-at-a-reload", "", func(b *bench) {
			b.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", "ssl_protocols TLSv1.2;")
			b.captureFor(func() {
				b.opensslAs(host, []string{request}, "-crlf", "-quiet", "-sess_out", "session")
				b.opensslAs(host, []string{request}, "-crlf", "-quiet", "-sess_in", "session")
				b.reload()
				b.opensslAs(host, []string{request}, "-crlf", "-quiet", "-sess_in", "session")
			})
		}},
		{"sick/early-data-rejected-nginx", label("nginx gave out tickets for early data, then it was switched off (ssl_early_data) and the key of the tickets kept; openssl s_client sends early data three times; TLS 1.3",
			"find early-data-rejected confidence proof"), func(b *bench) {
			b.write("ticket.key", blob(7, 80))
			conf := func(early string) string {
				return "ssl_protocols TLSv1.3; ssl_session_ticket_key " + b.dir + "/ticket.key; ssl_early_data " + early + "; keepalive_timeout 0;"
			}
			b.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", conf("on"))
			b.captureFor(func() {
				b.opensslAs(host, []string{request}, "-crlf", "-quiet", "-sess_out", "session")
				b.rewrite("nginx.conf", conf("on"), conf("off"))
				b.reload()
				b.early(3)
			})
		}},
		{"sick/early-data-rejected-retry", label("nginx takes P-256 alone, openssl s_client sends a key for X25519: the HelloRetryRequest refuses the early data each time; TLS 1.3",
			"find early-data-rejected confidence proof"), func(b *bench) {
			b.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", "ssl_protocols TLSv1.3; ssl_early_data on; ssl_ecdh_curve P-256; ssl_session_cache shared:o:1m; keepalive_timeout 0;")
			b.captureFor(func() {
				b.opensslAs(host, []string{request}, "-crlf", "-quiet", "-sess_out", "session", "-groups", "P-256")
				b.early(3, "-groups", "X25519:P-256")
			})
		}},
		{"healthy/early-data-refused-once", "", func(b *bench) { // after a reload, then it goes on
			b.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", "ssl_protocols TLSv1.3; ssl_early_data on; ssl_session_cache shared:o:1m; keepalive_timeout 0;")
			b.captureFor(func() {
				b.opensslAs(host, []string{request}, "-crlf", "-quiet", "-sess_out", "session")
				b.reload()
				b.early(1)
				b.opensslAs(host, []string{request}, "-crlf", "-quiet", "-sess_out", "session")
				b.early(1)
			})
		}},
	}
}

// ownSite is a server block of nginx with a certificate of the case's own.
func ownSite(name, cert string) string {
	return "server { listen ADDR ssl; server_name " + name + "; ssl_certificate DIR/" + cert + ".pem; ssl_certificate_key DIR/" + cert + ".key; root DIR/www; }\n"
}

// early sends a request as early data, n times with the same session, and again
// after the handshake, as clients do that were refused.
func (b *bench) early(n int, args ...string) {
	b.t.Helper()
	file := b.write("early", []byte("GET /page.txt HTTP/1.1\r\nHost: "+host+"\r\n\r\n"))
	again := []string{"GET /page.txt HTTP/1.1\nHost: " + host + "\nConnection: close\n\n"}
	for range n {
		b.opensslAs(host, again, append([]string{"-crlf", "-quiet", "-sess_in", "session", "-early_data", file}, args...)...)
	}
}

// sharedSessions asks a gateway, whose sessions are kept by address, for two
// names of an origin; both are in one certificate, or each in one of its own.
func (b *bench) sharedSessions(together bool) {
	b.t.Helper()
	back := b.second()
	root := back.paper("root", nil, isCA("Lab Root"))
	first, second := []string{"app.test"}, []string{"other.test"}
	if together {
		first, second = []string{"app.test", "other.test"}, []string{"app.test", "other.test"}
	}
	back.paper("site", root, forNames(first...))
	back.paper("other", root, forNames(second...))
	back.nginxHTTP("ssl_session_cache shared:o:1m; ssl_protocols TLSv1.2;\n" + ownSite("app.test", "site") + ownSite("other.test", "other"))
	b.nginx(nil, "ssl", "location / { proxy_pass https://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+`;
  proxy_set_header Host $host; proxy_ssl_server_name on; proxy_ssl_name $host; proxy_ssl_verify on; proxy_ssl_trusted_certificate `+back.dir+"/root.pem; }")
	b.captureFor(func() {
		b.curl("--http1.1", b.url("/page.txt"))
		b.curl("--http1.1", "--resolve", "other.test:"+b.port()+":"+b.addr.Addr().String(), "https://"+net.JoinHostPort("other.test", b.port())+"/page.txt")
	})
}
