package oracle

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"fanlight/internal/testnet"
)

const more, last = "/private/more.txt", "/private/last.txt"

// negotiates is what curl needs to sign in by Negotiate as whoever it is.
var negotiates = []string{"--http1.1", "--negotiate", "-u", ":"}

// askFor runs curl for each target on one connection.
func (b *bench) askFor(options []string, targets ...string) {
	b.t.Helper()
	args := slices.Clone(options)
	for _, target := range targets {
		args = append(args, b.url(target), "-o", "/dev/null")
	}
	b.curl(args...)
}

// ticketed is Apache that signs in by Kerberos, and a client with a ticket.
func (b *bench) ticketed(server string, location ...string) *realm {
	r := b.kerberos()
	b.gssapi(server, append([]string{"GssapiAllowedMech krb5"}, location...)...)
	r.login()
	return r
}

// ntlmApache is Apache that signs in connections by NTLM.
func (b *bench) ntlmApache(server string) {
	b.ntlmUsers()
	b.gssapi(server, "GssapiAllowedMech ntlmssp", "GssapiConnectionBound On")
}

// kerberosFaults have tickets that are not taken, or none.
func kerberosFaults() []corpusCase {
	skew := func(by, version string) func(b *bench) {
		return func(b *bench) {
			r := b.kerberos()
			right := b.env
			b.atAnotherTime(by)
			b.gssapi("SSLProtocol "+version, "GssapiAllowedMech krb5")
			b.env = right
			r.login()
			b.captureFor(func() { b.askFor(negotiates, private, more) })
		}
	}
	return []corpusCase{
		{"sick/kerberos-clock-skew-ahead", label("Apache with mod_auth_gssapi runs ten minutes ahead (faketime); curl --negotiate with a ticket of MIT's KDC; TLS 1.3",
			"find kerberos-clock-skew conn c1", "not kerberos-wrong-key"), skew("+10m", "TLSv1.3")},
		{"sick/kerberos-clock-skew-behind", label("Apache with mod_auth_gssapi runs ten minutes behind (faketime); curl --negotiate with a ticket of MIT's KDC; TLS 1.2",
			"find kerberos-clock-skew conn c1", "not kerberos-wrong-key"), skew("-10m", "TLSv1.2")},
		{"sick/kerberos-wrong-key-proxy", label("the same at a proxy: Apache's keytab has the old key only; curl --proxy-negotiate without TLS",
			"find kerberos-wrong-key", "not kerberos-clock-skew"), func(b *bench) {
			back := b.second()
			back.goServer(echo(text(300)), nil, false)
			r := b.forwardProxy(back)
			r.keytab("new.keytab")
			b.captureFor(func() { b.askProxy(back, "/?n=100") })
		}},
		{"sick/kerberos-wrong-key-rekeyed", label("the service got a new key (kadmin ktadd), Apache's keytab has the old one only; curl --negotiate, TLS 1.3",
			"find kerberos-wrong-key conn c1", "not kerberos-clock-skew"), func(b *bench) {
			r := b.ticketed("SSLProtocol TLSv1.3")
			r.keytab("new.keytab")
			b.captureFor(func() { b.askFor(negotiates, private, more) })
		}},
		{"sick/kerberos-wrong-key-new-tickets", label("the service got a new key, Apache's keytab has the old one: a user with an old ticket gets in, one with a new ticket does not; TLS 1.3",
			"find kerberos-wrong-key conn c2"), func(b *bench) {
			r := b.ticketed("SSLProtocol TLSv1.3")
			b.client(program(b.t, "kvno"), nil, service)
			r.keytab("new.keytab")
			b.captureFor(func() {
				b.askFor(negotiates, private)
				b.env = append(b.env, "KRB5CCNAME=FILE:"+b.dir+"/others.tickets")
				r.login()
				b.askFor(negotiates, private)
			})
		}},
		{"sick/kerberos-wrong-key-password", label("Apache's keytab has another key under the same version (made from another password); curl --negotiate, TLS 1.2",
			"find kerberos-wrong-key conn c1", "not kerberos-clock-skew"), func(b *bench) {
			r := b.ticketed("SSLProtocol TLSv1.2")
			r.admin("cpw -pw right " + service)
			b.client("/bin/sh", nil, "-c", `v=$(kvno `+service+` | sed 's/.*= //'); rm http.keytab
printf 'addent -password -p `+service+`@`+realmName+` -k %s -e aes256-cts-hmac-sha1-96\nwrong\nwkt http.keytab\nq\n' $v | ktutil; chmod 644 http.keytab`)
			b.captureFor(func() { b.askFor(negotiates, private, more) })
		}},
		{"sick/kerberos-wrong-key-type", label("Apache's keytab has no key of the type that the ticket is made with; curl --negotiate, TLS 1.3",
			"find kerberos-wrong-key conn c1", "not kerberos-clock-skew"), func(b *bench) {
			r := b.ticketed("SSLProtocol TLSv1.3")
			r.admin("ktadd -norandkey -k all.keytab " + service)
			b.client("/bin/sh", nil, "-c", `rm http.keytab; printf 'rkt all.keytab\ndelent 1\nwkt http.keytab\nl -e\nq\n' | ktutil; chmod 644 http.keytab`)
			b.captureFor(func() { b.askFor(negotiates, private, more) })
		}},
		{"sick/kerberos-wrong-key-account", label("Apache's keytab is of another service; curl --negotiate, TLS 1.2",
			"find kerberos-wrong-key conn c1", "not kerberos-clock-skew"), func(b *bench) {
			r := b.ticketed("SSLProtocol TLSv1.2")
			r.admin("addprinc -randkey HTTP/other.test", "ktadd -k other.keytab HTTP/other.test")
			b.client("/bin/sh", nil, "-c", "mv other.keytab http.keytab; chmod 644 http.keytab")
			b.captureFor(func() { b.askFor(negotiates, private, more) })
		}},
		{"sick/negotiate-fell-back-to-ntlm-address", label("a user with a ticket asks for an IP address; Apache takes Kerberos and NTLM, curl --negotiate with gss-ntlmssp; TLS 1.3",
			"find negotiate-fell-back-to-ntlm conn c1"), func(b *bench) {
			b.ntlmUsers()
			b.ticketed("SSLProtocol TLSv1.3", "GssapiAllowedMech ntlmssp", "GssapiConnectionBound On")
			b.captureFor(func() { b.curl(append(negotiates, "https://"+b.addr.String()+private)...) })
		}},
		{"sick/negotiate-fell-back-to-ntlm-no-ticket", label("a user without a ticket; Apache takes Kerberos and NTLM, curl --negotiate with gss-ntlmssp; TLS 1.2",
			"find negotiate-fell-back-to-ntlm conn c1"), func(b *bench) {
			b.ntlmUsers()
			b.ticketed("SSLProtocol TLSv1.2", "GssapiAllowedMech ntlmssp", "GssapiConnectionBound On")
			b.client(program(b.t, "kdestroy"), nil)
			b.captureFor(func() { b.askFor(negotiates, private, more) })
		}},
	}
}

