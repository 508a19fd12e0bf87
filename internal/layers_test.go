// Package internal_test holds what is true of the tree as a whole: who may
// import whom, and the habits every package keeps.
package internal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// layer is a row of the import table. Paths are relative to the module, those
// under internal/ without that prefix.
type layer struct {
	rank int
	path string
	may  []string // what its code may import of ours; its tests also testnet and lower ranks
}

const (
	decoders = "packet pcap reassembly proxywire tlswire quicwire dnswire httpwire authwire"
	offline  = "pcap sniff dissect archive foreignlog iisimport query probe explain explain/rules explain/score explain/compare report machine cert waf waf/seclang waf/replay"
	// door is what serves traffic: it must not know of its observers.
	door = "httpconn bind cert files site origin balance filter waf signin script gateway intercept probe"
)

// layers is every package there is or is planned to be, in the order of
// docs/architecture.md. Packages of one rank may use each other as listed.
func layers() []layer {
	list := func(names ...string) []string { return strings.Fields(strings.Join(names, " ")) }
	table := []layer{
		{rank: 0, path: "flow"},
		{rank: 0, path: "config"},

		{rank: 1, path: "packet"},
		{rank: 1, path: "pcap"},
		{rank: 1, path: "reassembly", may: list("packet")},
		{rank: 1, path: "coding"},
		{rank: 1, path: "proxywire"},
		{rank: 1, path: "tlswire"},
		{rank: 1, path: "quicwire"},
		{rank: 1, path: "dnswire"},
		{rank: 1, path: "httpwire"},
		{rank: 1, path: "authwire"},

		{rank: 2, path: "tlsfact", may: list("flow tlswire")},
		{rank: 2, path: "tap", may: list("flow tlswire tlsfact")},
		{rank: 2, path: "dissect", may: list("flow tlsfact", decoders)},
		{rank: 2, path: "sniff", may: list("pcap")},
		{rank: 2, path: "archive", may: list("flow httpwire")},
		{rank: 2, path: "machine", may: list("flow")},
		{rank: 2, path: "foreignlog", may: list("flow")},
		{rank: 2, path: "iisimport"},

		{rank: 3, path: "query", may: list("flow")},
		{rank: 3, path: "store", may: list("flow query")},
		{rank: 3, path: "explain", may: list("flow")},
		{rank: 3, path: "explain/rules", may: list("flow explain")},
		{rank: 3, path: "explain/score", may: list("flow explain")},
		{rank: 3, path: "explain/compare", may: list("flow explain")},
		{rank: 3, path: "report", may: list("flow explain")},
		{rank: 3, path: "accesslog", may: list("flow")},

		{rank: 4, path: "httpconn", may: list("flow httpwire")},
		{rank: 4, path: "bind", may: list("flow tap machine")},
		// tlswire: docs/design/0001-the-import-table.md
		{rank: 4, path: "cert", may: list("flow tlswire")},
		{rank: 4, path: "files", may: list("flow coding httpwire")},
		{rank: 4, path: "site", may: list("flow bind cert")},
		{rank: 4, path: "origin", may: list("flow tap cert proxywire httpwire httpconn authwire")},
		// balance: docs/design/0008-balancing.md
		{rank: 4, path: "balance", may: list("flow origin")},
		{rank: 4, path: "filter", may: list("flow httpwire")},
		// docs/design/0013-the-waf.md
		{rank: 4, path: "waf/arena"},
		{rank: 4, path: "waf/seclang"},
		{rank: 4, path: "waf/transform", may: list("waf/arena")},
		{rank: 4, path: "waf/rx"},
		{rank: 4, path: "waf/operator", may: list("waf/rx")},
		{rank: 4, path: "waf/vars", may: list("waf/arena")},
		{rank: 4, path: "waf", may: list("flow httpwire waf/arena waf/seclang waf/transform waf/rx waf/operator waf/vars")},
		{rank: 4, path: "waf/replay", may: list("flow httpwire waf")},
		{rank: 4, path: "signin", may: list("flow authwire httpwire")},
		{rank: 4, path: "script", may: list("flow httpwire")},

		// authwire and cert: docs/design/0001-the-import-table.md
		{rank: 5, path: "gateway", may: list("flow tap site coding proxywire httpwire httpconn origin balance files filter waf signin script authwire cert")},
		{rank: 5, path: "intercept", may: list("flow tap cert httpwire httpconn origin script")},
		{rank: 5, path: "probe", may: list("flow tap httpwire httpconn origin cert")},
		{rank: 5, path: "web"},

		{rank: 6, path: "console", may: list("flow store explain explain/compare report web")},
		{rank: 8, path: "cli", may: list("app config flow", offline)},
		{rank: 9, path: "cmd/fanlight", may: list("cli")},

		// The benchmarks and the test runner start programs; they are no part of them.
		{rank: 9, path: "bench"},
		{rank: 9, path: "scripts/runtests"},

		{rank: testRank, path: "testnet", may: list("flow tap tlswire")},
		{rank: testRank, path: "oracle", may: list("flow", decoders, "dissect")},
		{rank: testRank, path: "internal"},
	}
	app := layer{rank: 7, path: "app"}
	for _, l := range table {
		if l.rank < app.rank && l.path != "web" {
			app.may = append(app.may, l.path)
		}
	}
	return append(table, app)
}

