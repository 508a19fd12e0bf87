package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func addrs(list string) []netip.Addr {
	var out []netip.Addr
	for _, s := range strings.Fields(list) {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestSetAddresses(t *testing.T) {
	for _, c := range []struct{ name, src, add, remove, want string }{
		{"flow, append", "# head\naddresses: [127.0.0.2, \"::1\"] # mine\nsites:\n", "127.0.0.3", "", "# head\naddresses: [127.0.0.2, \"::1\", \"127.0.0.3\"] # mine\nsites:\n"},
		{"flow, bare", "addresses: [ 127.0.0.2 ]\n", "127.0.0.3", "", "addresses: [ 127.0.0.2, 127.0.0.3 ]\n"},
		{"flow, IPv6 is quoted", "addresses: [127.0.0.2]\n", "::1", "", "addresses: [127.0.0.2, \"::1\"]\n"},
		{"flow, trailing comma", "addresses: [127.0.0.2,]\n", "127.0.0.3", "", "addresses: [127.0.0.2, 127.0.0.3,]\n"},
		{"flow, empty", "addresses: []\n", "127.0.0.3", "", "addresses: [\"127.0.0.3\"]\n"},
		{"there already", "addresses: [127.0.0.2]\n", "127.0.0.2", "", "addresses: [127.0.0.2]\n"},
		{"flow, first", "addresses: [127.0.0.2, 127.0.0.3, 127.0.0.4]\n", "", "127.0.0.2", "addresses: [127.0.0.3, 127.0.0.4]\n"},
		{"flow, middle", "addresses: [127.0.0.2, 127.0.0.3, 127.0.0.4]\n", "", "127.0.0.3", "addresses: [127.0.0.2, 127.0.0.4]\n"},
		{"flow, last", "addresses: [127.0.0.2, '127.0.0.3', 127.0.0.4]\n", "", "127.0.0.4 127.0.0.3", "addresses: [127.0.0.2]\n"},
		{"flow, lines", "addresses: [\n  127.0.0.2, # a\n  127.0.0.3, # b\n  127.0.0.4 # c\n]\n", "127.0.0.5", "127.0.0.3", "addresses: [\n  127.0.0.2, # a\n  127.0.0.4, 127.0.0.5 # c\n]\n"},
		{"flow, last line", "addresses: [\n  127.0.0.2, # a\n  127.0.0.3 # b\n]\n", "", "127.0.0.3", "addresses: [\n  127.0.0.2, # a\n]\n"},
		{"block", "addresses:\n  # the first\n  - 127.0.0.2 # a\n  # the second\n  - 127.0.0.3\n\nsites: {}\n", "127.0.0.4", "127.0.0.2", "addresses:\n  # the first\n  # the second\n  - 127.0.0.3\n  - 127.0.0.4\n\nsites: {}\n"},
		{"block, no line feed at the end", "addresses:\n- 127.0.0.2", "127.0.0.4", "", "addresses:\n- 127.0.0.2\n- 127.0.0.4"},
		{"block, wide indentation", "addresses:\n-   127.0.0.2 # ü\n", "::1", "", "addresses:\n-   127.0.0.2 # ü\n-   \"::1\"\n"},
		{"missing", "# about sites\nsites: {} # none\nconsole: off\n", "127.0.0.2 127.0.0.3", "", "# about sites\nsites: {} # none\naddresses: [\"127.0.0.2\", \"127.0.0.3\"]\nconsole: off\n"},
		{"missing, at the top", "console: off\n", "127.0.0.2", "", "addresses: [\"127.0.0.2\"]\nconsole: off\n"},
		{"no value", "addresses: # to do\nconsole: off\n", "127.0.0.2", "", "addresses: [\"127.0.0.2\"] # to do\nconsole: off\n"},
		{"empty file", "", "127.0.0.2", "", "addresses: [\"127.0.0.2\"]\n"},
		{"only comments", "# to do", "127.0.0.2", "", "# to do\naddresses: [\"127.0.0.2\"]\n"},
		{"CRLF", "addresses:\r\n- 127.0.0.2\r\nconsole: off\r\n", "127.0.0.3", "", "addresses:\r\n- 127.0.0.2\r\n- 127.0.0.3\r\nconsole: off\r\n"},
		{"JSON", `{"addresses": ["127.0.0.2", "127.0.0.3"], "sites": {}}`, "127.0.0.4", "127.0.0.2", `{"addresses": ["127.0.0.3", "127.0.0.4"], "sites": {}}`},
		{"JSON, missing", `{"sites": {}}`, "127.0.0.4", "", `{"addresses": ["127.0.0.4"], "sites": {}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := SetAddresses([]byte(c.src), addrs(c.add), addrs(c.remove))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSetAddressesRefuses(t *testing.T) {
	for _, c := range []struct{ name, src, add, remove, want string }{
		{"the last one", "addresses: [127.0.0.2]\n", "", "127.0.0.2", "remove address 127.0.0.2: it is the last one"},
		{"no list", "console: off\n", "", "127.0.0.2", "the file has no list of addresses"},
		{"a text", "addresses: 127.0.0.2\n", "127.0.0.3", "", "addresses is not a list"},
		{"an alias", "addresses: &a [127.0.0.2]\nlocal_names: *a\n", "127.0.0.3", "", "cannot be edited safely"},
		{"not YAML", "addresses: [", "127.0.0.3", "", "edit addresses: read as YAML"},
		{"a list", "- a\n", "127.0.0.3", "", "edit addresses: the file is a list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := SetAddresses([]byte(c.src), addrs(c.add), addrs(c.remove))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestSetSiteState(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"plain", "sites:\n  shop:\n    state: running # for now\n", "sites:\n  shop:\n    state: stopped # for now\n"},
		{"quoted", "sites: {shop: {state: \"running\", bind: []}}\n", "sites: {shop: {state: \"stopped\", bind: []}}\n"},
		{"missing", "sites:\n  shop:\n    # where\n    bind: []\n    routes: [] # none\n", "sites:\n  shop:\n    # where\n    bind: []\n    state: stopped\n    routes: [] # none\n"},
		{"missing, all commented", "sites:\n  shop:\n    # where\n    bind: []\n", "sites:\n  shop:\n    # where\n    state: stopped\n    bind: []\n"},
		{"missing in flow", "sites: {shop: {bind: []}}\n", "sites: {shop: {state: stopped, bind: []}}\n"},
		{"empty", "sites:\n  shop:\n    state:\n    bind: []\n", "sites:\n  shop:\n    state: stopped\n    bind: []\n"},
		{"empty mapping", "sites:\n  shop: {}\n", ""},
		{"same already", "sites:\n  shop: {state: stopped}\n", "sites:\n  shop: {state: stopped}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := SetSiteState([]byte(c.src), "shop", "stopped")
			if c.want == "" {
				if err == nil {
					t.Errorf("got %q, want an error", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSetSiteStateRefuses(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"unknown site", "sites: {a: {}}\n", `set state of site "shop": there is no such site`},
		{"no sites", "console: off\n", "there is no such site"},
		{"shared by alias", "sites:\n  a: &a {state: running}\n  shop: *a\n", "cannot be edited safely"},
		{"shared by merge", "sites:\n  a: &a {state: running}\n  shop: {<<: *a, bind: []}\n", "cannot be edited safely"},
		{"anchored", "sites:\n  shop: {state: &s running}\n", "cannot be edited safely"},
		{"folded", "sites:\n  shop:\n    state: >\n      running\n", "cannot be edited safely"},
		{"text as site", "sites: {shop: x}\n", "cannot be edited safely"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := SetSiteState([]byte(c.src), "shop", "stopped")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// The example keeps every line but the one that is meant to change.
func TestEditsOfTheExampleKeepItsLines(t *testing.T) {
	src := readExample(t)
	got, err := SetAddresses(src, addrs("127.0.0.9"), addrs("127.0.0.3"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err = SetSiteState(got, "plain", "stopped"); err != nil {
		t.Fatal(err)
	}
	c, err := Parse("fanlight.yaml", got)
	if err != nil {
		t.Fatal(err)
	}
	if c.Sites["plain"].State != "stopped" || len(c.Addresses) != 3 {
		t.Errorf("state %q, addresses %v", c.Sites["plain"].State, c.Addresses)
	}
	want := strings.Replace(string(src), `[127.0.0.2, 127.0.0.3, "::1"]`, `[127.0.0.2, "::1", "127.0.0.9"]`, 1)
	want = strings.Replace(want, "  plain:\n", "  plain:\n    state: stopped\n", 1)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "fanlight.yaml"), filepath.Join(dir, "link.yaml")
	if err := os.WriteFile(path, []byte("console: off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("fanlight.yaml", link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, []byte("data: x\n")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "data: x\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file: %v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := WriteFile(filepath.Join(dir, "no", "such"), nil); err == nil {
		t.Error("no error for a folder that is missing")
	}
}
