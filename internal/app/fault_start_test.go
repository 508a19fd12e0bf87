package app_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fanlight/internal/app"
	"fanlight/internal/machine"
	"fanlight/internal/site"
	"fanlight/internal/testnet"
)

const certificateConfig = `
sites:
  shop:
    bind: ["127.0.0.2:$PORT shop.test"]
    certificate: $CERTIFICATE
    routes: [{path: /, files: www}]
  docs:
    bind: ["127.0.0.3:$PORT docs.test"]
    routes: [{path: /, files: www}]
`

// A certificate that cannot be used fails its site alone, with file and line.
func TestCertificateFaults(t *testing.T) {
	ca := testnet.NewCA(t, "CA")
	one, two := ca.Issue(t, testnet.Leaf{Names: []string{"shop.test"}}), ca.Issue(t, testnet.Leaf{Names: []string{"shop.test"}})
	dir := t.TempDir()
	put := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, content, 0o600))
		return path
	}
	cert, key, other := put("one.pem", one.CertPEM), put("one.key", one.KeyPEM), put("two.key", two.KeyPEM)
	pfx := pfxFile(t, one, "right")
	put("password", []byte("wrong\n"))
	put("garbage.pem", []byte("no certificate\n"))
	for _, test := range []struct {
		name, certificate string
		says              []string
	}{
		{"file missing", "{file: $DIR/none.pem, key: $DIR/one.key}", []string{"none.pem", "no such file"}},
		{"key of another", "{file: " + cert + ", key: " + other + "}", []string{"two.key"}},
		{"key missing", "{file: " + cert + ", key: $DIR/none.key}", []string{"none.key", "no such file"}},
		{"garbage", "{file: $DIR/garbage.pem, key: " + key + "}", []string{"garbage.pem"}},
		{"PFX with a wrong password", "{pfx: " + pfx + ", password_file: $DIR/password}", []string{"password"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := open(t, strings.ReplaceAll(certificateConfig, "$CERTIFICATE", test.certificate), "$DIR", dir)
			if err == nil {
				t.Fatal("the site started")
			}
			says(t, "error", err.Error(), append(test.says, "fanlight.yaml:")...)
			says(t, "reason", d.Sites().Get("shop").Reason(), test.says...)
			text := strings.NewReplacer(dir, "DIR", filepath.Dir(d.path), "DIR", filepath.Dir(pfx), "DIR").Replace(err.Error())
			testnet.Golden(t, "../../testdata/stories/faults.txtar#certificate: "+test.name, text)
			if out, code := d.curl("docs.test", "127.0.0.3", d.url("docs.test", "/hello.txt")); code != 0 || out != "hello\n" {
				t.Errorf("of the other site curl ended with %d: %s", code, out)
			}
		})
	}
}

// pfxFile writes a certificate with its key as PKCS #12, by OpenSSL.
func pfxFile(t *testing.T, c *testnet.Cert, password string) string {
	t.Helper()
	openssl := program(t, "openssl")
	cert, key := c.Files(t)
	path := filepath.Join(t.TempDir(), "site.pfx")
	out, err := exec.Command(openssl, "pkcs12", "-export", "-in", cert, "-inkey", key, "-out", path, "-passout", "pass:"+password).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl pkcs12: %v\n%s", err, out)
	}
	return path
}

// A certificate that is out of date is shown as it is, and said to be so: to
// serve it is better than not to, and somebody may be testing just that.
func TestExpiredCertificate(t *testing.T) {
	ca := testnet.NewCA(t, "CA")
	cert, key := ca.Issue(t, testnet.Leaf{Names: []string{"shop.test"}}.Expired()).Files(t)
	d := serve(t, strings.ReplaceAll(certificateConfig, "$CERTIFICATE", `{file: "`+cert+`", key: "`+key+`"}`))
	var rows []struct {
		Name        string
		Certificate struct{ Fault string }
	}
	must(t, d.call("GET", "/api/sites", nil, &rows))
	for _, r := range rows {
		if expired := strings.Contains(r.Certificate.Fault, "shop.test expired on "); expired != (r.Name == "shop") {
			t.Errorf("the certificate of %s: %q", r.Name, r.Certificate.Fault)
		}
	}
}