// testRank is the rank of what only tests may import.
const testRank = 10

// direction is an import that must never appear, not even in the table.
type direction struct {
	from, to func(string) bool
	why      string
}

func directions() []direction {
	anything := func(string) bool { return true }
	return []direction{
		{except(anything, "cmd/fanlight"), in("cli"), "wiring is the top: what a command line does is nobody's part"},
		{except(anything, "cli"), in("app"), "wiring is the top: a part that knows the whole cannot be used without it"},
		{in("flow"), anything, "the model would gain an opinion"},
		{in(decoders), in("flow"), "decoders must be fuzzable alone"},
		{under("explain"), in(decoders + " tap dissect sniff archive foreignlog store machine"),
			"a rule that needs the live world cannot run on a customer's capture; let the source record a fact instead"},
		{in(door), in("store explain explain/rules explain/compare report console web"), "the door must work with the window shut"},
		{in("store"), under("explain"), "a finding is derived from what is stored, and never stored as truth"},
		{anything, in("testnet oracle internal"), "it is for tests only"},
		{except(anything, "console"), in("web"), "the pages belong to the console"},
	}
}

func in(names string) func(string) bool {
	set := strings.Fields(names)
	return func(p string) bool { return slices.Contains(set, p) }
}

func under(parent string) func(string) bool {
	return func(p string) bool { return p == parent || strings.HasPrefix(p, parent+"/") }
}

func except(match func(string) bool, name string) func(string) bool {
	return func(p string) bool { return p != name && match(p) }
}

// forbidden gives the reason why from must never import to.
func forbidden(from, to string) string {
	for _, d := range directions() {
		if from != to && d.from(from) && d.to(to) {
			return d.why
		}
	}
	return ""
}

// pkg is what `go list` says of one package.
type pkg struct {
	ImportPath, Dir                    string
	GoFiles, CgoFiles                  []string
	TestGoFiles, XTestGoFiles          []string
	Imports, TestImports, XTestImports []string
}

const module = "fanlight"

// short is the name the table has for an import path; empty if it is not ours.
func short(importPath string) string {
	rest, ours := strings.CutPrefix(importPath, module+"/")
	if !ours {
		return ""
	}
	return strings.TrimPrefix(rest, "internal/")
}

