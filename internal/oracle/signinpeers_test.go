package oracle

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fanlight/internal/testnet"
)

const apacheModules = "/usr/lib/apache2/modules"

// private is what users have to sign in for.
const private = "/private/page.txt"

// gssapi protects /private by mod_auth_gssapi; more are lines within the Location.
func (b *bench) gssapi(server string, more ...string) {
	b.t.Helper()
	if _, err := os.Stat(apacheModules + "/mod_auth_gssapi.so"); err != nil {
		b.t.Skip("libapache2-mod-auth-gssapi is not installed")
	}
	if !strings.Contains(strings.Join(more, " "), "Require ") {
		more = append(more, "Require valid-user")
	}
	pages := map[string][]byte{"page.txt": text(200), "private/page.txt": text(300), "private/more.txt": text(400), "private/last.txt": text(500)}
	b.apache(pages, fmt.Sprintf(`LoadModule authn_core_module %[1]s/mod_authn_core.so
LoadModule authz_user_module %[1]s/mod_authz_user.so
LoadModule auth_gssapi_module %[1]s/mod_auth_gssapi.so
%[2]s
<Location /private>
AuthType GSSAPI
AuthName corpus
%[3]s
</Location>
`, apacheModules, server, strings.Join(more, "\n")))
}

// ntlmUsers makes NTLM of gss-ntlmssp let two users in, and has programs sign
// in as the first of them (see as).
func (b *bench) ntlmUsers() {
	b.env = append(b.env, "NTLM_USER_FILE="+b.write("ntlm.users", []byte("TEST:anna:secret\nTEST:berta:other\n")),
		"KRB5_CONFIG="+b.write("krb5.conf", []byte("[libdefaults]\ndns_lookup_kdc = false\ndns_canonicalize_hostname = false\nrdns = false\n")))
}

// as is the bench with programs that sign in by NTLM as that user.
func (b *bench) as(user, password string) *bench {
	other := *b
	other.env = append(slices.Clone(b.env), "NTLM_USER_FILE="+b.write(user+".user", []byte("TEST:"+user+":"+password+"\n")))
	return &other
}

// realm is a Kerberos realm of the case: MIT's KDC with its database in the
// folder of the case.
type realm struct{ b *bench }

const (
	realmName = "CORPUS.TEST"
	service   = "HTTP/" + host
)

// kerberos starts a KDC with a user anna and the service of the host, whose
// key is in http.keytab. Programs that are started from here on are of the realm.
func (b *bench) kerberos() *realm {
	b.t.Helper()
	kdc := *b
	kdc.listenAnywhere()
	r := &realm{b}
	r.configure(kdc.addr.String())
	b.client(program(b.t, "kdb5_util"), nil, "create", "-s", "-P", "master", "-r", realmName)
	r.admin("addprinc -pw secret anna", "addprinc -randkey "+service)
	r.keytab("http.keytab")
	kdc.env = b.env
	kdc.launch(program(b.t, "krb5kdc"), "-n", "-P", b.dir+"/kdc.pid")
	return r
}

// configure has programs find the KDC at an address, and nothing by DNS.
func (r *realm) configure(kdc string) {
	b := r.b
	config := fmt.Sprintf(`[libdefaults]
default_realm = %[1]s
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
[realms]
%[1]s = {
 kdc = %[2]s
}
[domain_realm]
.test = %[1]s
`, realmName, kdc)
	profile := fmt.Sprintf(`[kdcdefaults]
kdc_listen = ""
kdc_tcp_listen = %[2]s
[realms]
%[1]s = {
 database_name = %[3]s/principal
 key_stash_file = %[3]s/stash
 acl_file = %[3]s/acl
}
[logging]
kdc = FILE:%[3]s/kdc.log
`, realmName, kdc, b.dir)
	b.env = append(b.env, "KRB5_CONFIG="+b.write("krb5.conf", []byte(config)), "KRB5_KDC_PROFILE="+b.write("kdc.conf", []byte(profile)),
		"KRB5CCNAME=FILE:"+b.dir+"/tickets", "KRB5RCACHENAME=none:", "KRB5_KTNAME=FILE:"+b.dir+"/http.keytab")
}

