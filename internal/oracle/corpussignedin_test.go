package oracle

import (
	"crypto/tls"
	"fmt"
	"strings"

	"fanlight/internal/testnet"
)

// basic is nginx that signs in by Basic; location are more directives of what is private.
func (b *bench) basic(directives string, location ...string) {
	b.t.Helper()
	b.write("users", []byte("anna:{PLAIN}secret\n"))
	page := text(300)
	b.nginx(map[string][]byte{"private/page.txt": page, "private/more.txt": page, "private/last.txt": page}, "ssl",
		directives+` location /private { auth_basic corpus; auth_basic_user_file `+b.dir+`/users; `+strings.Join(location, " ")+`}`)
}

// digest is Apache that signs in by Digest.
func (b *bench) digest() {
	b.t.Helper()
	// the hash of anna:corpus:secret, as htdigest writes it
	b.write("digests", []byte("anna:corpus:14bccb87a84bfe5257b8ed6bba3244b2\n"))
	b.apache(map[string][]byte{"private/page.txt": text(300), "private/more.txt": text(300)}, fmt.Sprintf(`LoadModule authn_core_module %[1]s/mod_authn_core.so
LoadModule authn_file_module %[1]s/mod_authn_file.so
LoadModule authz_user_module %[1]s/mod_authz_user.so
LoadModule auth_digest_module %[1]s/mod_auth_digest.so
<Location /private>
AuthType Digest
AuthName corpus
AuthUserFile %[2]s/digests
Require valid-user
</Location>
`, apacheModules, b.dir))
}

// forwardProxy is Apache as a proxy that users sign in to by Kerberos.
func (b *bench) forwardProxy(back *bench) *realm {
	b.t.Helper()
	r := b.kerberos()
	b.gssapi(fmt.Sprintf(`SSLEngine off
LoadModule proxy_module %[1]s/mod_proxy.so
LoadModule proxy_http_module %[1]s/mod_proxy_http.so
LoadModule proxy_connect_module %[1]s/mod_proxy_connect.so
ProxyRequests On
AllowCONNECT %[2]s
ProxySourceAddress %[3]s
<Proxy "*">
AuthType GSSAPI
AuthName proxy
GssapiAllowedMech krb5
Require valid-user
</Proxy>`, apacheModules, back.port(), b.addr.Addr()))
	r.login()
	return r
}

// askProxy runs curl for targets of a server without TLS, through the proxy.
func (b *bench) askProxy(back *bench, targets ...string) {
	b.t.Helper()
	args := []string{"-q", "-sS", "--noproxy", "", "--max-time", "20", "--proxy", "http://" + host + ":" + b.port(), "--proxy-negotiate", "--proxy-user", ":",
		"--resolve", host + ":" + b.port() + ":" + b.addr.Addr().String()}
	for _, target := range targets {
		args = append(args, "http://"+back.addr.String()+target, "-o", "/dev/null")
	}
	b.client(program(b.t, "curl"), nil, args...)
}

// withPassword is a URL with the user and her password in it, which Chromium
// shows when it is asked.
func withPassword(url string) string {
	return strings.Replace(url, "https://", "https://anna:secret@", 1)
}

// preflight makes curl ask as a browser does before it puts something.
func preflight(url string) []string {
	return []string{"--http1.1", "-X", "OPTIONS", "-H", "Origin: https://page.test", "-H", "Access-Control-Request-Method: PUT", url}
}