// list reads the packages of the module as built for a system.
func list(t *testing.T, goos string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	cmd.Env = append(cmd.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages for %s: %v\n%s", goos, err, stderr.String())
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// breaches lists what of a package's imports the table does not allow.
func breaches(p pkg, table []layer) []string {
	name := short(p.ImportPath)
	i := slices.IndexFunc(table, func(l layer) bool { return l.path == name })
	if i < 0 {
		return []string{name + " is not in the table: decide where it belongs (internal/layers_test.go and docs/architecture.md)"}
	}
	own, out := table[i], []string(nil)
	for _, imp := range p.Imports {
		if to := short(imp); to != "" && !slices.Contains(own.may, to) {
			out = append(out, fmt.Sprintf("%s imports %s: %s", name, to, reason(own, to)))
		}
	}
	for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
		if to := short(imp); to != "" && !testMay(own, to, table) {
			out = append(out, fmt.Sprintf("tests of %s import %s: tests may use what their package may, testnet, and lower ranks", name, to))
		}
	}
	return out
}

func reason(own layer, to string) string {
	if why := forbidden(own.path, to); why != "" {
		return why
	}
	if len(own.may) == 0 {
		return "it may import nothing of ours"
	}
	return "it may import only " + strings.Join(own.may, ", ")
}

func testMay(own layer, to string, table []layer) bool {
	if to == own.path || to == "testnet" || slices.Contains(own.may, to) {
		return true
	}
	i := slices.IndexFunc(table, func(l layer) bool { return l.path == to })
	return i >= 0 && table[i].rank < own.rank && (forbidden(own.path, to) == "")
}

// TestLayers holds the imports of every package against the table, on every
// system there are files for.
func TestLayers(t *testing.T) {
	table, seen := layers(), map[string]bool{}
	for _, goos := range []string{"linux", "windows", "darwin"} {
		for _, p := range list(t, goos) {
			for _, b := range breaches(p, table) {
				if !seen[b] {
					seen[b] = true
					t.Errorf("%s (GOOS=%s)", b, goos)
				}
			}
		}
	}
}

// TestTable keeps the table itself honest: no entry goes against a forbidden
// direction, none imports upwards, none is named for being nowhere at home.
func TestTable(t *testing.T) {
	table := layers()
	rank := map[string]int{}
	for _, l := range table {
		if _, twice := rank[l.path]; twice {
			t.Errorf("%s is listed twice", l.path)
		}
		rank[l.path] = l.rank
		if slices.Contains([]string{"util", "utils", "common", "helpers", "types"}, path.Base(l.path)) {
			t.Errorf("%s: a helper lives beside its user", l.path)
		}
	}
	for _, l := range table {
		for _, to := range l.may {
			if r, listed := rank[to]; !listed {
				t.Errorf("%s may import %s, which is not in the table", l.path, to)
			} else if r > l.rank {
				t.Errorf("%s (rank %d) may import %s (rank %d): imports go down", l.path, l.rank, to, r)
			}
			if why := forbidden(l.path, to); why != "" {
				t.Errorf("%s may import %s: %s", l.path, to, why)
			}
		}
	}
}

// TestBreaches makes sure that the check can fail, and says why.
func TestBreaches(t *testing.T) {
	for _, test := range []struct {
		from, to, test string
		want           string // "": allowed
	}{
		{from: "internal/tap", to: "internal/flow"},
		{from: "internal/app", to: "internal/explain/rules"},
		{from: "internal/console", to: "web"},
		{from: "internal/tap", test: "internal/testnet"},
		{from: "internal/gateway", test: "internal/bind"},
		{from: "internal/flow", to: "internal/config", want: "would gain an opinion"},
		{from: "internal/httpwire", to: "internal/flow", want: "fuzzable alone"},
		{from: "internal/explain/rules", to: "internal/machine", want: "customer's capture"},
		{from: "internal/gateway", to: "internal/store", want: "window shut"},
		{from: "internal/store", to: "internal/explain", want: "never stored as truth"},
		{from: "internal/tap", to: "internal/testnet", want: "for tests only"},
		{from: "internal/app", to: "web", want: "belong to the console"},
		{from: "internal/console", to: "internal/app", want: "wiring is the top"},
		{from: "internal/app", to: "internal/cli", want: "wiring is the top"},
		{from: "internal/files", to: "internal/tap", want: "may import only flow, coding, httpwire"},
		{from: "internal/bind", to: "internal/config", want: "may import only"},
		{from: "bench", to: "internal/flow", want: "may import nothing of ours"},
		{from: "internal/flow", test: "internal/app", want: "lower ranks"},
		{from: "internal/origin", test: "internal/store", want: "lower ranks"},
		{from: "internal/misc", to: "internal/flow", want: "not in the table"},
	} {
		p := pkg{ImportPath: module + "/" + test.from}
		if test.to != "" {
			p.Imports = []string{"fmt", module + "/" + test.to}
		}
		if test.test != "" {
			p.XTestImports = []string{"testing", module + "/" + test.test}
		}
		got := strings.Join(breaches(p, layers()), "\n")
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s -> %s%s: got %q, want %q", test.from, test.to, test.test, got, test.want)
		}
	}
}
