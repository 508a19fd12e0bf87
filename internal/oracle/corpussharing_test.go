package oracle

import (
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"strings"

	"fanlight/internal/authwire"
	"fanlight/internal/testnet"
)

// another is a further server as second gives it, with a folder of its own.
func (b *bench) another(name string) *bench {
	b.t.Helper()
	s := b.second()
	s.dir = b.dir + "/" + name
	must(b.t, os.MkdirAll(s.dir, 0o755))
	return s
}

// plainNTLM is Apache without TLS that signs in connections by NTLM.
func (b *bench) plainNTLM() { b.ntlmApache("SSLEngine off") }

// from makes curl a client with an address of its own.
func from(last string, options ...string) []string {
	return append(slices.Clone(options), "--interface", "127.0.0."+last)
}

// nginxPool is nginx that keeps connections to its origins and gives them to
// whoever comes; directives are of the location.
func (b *bench) nginxPool(directives string, backs ...*bench) {
	servers := ""
	for _, back := range backs {
		servers += " server " + back.addr.String() + ";"
	}
	b.nginx(nil, "ssl", `location / { `+directives+` proxy_pass http://pool; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
		proxy_bind `+b.addr.Addr().String()+`; } } upstream pool { keepalive 4;`+servers) // the template closes what is open
}

// apacheProxy is Apache as a gateway.
func (b *bench) apacheProxy(back *bench, scheme, directives string) {
	b.apache(map[string][]byte{"index.html": nil}, fmt.Sprintf(`LoadModule proxy_module %[1]s/mod_proxy.so
LoadModule proxy_http_module %[1]s/mod_proxy_http.so
ProxySourceAddress %[2]s
ProxyPreserveHost On
ProxyPass / %[3]s://%[4]s/
%[5]s
`, apacheModules, b.addr.Addr(), scheme, back.addr, directives))
}

// signInAmongOthers has three clients ask for the same page, of which the second
// signs in.
func signInAmongOthers(b *bench, capture func(func()), options ...string) {
	anonymous := append([]string{"--http1.1"}, options...)
	capture(func() {
		b.askFor(from("7", anonymous...), private)
		b.askFor(from("8", append(negotiates, options...)...), private, more)
		b.askFor(from("9", anonymous...), private)
	})
}

