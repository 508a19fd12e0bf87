package compare

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var update = flag.Bool("update", false, "write the expected differences")

// TestCompare holds each pair of traces in testdata against the differences
// expected of them, in their order.
func TestCompare(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no traces", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]*txtar.File{}
			for i := range ar.Files {
				files[ar.Files[i].Name] = &ar.Files[i]
			}
			got := outline(result(t, files))
			if *update {
				files["want"].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(files["want"].Data), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func result(t *testing.T, files map[string]*txtar.File) *Result {
	t.Helper()
	if one := files["one"]; one != nil {
		r, err := Split(rules(), parse(t, one.Data))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	return Compare(rules(), parse(t, files["good"].Data), parse(t, files["bad"].Data))
}

func parse(t *testing.T, text []byte) *flow.Trace {
	t.Helper()
	tr, err := flow.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// outline has a line for each difference.
func outline(r *Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "bad %s; good %s; aligned %s\n", r.Bad, r.Good, r.Aligned)
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "%s %s %s: %q %d/%d, good %q %d/%d %s\n",
			d.Class, d.When, d.Key, d.Bad.Value, d.Bad.Count, d.Bad.Of, d.Good.Value, d.Good.Count, d.Good.Of, strings.Join(d.Findings, " "))
	}
	return b.String()
}

// rules has one that knows a HelloRequest without an answer, and one that is
// about no single fact.
func rules() []explain.Rule {
	each := func(found func(p *explain.Pass, c *flow.Conn)) func(*explain.Pass) {
		return func(p *explain.Pass) {
			for _, c := range p.Conns() {
				found(p, c)
			}
		}
	}
	has := func(c *flow.Conn, kind flow.Kind) bool { return placesOf(c).first(0, kind) >= 0 }
	return []explain.Rule{
		{ID: "renegotiation-unanswered", Severity: explain.Error, Check: each(func(p *explain.Pass, c *flow.Conn) {
			if has(c, flow.HelloRequest) && !has(c, flow.Renegotiating) {
				p.Report(explain.Finding{Conns: []flow.ConnID{c.ID}})
			}
		})},
		{ID: "overlapping", Severity: explain.Error, Check: each(func(p *explain.Pass, c *flow.Conn) {
			if has(c, flow.Overlap) {
				p.Report(explain.Finding{Conns: []flow.ConnID{c.ID}})
			}
		})},
	}
}

// TestSame: a trace has nothing that sets it apart from itself.
func TestSame(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range paths {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			if f.Name == "want" {
				continue
			}
			if r := Compare(rules(), parse(t, f.Data), parse(t, f.Data)); len(r.Differences) != 0 {
				t.Errorf("%s %s differs from itself: %s", path, f.Name, outline(r))
			}
		}
	}
}

func TestSplitNeedsBoth(t *testing.T) {
	tr := parse(t, []byte("conn 1  192.0.2.1:1 -> 192.0.2.2:80\n  +0.000 > GET / x1\n  +0.001 < 200 OK x1   +0.002 exchange-done complete x1\n"))
	if _, err := Split(rules(), tr); !errors.Is(err, ErrOneOutcome) {
		t.Errorf("got %v, want %v", err, ErrOneOutcome)
	}
}

func TestShape(t *testing.T) {
	for target, want := range map[string]string{
		"/orders/4711/items/9":                         "/orders/*/items/*",
		"/orders/4711?b=2&a=1&a=3":                     "/orders/*?a&b",
		"/u/3f2504e0-4f89-11d3-9a0c-0305e82c3301/edit": "/u/*/edit",
		"/a;jsessionid=1A2B3C4D5E6F7A8B/b":             "/a/b",
		"http://shop.test/cart?x":                      "/cart?x",
		"/assets/app.9f8e7d6c5b4a3f2e.js":              "/assets/app.*.js",
		"/v2/hello":                                    "/v2/hello",
		"*":                                            "*",
		"http://shop.test":                             "/",
		"/report-2026":                                 "/report-2026",
		"/aVeryLongNameWithoutDigitsThatIsNotRandomAtAll": "/*",
	} {
		if got := shape(target); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}

func TestHeaderValue(t *testing.T) {
	for _, test := range [][3]string{
		{"date", "Sat, 21 Nov 2026 10:00:00 GMT", present},
		{"cookie", "b=2; a=secret", "a, b"},
		{"set-cookie", "sid=1234; Path=/", "sid"},
		{"authorization", "NTLM TlRMTVNTUAAB", "NTLM"},
		{"www-authenticate", `Digest realm="x", nonce="1"`, "Digest"},
		{"host", "Shop.Test:8443", "shop.test"},
		{"content-type", "multipart/form-data; boundary=----x1y2", "multipart/form-data"},
		{"x-trace", "id 7f9c24e8b1d04a66", "id *"},
		{"connection", "close", "close"},
	} {
		if got := headerValue(test[0], test[1]); got != test[2] {
			t.Errorf("%s: %s: got %q, want %q", test[0], test[1], got, test[2])
		}
	}
}