const bindConfig = `
sites:
  shop:
    bind: ["$ADDR shop.test"]
    routes: [{path: /, files: www}]
`

// Every refusal of an address says why, and the way out.
func TestBindFaults(t *testing.T) {
	t.Run("held by another program", func(t *testing.T) {
		port := freePort(t)
		addr := "127.0.0.2:" + port
		startNginx(t, addr, addr)
		d := failsToBind(t, addr, app.AddressFault, "address-in-use")
		says(t, "reason", d.Sites().Get("shop").Reason(), "held by nginx (pid ")
	})
	t.Run("held by another door", func(t *testing.T) {
		addr := "127.0.0.2:" + freePort(t)
		serve(t, bindConfig, "$ADDR", addr)
		failsToBind(t, addr, app.AddressFault, "address-in-use")
	})
	t.Run("not on this machine", func(t *testing.T) {
		failsToBind(t, "192.0.2.77:"+freePort(t), app.AddressFault, "loopback-alias-missing")
	})
	t.Run("not permitted", func(t *testing.T) {
		dropBindRight(t)
		failsToBind(t, "127.0.0.2:443", app.PermissionFault, "port-not-permitted")
	})
}

// failsToBind starts a door whose site cannot have its address.
func failsToBind(t *testing.T, addr string, fault app.StartFault, finding string) *door {
	t.Helper()
	d, err := open(t, strings.ReplaceAll(bindConfig, "$ADDR", addr))
	var start *app.StartError
	var refused *machine.BindError
	if !errors.As(err, &start) || !errors.As(err, &refused) {
		t.Fatalf("started with %v, want a refused address", err)
	}
	if start.Fault != fault {
		t.Errorf("the fault is %d, want %d", start.Fault, fault)
	}
	if s := d.Sites().Get("shop"); s.State() != site.Failed {
		t.Errorf("the site is %s", s.State())
	}
	var text strings.Builder
	text.WriteString(err.Error() + "\n")
	for _, fix := range refused.Fixes {
		text.WriteString("way out: " + fix.String() + "\n")
	}
	if len(refused.Fixes) == 0 {
		t.Error("no way out is named")
	}
	d.expectFindings(finding)
	for _, f := range d.Explain(d.Trace()) {
		text.WriteString("finding " + f.ID + ": " + f.Cause + "\n")
	}
	_, port, _ := net.SplitHostPort(addr)
	got := strings.ReplaceAll(text.String(), ":"+port, ":443")
	for _, r := range ofMachine {
		got = r.pattern.ReplaceAllString(got, r.with)
	}
	testnet.Golden(t, "../../testdata/stories/faults.txtar#address: "+strings.ReplaceAll(strings.TrimPrefix(t.Name(), "TestBindFaults/"), "_", " "), got)
	return d
}

// ofMachine is what differs between machines in the explanation of a refusal.
var ofMachine = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`app\.test \(pid \d+\)`), "PROGRAM (pid PID)"},
	{regexp.MustCompile(`\(pid \d+\)`), "(pid PID)"},
	{regexp.MustCompile(`; it has .*`), "; it has ..."},
	{regexp.MustCompile(`(?m)^way out: .*(setcap|AmbientCapabilities|ListenStream).*\n`), ""},
}

// A file that the configuration names as the control socket by mistake is not
// removed.
func TestControlIsNoSocket(t *testing.T) {
	notes := filepath.Join(t.TempDir(), "notes.txt")
	write(t, notes, "of use\n")
	_, err := open(t, "control: unix:"+notes+"\nsites: {}\n")
	if err == nil || !strings.Contains(err.Error(), "notes.txt is no socket (control: in the configuration") {
		t.Errorf("the start gives %v", err)
	}
	if read(t, notes) != "of use\n" {
		t.Error("the file is another one")
	}
}