// splitFaults have gateways that spread a sign-in over connections, or give a
// signed-in connection to somebody else.
func splitFaults() []corpusCase {
	throughNginx := func(b *bench) *bench {
		back := b.second()
		back.plainNTLM()
		b.env = back.env
		b.nginx(nil, "ssl", "location / { proxy_pass http://"+back.addr.String()+"; proxy_bind "+b.addr.Addr().String()+"; proxy_set_header Host $http_host; }")
		return back
	}
	return []corpusCase{
		{"sick/ntlm-handshake-split-nginx", label("nginx with its defaults in front of Apache with mod_auth_gssapi, NTLM within Negotiate; curl with gss-ntlmssp, TLS 1.3",
			"find ntlm-handshake-split confidence proof", "not auth-connection-closed-midway"), func(b *bench) {
			throughNginx(b)
			b.captureFor(func() { b.askFor(negotiates, private) })
		}},
		{"sick/ntlm-handshake-split-back", label("nginx with its defaults in front of Apache, NTLM within Negotiate; only the side of the origin is captured",
			"find ntlm-handshake-split"), func(b *bench) {
			back := throughNginx(b)
			back.also = nil
			back.captureFor(func() { b.askFor(negotiates, private) })
		}},
		{"sick/ntlm-handshake-split-haproxy", label("HAProxy, option httpclose in its backend, in front of Apache with mod_auth_gssapi; curl with gss-ntlmssp, TLS 1.2",
			"find ntlm-handshake-split confidence proof", "not auth-connection-closed-midway"), func(b *bench) {
			back := b.second()
			back.plainNTLM()
			b.env = back.env
			b.haproxy(haproxyTo(back) + " option httpclose\n")
			b.captureFor(func() { b.askFor(append(negotiates, "--tls-max", "1.2"), private) })
		}},
		{"sick/ntlm-handshake-split-apache", label("Apache as a gateway, proxy-nokeepalive, in front of Apache with mod_auth_gssapi; curl with gss-ntlmssp, TLS 1.2",
			"find ntlm-handshake-split confidence proof", "not auth-connection-closed-midway"), func(b *bench) {
			back := b.second()
			back.plainNTLM()
			b.env = back.env
			b.apacheProxy(back, "http", "LoadModule env_module "+apacheModules+"/mod_env.so\nSetEnv proxy-nokeepalive 1\nSSLProtocol TLSv1.2")
			b.captureFor(func() { b.askFor(negotiates, private) })
		}},
		{"sick/ntlm-handshake-split-server-close", label("HAProxy, option http-server-close, in front of Apache with mod_auth_gssapi; curl with gss-ntlmssp, TLS 1.3",
			"find ntlm-handshake-split confidence proof"), func(b *bench) {
			back := b.second()
			back.plainNTLM()
			b.env = back.env
			b.haproxy(haproxyTo(back) + " option http-server-close\n")
			b.captureFor(func() { b.askFor(negotiates, private) })
		}},
		{"sick/ntlm-handshake-split-balancer", label("nginx keeps connections to two Apaches and takes them in turn; Chromium with gss-ntlmssp, TLS 1.3",
			"find ntlm-handshake-split confidence proof"), func(b *bench) {
			one, two := b.second(), b.another("third")
			one.plainNTLM()
			two.plainNTLM()
			b.env = one.env
			b.nginxPool("", one, two)
			b.captureFor(func() { b.chromium(b.url(private), b.trusted()) })
		}},
		{"sick/ntlm-identity-leak-nginx", label("nginx keeps a connection to Apache that one client has signed in by NTLM, and sends another client's request on it; TLS 1.3",
			"find ntlm-identity-leak confidence proof"), func(b *bench) {
			back := b.second()
			back.plainNTLM()
			b.env = back.env
			b.nginxPool("", back)
			signInAmongOthers(b, b.captureFor)
		}},
		{"sick/ntlm-identity-leak-kerberos", label("nginx keeps a connection to Apache that one client has signed in by Kerberos (GssapiConnectionBound On), and sends another client's request on it; TLS 1.2",
			"find ntlm-identity-leak confidence proof"), func(b *bench) {
			back := b.second()
			back.ticketed("SSLEngine off", "GssapiConnectionBound On")
			b.env = back.env
			b.nginxPool("", back)
			signInAmongOthers(b, b.captureFor, "--tls-max", "1.2")
		}},
		{"sick/ntlm-identity-leak-back", label("nginx keeps a connection to Apache that one client has signed in by NTLM, sends another client's request on it and says so in X-Forwarded-For; only the side of the origin is captured",
			"find ntlm-identity-leak confidence proof"), func(b *bench) {
			back := b.second()
			back.plainNTLM()
			b.env = back.env
			b.nginxPool("proxy_set_header X-Forwarded-For $remote_addr;", back)
			back.also = nil
			signInAmongOthers(b, back.captureFor)
		}},
		{"sick/ntlm-identity-leak-one-client", label("nginx keeps a connection to Apache that one client has signed in by NTLM, and sends a request of the same client's next connection on it; TLS 1.3",
			"find ntlm-identity-leak confidence possible"), func(b *bench) {
			back := b.second()
			back.plainNTLM()
			b.env = back.env
			b.nginxPool("", back)
			b.captureFor(func() {
				b.askFor(from("8", negotiates...), private)
				b.askFor(from("8", "--http1.1"), more)
			})
		}},
		{"sick/ntlm-identity-leak-haproxy", label("HAProxy, http-reuse always, in front of Apache, GssapiConnectionBound On; a client sends its Kerberos ticket before it is asked, then another client asks without any; TLS 1.3",
			"find ntlm-identity-leak confidence proof"), func(b *bench) {
			back := b.second()
			back.ticketed("SSLEngine off", "GssapiConnectionBound On")
			b.env = back.env
			b.haproxy(haproxyTo(back) + " http-reuse always\n")
			signInAmongOthers(b, b.captureFor)
		}},
		{"sick/ntlm-identity-leak-apache", label("Apache as a gateway keeps a connection to Apache that one client has signed in by NTLM, and sends another client's request on it; TLS 1.3",
			"find ntlm-identity-leak confidence proof"), func(b *bench) {
			back := b.second()
			back.plainNTLM()
			b.env = back.env
			b.apacheProxy(back, "http", "")
			signInAmongOthers(b, b.captureFor)
		}},
	}
}

