package config

import (
	"bytes"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

const example = "../../docs/fanlight.example.yaml"

func readExample(t testing.TB) []byte {
	t.Helper()
	src, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestExample(t *testing.T) {
	c, err := Load(example)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Faults) > 0 {
		t.Fatalf("faults: %v", (*Faults)(&c.Faults))
	}
	if got, want := c.SiteNames(), []string{"shop", "api", "old", "shared", "plain"}; !slices.Equal(got, want) {
		t.Errorf("sites %v, want %v", got, want)
	}
	if got := c.SiteFile("shop"); got != example {
		t.Errorf("shop is in %s", got)
	}
	wantBind := []Binding{
		{Addr: netip.MustParseAddrPort("127.0.0.2:443"), Names: []string{"shop.test", "www.shop.test"}},
		{Addr: netip.MustParseAddrPort("[::1]:443"), Names: []string{"shop.test"}},
	}
	shop := c.Sites["shop"]
	if diff := cmp.Diff(wantBind, shop.Bind, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	wantTLS := OriginTLS{CA: "origin-ca.pem", Name: "app.internal", Min: "1.2", Max: "1.3", Renegotiation: "once",
		ClientCertificate: &Certificate{PFX: "client.pfx", PasswordFile: "pw"}}
	if diff := cmp.Diff(wantTLS, shop.Routes[1].TLS); diff != "" {
		t.Error(diff)
	}
	if got, want := shop.Routes[1].To, (Origins{{Scheme: "https", Host: "10.0.0.5", Port: 8443, Weight: 1}}); !slices.Equal(got, want) {
		t.Errorf("origins %v, want %v", got, want)
	}
	if got := c.Resolve("origin-ca.pem"); got != filepath.Join(c.Dir, "origin-ca.pem") || !filepath.IsAbs(got) {
		t.Errorf("resolved %s", got)
	}
	if c.ControlSocket() != "/run/fanlight.sock" || c.DataDir() != filepath.Join(c.Dir, "fanlight-data") {
		t.Errorf("control %s, data %s", c.ControlSocket(), c.DataDir())
	}
}

// The example shows every key.
func TestExampleIsComplete(t *testing.T) {
	c, err := Load(example)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for path := range c.places.spots {
		shown[path[strings.LastIndexByte(path, '.')+1:]] = true
	}
	for _, v := range []any{Config{}, Recording{}, Disk{}, Limits{}, Site{}, HeaderRules{}, Route{}, OriginTLS{}, Timeouts{}, Pool{}} {
		for _, key := range keysOf(fieldsOf(reflect.TypeOf(v))) {
			if !shown[key] {
				t.Errorf("%T: the example lacks %s", v, key)
			}
		}
	}
}

func TestEmptyFileIsTheDefaults(t *testing.T) {
	for _, src := range []string{"", "# nothing\n", "---\n", "{}", "sites:\nlimits:\n"} {
		c, err := Parse("/etc/fanlight.yaml", []byte(src))
		if err != nil {
			t.Fatalf("%q: %v", src, err)
		}
		if c.Console != "127.0.0.1:7443" || c.ControlSocket() != "/etc/fanlight-data/control.sock" || c.Limits.HeaderBytes != 32<<10 {
			t.Errorf("%q: console %s, control %s, limits %+v", src, c.Console, c.ControlSocket(), c.Limits)
		}
	}
}

func TestLoadOfAMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "fanlight.yaml"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "read configuration: ") {
		t.Errorf("got %v", err)
	}
}

func TestLoadRefusesAHugeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanlight.yaml")
	if err := os.WriteFile(path, bytes.Repeat([]byte("#\n"), maxFileSize/2+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "larger than 8MiB") {
		t.Errorf("got %v", err)
	}
}