// persistenceFaults are sign-ins that do not last.
func persistenceFaults() []corpusCase {
	fiveRequests := script(`for (const u of ["page.txt", "more.txt", "last.txt", "page.txt?4", "page.txt?5"]) {
		const x = new XMLHttpRequest(); x.open("GET", u, false); x.send() }`)
	fivePages := []string{private, more, last, "/private/page.txt?4", "/private/page.txt?5"}
	return []corpusCase{
		{"sick/auth-connection-closed-midway-apache", label("Apache, KeepAlive Off; NTLM within Negotiate, mod_auth_gssapi and Chromium with gss-ntlmssp; TLS 1.3",
			"find auth-connection-closed-midway confidence proof"), func(b *bench) {
			b.ntlmApache("KeepAlive Off\nSSLProtocol TLSv1.3")
			b.captureFor(func() { b.chromium(b.url(private), b.trusted()) })
		}},
		{"sick/auth-connection-closed-midway-haproxy", label("HAProxy, option httpclose, in front of an origin that signs in by NTLM; curl --ntlm, TLS 1.2",
			"find auth-connection-closed-midway", "synthetic the origin is scripted"), func(b *bench) {
			back := b.second()
			back.iis(testnet.NTLMOrigin{}, 0)
			b.haproxy(strings.Replace(haproxyTo(back), "mode http", "mode http\n option httpclose", 1))
			b.captureFor(func() { b.askFor([]string{"--http1.1", "--tls-max", "1.2", "--ntlm", "-u", `TEST\anna:secret`}, "/a") })
		}},
		{"sick/auth-connection-closed-midway-behind", label("HAProxy in front of Apache, KeepAlive Off; NTLM within Negotiate, curl with gss-ntlmssp; TLS 1.3",
			"find auth-connection-closed-midway", "not ntlm-handshake-split"), func(b *bench) {
			back := b.second()
			back.ntlmApache("SSLEngine off\nKeepAlive Off")
			b.env = back.env
			b.haproxy(haproxyTo(back))
			b.captureFor(func() { b.askFor(negotiates, private) })
		}},
		{"sick/auth-repeated-per-request-kerberos", label("Apache, GssapiConnectionBound off; Chromium signs in by Kerberos for a page and its pictures; TLS 1.3",
			"find auth-repeated-per-request conn c1"), func(b *bench) {
			b.ticketed("SSLProtocol TLSv1.3")
			b.write("www/private/index.html", fiveRequests)
			b.captureFor(func() { b.chromium(b.url("/private/index.html"), b.trusted()) })
		}},
		{"sick/auth-repeated-per-request-http2", label("Apache with HTTP/2, GssapiConnectionBound off; Chromium signs in by Kerberos for a page and what its script asks for, for which it goes over to HTTP/1.1",
			"find auth-repeated-per-request"), func(b *bench) {
			b.ticketed("Protocols h2 http/1.1")
			b.write("www/private/index.html", fiveRequests)
			b.captureFor(func() { b.chromium(b.url("/private/index.html"), b.trusted()) })
		}},
		{"sick/auth-repeated-per-request-anyauth", label("Apache, GssapiConnectionBound off; curl --anyauth asks without a ticket first, for each of five URLs; TLS 1.2",
			"find auth-repeated-per-request conn c1"), func(b *bench) {
			b.ticketed("SSLProtocol TLSv1.2")
			b.captureFor(func() { b.askFor([]string{"--http1.1", "--anyauth", "-u", ":"}, fivePages...) })
		}},
		{"sick/auth-repeated-per-request-basic", label("nginx, auth_basic; curl --anyauth asks without a password first, for each of five URLs; TLS 1.2",
			"find auth-repeated-per-request conn c1"), func(b *bench) {
			b.basic("ssl_protocols TLSv1.2;")
			b.captureFor(func() { b.askFor([]string{"--http1.1", "--anyauth", "-u", "anna:secret"}, fivePages...) })
		}},
		{"sick/server-header-stripped-reauth-ntlm", label("a client with the manners of IE 7, an origin that signs in by NTLM and sends no Server header; TLS 1.2",
			"find server-header-stripped-reauth", "synthetic nothing here is IIS or Internet Explorer"), func(b *bench) {
			b.iis(testnet.NTLMOrigin{NoServerHeader: true}, tls.VersionTLS12)
			b.captureFor(func() {
				e := &explorer{b: b, scheme: "NTLM", tls: &tls.Config{}}
				for i := range 4 {
					e.get(fmt.Sprintf("/page%d", i))
				}
			})
		}},
		{"sick/server-header-stripped-reauth-haproxy", label("a client with the manners of IE 7; HAProxy takes the Server header off the responses of an origin that signs in by Negotiate; TLS 1.3",
			"find server-header-stripped-reauth", "synthetic nothing here is IIS or Internet Explorer"), func(b *bench) {
			back := b.second()
			back.iis(testnet.NTLMOrigin{Scheme: "Negotiate"}, 0)
			b.haproxy(haproxyTo(back) + " http-response del-header server\n")
			b.captureFor(func() {
				e := &explorer{b: b, scheme: "Negotiate", tls: &tls.Config{MinVersion: tls.VersionTLS13}}
				for i := range 4 {
					e.get(fmt.Sprintf("/page%d", i))
				}
			})
		}},
	}
}

// signInFaults are sign-ins that fail or cost too much.
func signInFaults() []corpusCase {
	return slices.Concat(kerberosFaults(), persistenceFaults(), splitFaults(), viaFaults(), bindingFaults(), refusals())
}