// viaFaults have an origin that trusts no gateway.
func viaFaults() []corpusCase {
	pages := []string{"/a", "/b", "/c", "/d", "/e"}
	forgetful := testnet.NTLMOrigin{Forgets: func(r *testnet.Request) bool { return r.Get("Via") != "" }}
	ntlm := []string{"--http1.1", "--ntlm", "-u", `TEST\anna:secret`}
	return []corpusCase{
		{"sick/via-header-breaks-persistence-apache", label("Apache as a gateway, ProxyVia On; the origin takes a sign-in with Via for one request; curl --ntlm, through the gateway and past it; TLS 1.3",
			"find via-header-breaks-persistence", "not auth-repeated-per-request", "synthetic the origin is scripted"), func(b *bench) {
			back := b.second()
			back.iis(forgetful, 0)
			b.apacheProxy(back, "http", "ProxyVia On")
			b.captureFor(func() {
				b.askFor(ntlm, pages...)
				args := ntlm
				for _, p := range pages {
					args = append(args, "http://"+host+":"+back.port()+p, "-o", "/dev/null")
				}
				b.curl(append(args, "--resolve", host+":"+back.port()+":"+b.addr.Addr().String())...)
			})
		}},
		{"sick/via-header-breaks-persistence-haproxy", label("HAProxy sets Via; the origin takes a sign-in with it for one request; a client that signs in by Negotiate; TLS 1.2",
			"find via-header-breaks-persistence", "not auth-repeated-per-request", "synthetic the origin is scripted"), func(b *bench) {
			back := b.second()
			o := forgetful
			o.Scheme = "Negotiate"
			back.iis(o, 0)
			b.haproxy(haproxyTo(back) + " http-request set-header via \"1.1 gateway\"\n")
			b.captureFor(func() {
				e := &explorer{b: b, scheme: "Negotiate", tls: &tls.Config{MaxVersion: tls.VersionTLS12}}
				for _, p := range pages {
					e.get(p)
				}
				e.v.Close()
			})
		}},
	}
}

// unbound refuses sign-ins that are bound to another certificate than the
// origin's, which here are all that are bound to any.
func unbound(token string) bool {
	t := authwire.ParseAuthorization([]byte("NTLM " + token))
	return t.NTLM != nil && strings.Trim(t.NTLM.Binding, "0") == ""
}

// bindingFaults have an origin that wants to be the end of TLS.
func bindingFaults() []corpusCase {
	visit := func(b *bench) {
		b.captureFor(func() { b.chromium(withPassword(b.url("/mail"))) })
	}
	return []corpusCase{
		{"sick/channel-binding-mismatch-haproxy", label("HAProxy ends TLS with a certificate of its own in front of an origin that checks channel bindings; Chromium signs in by NTLM; TLS 1.3",
			"find channel-binding-mismatch", "not loopback-check-401", "not ntlm-handshake-split", "synthetic the origin is scripted"), func(b *bench) {
			back := b.second()
			back.iis(testnet.NTLMOrigin{Admits: unbound}, tls.VersionTLS13)
			b.haproxy(haproxyTo(back, "ssl", "verify", "none", "sni", "str("+host+")"))
			visit(b)
		}},
		{"sick/channel-binding-mismatch-apache", label("Apache ends TLS with a certificate of its own in front of an origin that checks channel bindings; Chromium signs in by NTLM; TLS 1.2",
			"find channel-binding-mismatch", "not loopback-check-401", "not ntlm-handshake-split", "synthetic the origin is scripted"), func(b *bench) {
			back := b.second()
			back.iis(testnet.NTLMOrigin{Admits: unbound}, tls.VersionTLS12)
			b.apacheProxy(back, "https", "SSLProxyEngine On\nSSLProxyCheckPeerName Off\nSSLProtocol TLSv1.2")
			visit(b)
		}},
	}
}
