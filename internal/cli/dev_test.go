package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fanlight/internal/config"
	"fanlight/internal/machine"
)

func TestParseDevSites(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := errors.Join(os.Mkdir("public", 0o755), os.WriteFile("file", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(dir, "public")
	tests := []struct{ arg, target, fault string }{
		{"Shop.TEST.=http://localhost:5001", "http://localhost:5001", ""},
		{"a.test=https://[::1]:8443/", "https://[::1]:8443", ""},
		{"a.test=5001", "http://localhost:5001", ""},
		{"a.test=localhost:5001", "http://localhost:5001", ""},
		{"a.test=./public", public, ""},
		{"a.test=" + public, public, ""},
		{"a.test", "", "expected NAME=TARGET"},
		{"=5001", "", "expected NAME=TARGET"},
		{"a.test=", "", "expected NAME=TARGET"},
		{"a.test=0", "", "no URL, no port"},
		{"a.test=65536", "", "no URL, no port"},
		{"a.test=file", "", "file is a file: give its folder"},
		{"a.test=gone/x:80", "", "no folder that exists"},
		{"a.test=ftp://localhost", "", "expected http://HOST:PORT"},
		{"a.test=http://u:p@localhost", "", "a URL with a user"},
		{"a.test=http://localhost/?q", "", "leave out what follows the port"},
	}
	for _, test := range tests {
		sites, err := parseDevSites([]string{test.arg})
		switch {
		case test.fault != "":
			if err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("%s: error %v, want %q", test.arg, err, test.fault)
			}
		case err != nil:
			t.Errorf("%s: %v", test.arg, err)
		case sites[0].target() != test.target:
			t.Errorf("%s: target %s, want %s", test.arg, sites[0].target(), test.target)
		}
	}
}

func TestDevYAMLIsRead(t *testing.T) {
	folder := `/srv/it's "quoted" & <odd>: {#}`
	sites := []devSite{
		{name: "1.test", folder: folder, addr: netip.MustParseAddrPort("127.0.0.7:443")},
		{name: "yes", origin: "https://[::1]:8443", addr: netip.MustParseAddrPort("127.0.0.8:443")},
	}
	o := devOptions{data: `/data: of "mine"`, console: "off", localNames: []string{"yes"}, insecure: true}
	c, err := config.Parse("fanlight dev", devYAML(o, sites, "dev-1"))
	if err != nil || len(c.Faults) > 0 {
		t.Fatal(err, c)
	}
	if c.DataDir() != o.data || c.ControlSocket() != filepath.Join(o.data, "dev-1.sock") || c.Console != "off" {
		t.Errorf("data %s, control %s, console %s", c.DataDir(), c.ControlSocket(), c.Console)
	}
	if got := c.Sites["1.test"].Routes[0].Files; got != folder {
		t.Errorf("folder %s", got)
	}
	yes := c.Sites["yes"]
	if got := yes.Routes[0]; got.To[0].String() != "https://[::1]:8443" || got.Host != "keep" || !got.TLS.Insecure {
		t.Errorf("route %+v", got)
	}
	if diff := cmp.Diff(yes.Bind[0].String(), "127.0.0.8:443 yes"); diff != "" {
		t.Error(diff)
	}
}

func TestExitCodes(t *testing.T) {
	denied := fmt.Errorf("write names: %w", fs.ErrPermission)
	o := devOptions{data: "/data"}
	tests := []struct {
		name string
		err  error
		want int
		text string
	}{
		{"hosts file not to be written", o.hostsFailure(denied), exitPermission, "run it as root, with --data /data"},
		{"hosts file missing", o.hostsFailure(fs.ErrNotExist), exitAddress, "not exist"},
		{"no stores left to fail", reportStores(streams{out: new(strings.Builder), err: new(strings.Builder)}, outputFlags{}, "installed",
			[]machine.StoreResult{{Store: "nss", Err: denied}}), exitPermission, "not every trust store"},
		{"store failed otherwise", reportStores(streams{out: new(strings.Builder), err: new(strings.Builder)}, outputFlags{}, "installed",
			[]machine.StoreResult{{Store: "nss", Err: errors.New("x")}}), exitFindings, "not every trust store"},
	}
	for _, test := range tests {
		if codeOf(test.err) != test.want || !strings.Contains(test.err.Error(), test.text) {
			t.Errorf("%s: exit code %d, want %d: %v", test.name, codeOf(test.err), test.want, test.err)
		}
	}
}

func TestParsePort(t *testing.T) {
	for arg, want := range map[string]string{
		":443": "invalid AddrPort", "443": "invalid AddrPort", "127.0.0.2:443": "127.0.0.2:443", "[::1]:443": "[::1]:443", "[::ffff:127.0.0.1]:80": "127.0.0.1:80",
	} {
		if got, err := parsePort(arg); err != nil || got.String() != want || got.Port() == 0 {
			t.Errorf("parsePort(%s) = %s, %v, want %s", arg, got, err, want)
		}
	}
	for _, arg := range []string{"", ":", ":0", "127.0.0.1", "127.0.0.1:0", "localhost:80", ":65536", "::1:443x"} {
		if got, err := parsePort(arg); err == nil {
			t.Errorf("parsePort(%q) = %s", arg, got)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	ids := []string{"port-closed", "renegotiation-limit", "renegotiation-refused"}
	for word, want := range map[string]string{
		"prot-closed":   "; did you mean port-closed?",
		"Renegotiation": "; did you mean renegotiation-limit, renegotiation-refused?",
		"":              " (`fanlight explain` lists them)",
		"zzzz":          " (`fanlight explain` lists them)",
	} {
		if got := didYouMean(word, ids); got != want {
			t.Errorf("didYouMean(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestWithFixes(t *testing.T) {
	refused := &machine.BindError{Addr: netip.MustParseAddrPort("127.0.0.2:443"),
		Fixes: []machine.Fix{{Text: "narrow it", Command: "listen 127.0.0.1:443;"}, {Text: "stop it"}}}
	err := &withFixes{errors.Join(fmt.Errorf("site shop: %w", refused), errors.New("site docs: no folder"))}
	want := "site shop: bind 127.0.0.2:443: \n  way out: narrow it: listen 127.0.0.1:443;\n  way out: stop it\nsite docs: no folder"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	var found *machine.BindError
	if !errors.As(err, &found) {
		t.Error("the refusal cannot be found in it")
	}
}