// admin runs commands of kadmin.
func (r *realm) admin(commands ...string) {
	r.b.t.Helper()
	for _, c := range commands {
		r.b.client(program(r.b.t, "kadmin.local"), nil, "-r", realmName, "-q", c)
	}
}

// keytab gives the service a new key and writes it to a file that Apache reads.
func (r *realm) keytab(name string) {
	r.b.t.Helper()
	path := r.b.dir + "/" + name
	r.admin("ktadd -k " + path + " " + service)
	must(r.b.t, os.Chmod(path, 0o644))
}

// atAnotherTime has programs that are started from here on think that it is
// earlier or later: -10m.
func (b *bench) atAnotherTime(by string) {
	b.t.Helper()
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	must(b.t, err)
	if len(found) == 0 {
		b.t.Skip("faketime is not installed")
	}
	b.env = append(b.env, "LD_PRELOAD="+found[0], "FAKETIME="+by)
}

// login gets the user's ticket.
func (r *realm) login() {
	r.b.t.Helper()
	r.b.client(program(r.b.t, "kinit"), strings.NewReader("secret\n"), "anna")
}

// chromium loads a page and prints what has become of it; flags are more of its own.
func (b *bench) chromium(url string, flags ...string) string {
	b.t.Helper()
	ip := b.addr.Addr().String()
	return b.client(program(b.t, "chromium"), nil, append(append([]string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + b.dir + "/profile",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
		"--ignore-certificate-errors", "--host-resolver-rules=MAP " + host + " " + ip + ",MAP * ~NOTFOUND,EXCLUDE " + ip,
		"--timeout=8000", "--dump-dom",
	}, flags...), url)...)
}

// trusted lets Chromium sign in to the host by itself, and gives the flag for
// it. Without what is written into its state it would not look for the Kerberos
// library before its second start, and would ask for a ticket for the address.
func (b *bench) trusted() string {
	b.write("profile/Local State", []byte(`{"auth":{"disable_negotiate_cname_lookup":true},"net":{"received_http_auth_negotiate_headers":true}}`))
	return "--auth-server-allowlist=" + host
}

// script is a page without an icon that runs a script.
func script(code string) []byte {
	return []byte(`<!doctype html><link rel=icon href="data:,"><script>` + code + "</script><p>done</p>")
}

// iis is a scripted origin that signs in by NTLM as IIS does, at the address of
// the case; over TLS up to a version, or without TLS if that is 0.
func (b *bench) iis(o testnet.NTLMOrigin, version uint16) {
	b.t.Helper()
	shared.once.Do(func() { shared.make(b.t) })
	o.At = testnet.At{Addr: b.addr.String(), CA: shared.ca, Leaf: testnet.Leaf{RSA: true, Names: []string{host}}, Plain: version == 0,
		Tune: func(c *tls.Config) { c.MaxVersion, c.KeyLogWriter = version, b.keyLog() }}
	if o.Server == "" {
		o.Server = "Microsoft-IIS/10.0"
	}
	o.Start(b.t)
}

// explorer is a client that signs in by itself with tokens without proofs, and
// that closes the connection after a signed-in response without Server header,
// as Internet Explorer 7 does.
type explorer struct {
	b      *bench
	scheme string
	tls    *tls.Config
	v      *visitor
}

func (e *explorer) get(target string) {
	if e.v == nil {
		e.v = e.b.visit(e.tls)
	}
	res := e.ask(target, "")
	if res != nil && res.StatusCode == http.StatusUnauthorized {
		e.ask(target, testnet.NTLMNegotiate())
		res = e.ask(target, testnet.NTLMAuthenticate("anna"))
	}
	if res == nil || res.Header.Get("Server") == "" {
		e.v.Close()
		e.v = nil
	}
}

func (e *explorer) ask(target, token string) *http.Response {
	fields := []string{"User-Agent: Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0)"}
	if token != "" {
		fields = append(fields, "Authorization: "+e.scheme+" "+token)
	}
	e.v.ask(http.MethodGet, target, fields...)
	res, err := http.ReadResponse(e.v.in, nil)
	if err != nil {
		return nil
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return res
}
