package rules

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var update = flag.Bool("update", false, "rewrite the expected findings and docs/rules.md")

// TestSick runs every rule over every sick trace: exactly one finding must be
// left, that of the rule the file is named after, with the expected text.
func TestSick(t *testing.T) {
	for _, r := range All() {
		path := filepath.Join("testdata", r.ID+".txtar")
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Errorf("%s: %v", r.ID, err)
			continue
		}
		sick := 0
		for i, f := range ar.Files {
			name, isFlow := strings.CutSuffix(f.Name, ".flow")
			if !isFlow || !strings.HasPrefix(name, "sick") {
				continue
			}
			sick++
			got := checkOne(t, r.ID, name, f.Data)
			if *update {
				ar.Files[i+1].Data = []byte(got)
				continue
			}
			if diff := cmp.Diff(string(ar.Files[i+1].Data), got); diff != "" {
				t.Errorf("%s/%s: findings changed (-want +got):\n%s", r.ID, name, diff)
			}
		}
		if sick == 0 {
			t.Errorf("%s: no sick trace in %s", r.ID, path)
		}
		if *update {
			if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func checkOne(t *testing.T, id, name string, text []byte) string {
	t.Helper()
	var ids []string
	var b bytes.Buffer
	for _, f := range explain.Run(All(), parse(t, id+"/"+name, text)) {
		ids = append(ids, f.ID)
		f.Text(&b)
		checkFinding(t, id+"/"+name, f)
	}
	if diff := cmp.Diff([]string{id}, ids); diff != "" {
		t.Errorf("%s/%s: want exactly one primary cause (-want +got):\n%s", id, name, diff)
	}
	return b.String()
}

func checkFinding(t *testing.T, name string, f explain.Finding) {
	t.Helper()
	if f.Cause == "" || len(f.Fixes) == 0 || len(f.Evidence) == 0 {
		t.Errorf("%s: a finding needs a cause, fixes and evidence: %+v", name, f)
	}
	if f.Confidence == explain.Proof && len(f.Missing) > 0 {
		t.Errorf("%s: is proven, and would be certain with %q", name, f.Missing)
	}
	if strings.Contains(name, "live-origin") && len(f.Conns) < 2 {
		t.Errorf("%s: names %v, want the client connection and the origin connection", name, f.Conns)
	}
	for _, e := range f.Evidence {
		if e.Ref.Event < -1 || e.Text == "" {
			t.Errorf("%s: evidence without a place or words: %+v", name, e)
		}
	}
}

// TestSilent runs the look-alikes: the rule must not fire on them, whatever
// else does.
func TestSilent(t *testing.T) {
	for _, r := range All() {
		ar, err := txtar.ParseFile(filepath.Join("testdata", r.ID+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		silent := 0
		for _, f := range ar.Files {
			if !strings.HasPrefix(f.Name, "silent") {
				continue
			}
			silent++
			for _, found := range explain.Run(All(), parse(t, r.ID+"/"+f.Name, f.Data)) {
				if found.ID == r.ID && !found.Undecided {
					t.Errorf("%s/%s: fired on a look-alike: %s", r.ID, f.Name, found.Cause)
				}
			}
		}
		if silent == 0 {
			t.Errorf("%s: no look-alike that must stay silent", r.ID)
		}
	}
}

func TestHealthy(t *testing.T) {
	ar, err := txtar.ParseFile(filepath.Join("testdata", "healthy.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range ar.Files {
		for _, found := range explain.Run(All(), parse(t, f.Name, f.Data)) {
			t.Errorf("%s: %s: %s", f.Name, found.ID, found.Cause)
		}
	}
}

// TestPrefix runs the rules over every beginning of every trace: what the door
// shows while a connection is still open must not make a rule panic.
func TestPrefix(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	for _, path := range files {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			if !strings.HasSuffix(f.Name, ".flow") {
				continue
			}
			events, err := flow.ParseEvents(string(f.Data))
			if err != nil {
				t.Fatal(err)
			}
			for n := range events {
				explain.Run(All(), flow.Fold(events[:n]))
				explain.Run(All(), flow.Fold(events[n:]))
			}
		}
	}
}

func TestUndecided(t *testing.T) {
	const text = "conn 1  192.0.2.10:5 -> 10.0.0.5:443  keys no\n  +0.0 > client-hello sni=a.test pha=no   +0.1 tls-done 1.3   +0.2 rst by server\n"
	found := explain.Run(All(), parse(t, "undecided", []byte(text)))
	if len(found) != 2 {
		t.Fatalf("want stopped-site and post-handshake-auth undecided, got %+v", found)
	}
	for _, f := range found {
		if !f.Undecided || f.Severity != explain.Note || !strings.HasPrefix(f.Cause, "Cannot tell: needs a capture with keys") {
			t.Errorf("got %+v", f)
		}
	}
}

func parse(t *testing.T, name string, text []byte) *flow.Trace {
	t.Helper()
	trace, err := flow.Parse(string(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return trace
}

// TestPages checks that every page says everything a page has to say.
func TestPages(t *testing.T) {
	known := map[string]bool{}
	for _, r := range All() {
		if known[r.ID] {
			t.Errorf("%s: listed twice", r.ID)
		}
		known[r.ID] = true
	}
	for _, r := range All() {
		d := r.Doc
		if r.Title == "" || d.Means == "" || d.Looks == "" || d.Why == "" || d.Confirm == "" ||
			len(d.Fixes) == 0 || len(d.LookAlikes) == 0 || len(d.References) == 0 || r.Check == nil {
			t.Errorf("%s: its page is not complete", r.ID)
		}
		for _, x := range d.Fixes {
			switch x.Side {
			case explain.Client, explain.Gateway, explain.Network, explain.Origin:
			default:
				t.Errorf("%s: fix on side %q", r.ID, x.Side)
			}
		}
		for _, a := range d.LookAlikes {
			if !strings.Contains(a.ID, " ") && !known[a.ID] {
				t.Errorf("%s: its look-alike %q is no finding", r.ID, a.ID)
			}
		}
		for _, id := range r.Hides {
			if !known[id] {
				t.Errorf("%s: hides %q, which is no finding", r.ID, id)
			}
		}
		checkASCII(t, r)
	}
}

func checkASCII(t *testing.T, r explain.Rule) {
	t.Helper()
	var b bytes.Buffer
	r.Text(&b)
	for line := range strings.Lines(b.String()) {
		for _, c := range line {
			if c > '~' {
				t.Errorf("%s: not plain ASCII: %s", r.ID, line)
			}
		}
	}
}

// TestHidesHasNoCircle: two findings that hide each other would both be lost.
func TestHidesHasNoCircle(t *testing.T) {
	hides := map[string][]string{}
	for _, r := range All() {
		hides[r.ID] = r.Hides
	}
	var walk func(path []string)
	walk = func(path []string) {
		for _, next := range hides[path[len(path)-1]] {
			for _, seen := range path {
				if seen == next {
					t.Fatalf("hides goes in a circle: %s", strings.Join(append(path, next), " -> "))
				}
			}
			walk(append(path[:len(path):len(path)], next))
		}
	}
	for id := range hides {
		walk([]string{id})
	}
}

// TestCatalogue keeps docs/rules.md in step with the rules.
func TestCatalogue(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "rules.md")
	want := catalogue()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is stale (%v): run go test ./internal/explain/rules -update", path, err)
	}
}

func catalogue() []byte {
	var b bytes.Buffer
	explain.Catalogue(&b, All())
	return b.Bytes()
}

func TestTimers(t *testing.T) {
	for _, test := range []struct {
		d      string
		bounds string
		want   string
	}{
		{"120s", renegotiat, "HTTP.sys"},
		{"120.9s", renegotiat, "HTTP.sys"},
		{"122s", renegotiat, ""},
		{"119.9s", renegotiat, ""},
		{"5.003s", idle, "Node.js, Apache httpd, uvicorn"},
		{"60s", sending, "nginx client_header_timeout and client_body_timeout"},
	} {
		d, err := time.ParseDuration(test.d)
		if err != nil {
			t.Fatal(err)
		}
		if got := owners(d, test.bounds); got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.d, test.bounds, got, test.want)
		}
	}
}

func TestTooLargeHeaderTellsNoSecret(t *testing.T) {
	for value, want := range map[string]string{"s3cret": "Authorization with 6", "Basic s3cret": "Authorization (Basic) with 12"} {
		got := describeHeader(9000, flow.Field{Name: "Authorization", Value: value})
		if strings.Contains(got, "s3cret") || !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q in it", value, got, want)
		}
	}
}