func TestMergeKeysGiveWay(t *testing.T) {
	c, err := Parse("fanlight.yaml", []byte(`sites:
  a: &a {bind: ["127.0.0.2:443 a.test"], state: stopped, routes: [{path: /, files: a}]}
  b: {<<: *a, bind: ["127.0.0.2:443 b.test"]}
`))
	if err != nil || len(c.Faults) > 0 {
		t.Fatal(err, c)
	}
	if b := c.Sites["b"]; b.State != "stopped" || b.Bind[0].Names[0] != "b.test" {
		t.Errorf("got %+v", b)
	}
}

func TestAliasesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("sites:\n  s0: &s\n    bind: [\"127.0.0.2:443\"]\n    routes:\n      - &r {path: /, to: &o [")
	b.WriteString(strings.Repeat("\"https://a\",", 300) + "]}\n")
	b.WriteString(strings.Repeat("      - *r\n", 300))
	for i := range 100 {
		b.WriteString("  t" + strings.Repeat("x", i%50) + string(rune('a'+i/50)) + ": *s\n")
	}
	if _, err := Parse("fanlight.yaml", []byte(b.String())); err == nil || !strings.Contains(err.Error(), "alias") {
		t.Errorf("got %.200v", err)
	}
}

func TestFaultOfAPath(t *testing.T) {
	c, err := Parse("dir/fanlight.yaml", []byte(`sites:
  shop: {bind: ["127.0.0.2:443 shop.test"], routes: [{path: /, files: a}]}
  shop.two:
    bind: ["127.0.0.2:443 two.test"]
    certificate: {file: two.pem}
    routes: [{path: /, files: a}]
`))
	if err != nil {
		t.Fatal(err)
	}
	f := c.Fault("sites.shop.two.certificate.file", "read two.pem: permission denied", "")
	want := Fault{File: "dir/fanlight.yaml", Line: 5, Column: 25, Path: "sites.shop.two.certificate.file", Site: "shop.two",
		Message: "read two.pem: permission denied", Source: "    certificate: {file: two.pem}"}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
	if got := f.Error(); got != "dir/fanlight.yaml:5:25: read two.pem: permission denied" {
		t.Errorf("got %s", got)
	}
	if f := c.Fault("sites.shop.certificate.file", "x", ""); f.Site != "shop" || f.Line != 2 {
		t.Errorf("what is not written: %+v", f)
	}
	if f := c.Fault("limits.grace", "x", ""); f.Error() != "dir/fanlight.yaml: x" || f.Site != "" {
		t.Errorf("nothing of it is written: %s", f.Error())
	}
	if f := new(Config).Fault("sites.shop", "x", "y"); f.Report() != "x\nhelp: y\n" {
		t.Errorf("no file: %q", f.Report())
	}
}

func TestReportOfALongLine(t *testing.T) {
	f := Fault{File: "f", Line: 1, Column: 501, Message: "m", Source: strings.Repeat("ä", 500) + "!" + strings.Repeat("x", 500)}
	lines := strings.Split(f.Report(), "\n")
	source, caret := []rune(lines[1]), []rune(lines[2])
	if len(source) > 180 || source[slices.Index(caret, '^')] != '!' {
		t.Errorf("report:\n%s", f.Report())
	}
	f = Fault{File: "f", Line: 1, Column: 3, Message: "m", Source: "\t\tx"}
	if got, want := f.Report(), "f:1:3: m\n   1 | \t\tx\n     | \t\t^\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestValuesRoundTrip(t *testing.T) {
	for _, s := range []string{"5s", "250ms", "1h30m", "1h", "1m", "1m15s", "1.5s", "10m", "100h"} {
		d, err := parseDuration(s)
		if err != nil || d.String() != s {
			t.Errorf("duration %s: got %s, %v", s, d, err)
		}
	}
	if d, _ := parseDuration("90m"); time.Duration(d) != 90*time.Minute {
		t.Errorf("90m: %s", d)
	}
	for _, s := range []string{"64MiB", "10kB", "17", "0", "3GiB", "5GB"} {
		v, err := parseSize(s)
		if err != nil || v.String() != s {
			t.Errorf("size %s: got %s, %v", s, v, err)
		}
	}
	for _, s := range []string{"127.0.0.2:443 shop.test *.shop.test", "[::1]:443", "http://127.0.0.2:80 a_b.test", "[fe80::1%eth0]:443 x"} {
		b, err := parseBinding(s)
		if err != nil || b.String() != s {
			t.Errorf("binding %s: got %s, %v", s, b, err)
		}
	}
	for _, s := range []string{"https://10.0.0.5:8443", "http://[::1]:80", "https://app.internal:443"} {
		o, err := parseOrigin(s)
		if err != nil || o.String() != s {
			t.Errorf("origin %s: got %s, %v", s, o, err)
		}
	}
}