// signInHealth are sign-ins that went well.
func signInHealth() []corpusCase {
	post := func(options ...string) []string { return append(options, "--data", "answer=42") }
	return []corpusCase{
		{"healthy/sign-in-kerberos", "", func(b *bench) {
			b.ticketed("", "GssapiConnectionBound On")
			b.captureFor(func() { b.askFor(negotiates, private, more) })
		}},
		{"healthy/sign-in-kerberos-chromium", "", func(b *bench) {
			b.ticketed("SSLProtocol TLSv1.2", "GssapiConnectionBound On")
			b.write("www/private/index.html", script(`for (const u of ["page.txt", "more.txt", "last.txt", "page.txt?4"]) {
				const x = new XMLHttpRequest(); x.open("GET", u, false); x.send() }`))
			b.captureFor(func() { b.chromium(b.url("/private/index.html"), b.trusted()) })
		}},
		{"healthy/sign-in-kerberos-each-request", "", func(b *bench) { // a ticket with each request, before it is asked for
			b.ticketed("SSLProtocol TLSv1.3")
			b.captureFor(func() { b.askFor(negotiates, private, more, last) })
		}},
		{"healthy/sign-in-ntlm", "", func(b *bench) {
			b.ntlmApache("")
			b.captureFor(func() { b.askFor(negotiates, private, more) })
		}},
		{"healthy/sign-in-ntlm-curl", "", func(b *bench) {
			b.iis(testnet.NTLMOrigin{}, tls.VersionTLS12)
			b.captureFor(func() { b.askFor([]string{"--http1.1", "--ntlm", "-u", `TEST\anna:secret`}, "/a", "/b", "/c") })
		}},
		{"healthy/sign-in-ntlm-chromium", "", func(b *bench) { // bound to the certificate of the origin
			b.iis(testnet.NTLMOrigin{}, tls.VersionTLS13)
			b.captureFor(func() { b.chromium(withPassword(b.url("/mail"))) })
		}},
		{"healthy/sign-in-ntlm-through-haproxy", "", func(b *bench) { // it shares connections, but not those
			back := b.second()
			back.plainNTLM()
			b.env = back.env
			b.haproxy(haproxyTo(back) + " http-reuse always\n")
			b.captureFor(func() {
				b.askFor(from("8", negotiates...), private, more)
				b.as("berta", "other").askFor(from("9", negotiates...), private)
			})
		}},
		{"healthy/sign-in-kerberos-through-haproxy", "", func(b *bench) { // as it comes; the second client's first request has a connection of its own
			back := b.second()
			back.ticketed("SSLEngine off", "GssapiConnectionBound On")
			b.env = back.env
			b.haproxy(haproxyTo(back))
			b.captureFor(func() {
				b.askFor(from("8", negotiates...), private, more)
				b.askFor(from("9", "--http1.1"), "/page.txt", private)
			})
		}},
		{"healthy/sign-in-basic-chromium", "", func(b *bench) {
			b.basic("")
			b.captureFor(func() { b.chromium(withPassword(b.url(private))) })
		}},
		{"healthy/sign-in-digest", "", func(b *bench) {
			b.digest()
			b.captureFor(func() { b.askFor([]string{"--http1.1", "--digest", "-u", "anna:secret"}, private, more) })
		}},
		{"healthy/sign-in-post-kerberos", "", func(b *bench) {
			b.ticketed("")
			b.captureFor(func() { b.askFor(post(negotiates...), private) })
		}},
		{"healthy/sign-in-post-ntlm", "", func(b *bench) {
			b.iis(testnet.NTLMOrigin{}, tls.VersionTLS13)
			b.captureFor(func() { b.askFor(post("--http1.1", "--ntlm", "-u", `TEST\anna:secret`), "/form") })
		}},
		{"healthy/sign-in-wrong-password-first", "", func(b *bench) {
			b.ntlmApache("")
			b.captureFor(func() {
				b.as("anna", "wrong").askFor(negotiates, private)
				b.askFor(negotiates, private)
			})
		}},
		{"healthy/sign-in-basic-wrong-password-first", "", func(b *bench) {
			b.basic("ssl_protocols TLSv1.2;")
			b.captureFor(func() {
				b.askFor([]string{"--http1.1", "-u", "anna:wrong"}, private)
				b.askFor([]string{"--http1.1", "-u", "anna:secret"}, private)
			})
		}},
		{"healthy/sign-in-each-run", "", func(b *bench) { // a program that ends after a page
			b.ntlmApache("")
			b.captureFor(func() {
				for _, page := range []string{private, more, last} {
					b.askFor(negotiates, page)
				}
			})
		}},
		{"healthy/sign-in-not-wanted", "", func(b *bench) { // one look, and away
			b.ticketed("")
			b.captureFor(func() { b.askFor([]string{"--http1.1"}, private) })
		}},
		{"healthy/sign-in-kerberos-anyauth", "", func(b *bench) { // asked once, for the connection
			b.ticketed("SSLProtocol TLSv1.2", "GssapiConnectionBound On")
			b.captureFor(func() { b.askFor([]string{"--http1.1", "--anyauth", "-u", ":"}, private, more, last) })
		}},
		{"healthy/sign-in-kerberos-not-authorized", "", func(b *bench) { // known, but not one of those who may
			b.ticketed("SSLProtocol TLSv1.2", "Require user berta@"+realmName)
			b.captureFor(func() { b.askFor(negotiates, private, more) })
		}},
		{"healthy/sign-in-kerberos-rolled-key", "", func(b *bench) { // the keytab has the old key and the new one
			r := b.ticketed("SSLProtocol TLSv1.3")
			b.client(program(b.t, "kvno"), nil, service)
			r.keytab("http.keytab")
			b.captureFor(func() { b.askFor(negotiates, private, more) })
		}},
		{"healthy/sign-in-kerberos-http2", "", func(b *bench) {
			b.ticketed("Protocols h2 http/1.1")
			b.captureFor(func() { b.askFor([]string{"--http2", "--negotiate", "-u", ":"}, private, more) })
		}},
		{"healthy/sign-in-kerberos-to-a-proxy", "", func(b *bench) {
			back := b.second()
			back.goServer(echo(text(300)), nil, false)
			b.forwardProxy(back)
			b.captureFor(func() { b.askProxy(back, "/?n=100", "/?n=200") })
		}},
		{"healthy/sign-in-kerberos-cookie", "", func(b *bench) { // remembered by a session of Apache
			b.ticketed("LoadModule session_module "+apacheModules+"/mod_session.so\nLoadModule session_cookie_module "+apacheModules+"/mod_session_cookie.so",
				"GssapiUseSessions On", "Session On", "SessionCookieName gssapi_session path=/;httponly;secure")
			b.captureFor(func() { b.askFor([]string{"--http1.1", "--anyauth", "-u", ":", "-b", ""}, private, more, last) })
		}},
		{"healthy/sign-in-ntlm-passed-through", "", func(b *bench) { // a gateway that opens no TLS
			back := b.second()
			back.ntlmApache("")
			b.env = back.env
			b.haproxy("defaults\n mode tcp\n timeout connect 2s\n timeout client 10s\n timeout server 10s\nfrontend f\n bind ADDR\n tcp-request inspect-delay 5s\n" +
				" tcp-request content accept if { req.ssl_hello_type 1 }\n use_backend a if { req.ssl_sni -i " + host + " }\nbackend a\n source " + b.addr.Addr().String() + "\n server a " + back.addr.String() + "\n")
			b.captureFor(func() { b.askFor(negotiates, private, more) })
		}},
		{"healthy/sign-in-server-header", "", func(b *bench) { // as Internet Explorer 7 did where there was one
			b.iis(testnet.NTLMOrigin{}, tls.VersionTLS12)
			b.captureFor(func() {
				e := &explorer{b: b, scheme: "NTLM", tls: &tls.Config{}}
				for i := range 4 {
					e.get(fmt.Sprintf("/page%d", i))
				}
				e.v.Close()
			})
		}},
		{"healthy/sign-in-via-kept", "", func(b *bench) { // an origin that does not mind
			back := b.second()
			back.iis(testnet.NTLMOrigin{}, 0)
			b.apacheProxy(back, "http", "ProxyVia On")
			b.captureFor(func() {
				b.askFor([]string{"--http1.1", "--ntlm", "-u", `TEST\anna:secret`}, "/a", "/b", "/c", "/d")
			})
		}},
		{"healthy/sign-in-ntlm-wrong-password-chromium", "", func(b *bench) { // bound to the certificate of the origin
			b.iis(testnet.NTLMOrigin{Server: "Kestrel", Admits: func(string) bool { return false }}, tls.VersionTLS13)
			b.captureFor(func() { b.chromium(withPassword(b.url("/mail"))) })
		}},
		{"healthy/preflight-answered-nginx", "", func(b *bench) {
			b.basic("", `add_header Access-Control-Allow-Origin https://page.test always; add_header Access-Control-Allow-Methods "GET, PUT" always;
				add_header Access-Control-Allow-Headers content-type always; add_header Access-Control-Allow-Credentials true always;
				if ($request_method = OPTIONS) { return 204; }`)
			b.captureFor(func() { b.curl(preflight(b.url(private))...) })
		}},
		{"healthy/preflight-answered-haproxy", "", func(b *bench) {
			back := b.second()
			back.iis(testnet.NTLMOrigin{}, 0)
			b.haproxy(strings.Replace(haproxyTo(back), "default_backend", `http-request return status 204 hdr Access-Control-Allow-Origin https://page.test hdr Access-Control-Allow-Methods "GET, PUT" hdr Access-Control-Allow-Headers content-type hdr Access-Control-Allow-Credentials true if METH_OPTIONS { req.hdr(access-control-request-method) -m found }
 default_backend`, 1))
			b.captureFor(func() { b.curl(preflight(b.url(private))...) })
		}},
		{"healthy/preflight-answered", "", func(b *bench) {
			page := b.second()
			b.ticketed("SSLProtocol TLSv1.3\n"+`Header always set Access-Control-Allow-Origin `+page.url("")+`
Header always set Access-Control-Allow-Methods POST
Header always set Access-Control-Allow-Headers content-type
Header always set Access-Control-Allow-Credentials true`, "<LimitExcept OPTIONS>", "Require valid-user", "</LimitExcept>")
			page.env = b.env
			page.preflights(b, "POST", page.trusted())
		}},
	}
}