func TestParsedForms(t *testing.T) {
	b, err := parseBinding("https://127.0.0.2:443  SHOP.test. ")
	if err != nil || b.String() != "127.0.0.2:443 shop.test" {
		t.Errorf("got %s, %v", b, err)
	}
	b, err = parseBinding("[::ffff:127.0.0.2]:443")
	if err != nil || b.Addr != netip.MustParseAddrPort("127.0.0.2:443") {
		t.Errorf("got %s, %v", b, err)
	}
	o, err := parseOrigin("http://localhost")
	if err != nil || o != (Origin{Scheme: "http", Host: "localhost", Port: 80}) {
		t.Errorf("got %s, %v", o, err)
	}
	for text, want := range map[string]string{"10.0.0.7": "10.0.0.7/32", "::ffff:10.0.0.7": "10.0.0.7/32", "::ffff:10.0.0.0/104": "10.0.0.0/8",
		"::ffff:0.0.0.0/96": "0.0.0.0/0", "::/0": "::/0", "fd00::/8": "fd00::/8"} {
		if p, err := parsePrefix(text); err != nil || p.String() != want {
			t.Errorf("%s: got %s, %v, want %s", text, p, err, want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"bnd", "bind", 1}, {"bidn", "bind", 1}, {"bind", "bind", 0}, {"files", "file", 1}, {"cat", "dog", 3}} {
		if got := editDistance(c.a, c.b); got != c.want || editDistance(c.b, c.a) != c.want {
			t.Errorf("%s, %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// Whatever the file says, reading it ends, every fault can be printed and lies
// in the file, a site without faults is usable, and edits change one thing or
// nothing.
func FuzzParse(f *testing.F) {
	f.Add(readExample(f))
	archives, err := filepath.Glob("testdata/faults/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			f.Add(file.Data)
		}
	}
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("sites: &s {a: *s}\n"))
	f.Add([]byte("sites: {a: &a {<<: *a}}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := Parse("f.yaml", src)
		var faults *Faults
		if err != nil && !errors.As(err, &faults) {
			t.Fatalf("%T: %v", err, err)
		}
		if err != nil {
			_ = err.Error()
			checkPlaces(t, *faults, src)
			return
		}
		checkPlaces(t, c.Faults, src)
		checkPlaces(t, c.Warnings(), src)
		for name, s := range c.Sites {
			if len(c.SiteFaults(name)) == 0 && (len(s.Bind) == 0 || len(s.Routes) == 0 || !s.Bind[0].Addr.IsValid()) {
				t.Fatalf("site %q has no fault and is not usable: %+v", name, s)
			}
			if out, err := SetSiteState(src, name, "stopped"); err == nil {
				if again, err := Parse("f.yaml", out); err != nil || again.Sites[name].State != "stopped" {
					t.Fatalf("edited to %q: %v", out, err)
				}
			}
		}
	})
}

func checkPlaces(t *testing.T, faults []Fault, src []byte) {
	lines := bytes.Count(src, []byte("\n")) + 1
	for _, f := range faults {
		if f.Message == "" || f.Line < 0 || f.Line > lines || !strings.HasSuffix(f.Report(), "\n") {
			t.Fatalf("fault %+v in a file of %d lines", f, lines)
		}
	}
}
