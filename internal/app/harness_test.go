package app_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"fanlight/internal/app"
	"fanlight/internal/config"
	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

func TestMain(m *testing.M) {
	if os.Getenv(asDoor) != "" {
		os.Exit(doorMain(os.Args[1:]))
	}
	code := m.Run()
	if code == 0 {
		code = leaked()
	}
	os.Exit(code)
}

// leaked looks for goroutines of the door that outlive every test.
func leaked() int {
	var stacks string
	for range 100 {
		if stacks = doorGoroutines(); stacks == "" {
			return 0
		}
		time.Sleep(50 * time.Millisecond)
	}
	os.Stderr.WriteString("goroutines left behind:\n" + stacks)
	return 1
}

// doorGoroutines gives the stacks of goroutines that carry connections or run
// beside them.
func doorGoroutines() string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var found []string
	for _, stack := range strings.Split(string(buf), "\n\n") {
		for _, owner := range []string{"internal/gateway.", "internal/origin.", "internal/httpconn.", "internal/bind.", "app.(*background)"} {
			if strings.Contains(stack, owner) {
				found = append(found, stack)
				break
			}
		}
	}
	return strings.Join(found, "\n\n")
}

// door is a running App of a configuration that a test gives.
type door struct {
	*app.App
	t       testing.TB
	options app.Options
	port    string // PORT in the configuration: free on every address
	path    string // of the configuration file
	ctl     *app.Client
	peer    map[string]string // addresses of this run, and what records of it say instead
	down    bool
}

// open starts a door. In the text of the configuration $PORT is a port that is
// free on every address, and $NAME what pairs say. Start's error is for tests
// of sites that cannot start. Beside the configuration is a folder www with a
// file hello.txt.
func open(t testing.TB, text string, pairs ...string) (*door, error) {
	t.Helper()
	return openIn(t, t.TempDir(), freePort(t), text, pairs...)
}

func openIn(t testing.TB, dir, port, text string, pairs ...string) (*door, error) {
	t.Helper()
	return openWith(t, app.Options{Version: "test"}, dir, port, text, pairs...)
}

func openWith(t testing.TB, o app.Options, dir, port, text string, pairs ...string) (*door, error) {
	t.Helper()
	d := &door{t: t, options: o, port: port, path: filepath.Join(dir, "fanlight.yaml"), peer: map[string]string{}}
	text = strings.NewReplacer(append([]string{"$PORT", port}, pairs...)...).Replace(text)
	for _, line := range []string{"console: \"off\"\n", "access_log: \"off\"\n"} {
		if key, _, _ := strings.Cut(line, ":"); !strings.Contains(text, key+":") {
			text = line + text
		}
	}
	write(t, d.path, text)
	write(t, filepath.Join(dir, "www", "hello.txt"), "hello\n")
	return d, d.start()
}

// start begins what New and Start do, with the configuration as it is in the
// file now.
func (d *door) start() error {
	d.t.Helper()
	cfg, err := config.Load(d.path)
	must(d.t, err)
	d.App, err = app.New(cfg, d.options)
	must(d.t, err)
	d.ctl, d.down = app.NewClient(cfg.ControlSocket()), false
	d.t.Cleanup(d.shut)
	return d.Start()
}

// serve starts a door all of whose sites must start.
func serve(t testing.TB, text string, pairs ...string) *door {
	t.Helper()
	d, err := open(t, text, pairs...)
	must(t, err)
	return d
}

// shut ends the door; it may be called again.
func (d *door) shut() {
	if !d.down {
		d.down = true
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		d.Shutdown(ctx)
	}
}

// call makes a request to the control socket and decodes the items.
func (d *door) call(method, path string, body, out any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return d.ctl.Change(ctx, method, path, body, out)
}

// order gives a site a command that must work.
func (d *door) order(site, action string) {
	d.t.Helper()
	must(d.t, d.call(http.MethodPost, "/api/sites/"+site+"/"+action, nil, nil))
}

func (d *door) file(name string) string { return filepath.Join(filepath.Dir(d.path), name) }

func (d *door) rootFile() string { return d.file("fanlight-data/ca/root.pem") }

func (d *door) roots() *x509.CertPool {
	d.t.Helper()
	raw, err := os.ReadFile(d.rootFile())
	must(d.t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		d.t.Fatal("the local CA's root is no certificate")
	}
	return pool
}

// wait is how long a test waits for what must come. It is a limit for hangs,
// not a bar.
const wait = 30 * time.Second

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(wait); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// quiet waits until no client is connected and gives the record.
func (d *door) quiet() *flow.Trace {
	d.t.Helper()
	until(d.t, "the clients' connections to end", func() bool { return d.Open() == 0 })
	return d.Trace()
}

// ended shuts the door down and gives the record, in which all is over.
func (d *door) ended() *flow.Trace {
	d.t.Helper()
	d.quiet()
	d.shut()
	return d.Trace()
}

// findings waits until the door has told of a finding, and gives the ids of all
// there are, sorted.
func (d *door) findings(want ...string) []string {
	d.t.Helper()
	var ids []string
	var last []finding
	until(d.t, "findings "+strings.Join(want, ", "), func() bool {
		last = nil
		must(d.t, d.call(http.MethodGet, "/api/findings", nil, &last))
		ids = nil
		for _, f := range last {
			ids = append(ids, f.ID)
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		return !slices.ContainsFunc(want, func(id string) bool { return !slices.Contains(ids, id) })
	})
	return ids
}

// finding is what the API says of a finding.
type finding struct {
	ID, Severity, Confidence, Title, Cause string
	Fixes                                  []struct{ Side, Text, Command string }
}

func idsOf(found []explain.Finding) []string {
	var ids []string
	for _, f := range found {
		if !f.Undecided {
			ids = append(ids, f.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// freePort is free on every address, and outside of the range from which
// outgoing connections take theirs.
func freePort(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := 10000 + rand.IntN(20000)
		l4, err4 := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", port))
		if err4 != nil {
			continue
		}
		l4.Close()
		return fmt.Sprint(port)
	}
	t.Fatal("no port is free")
	return ""
}

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func read(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	must(t, err)
	return string(raw)
}

// caFile writes an authority's certificate for `tls.ca`.
func caFile(t testing.TB, ca *testnet.CA) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "origin-ca.pem")
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Leaf.Raw})))
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// says fails the test for each part that text lacks.
func says(t testing.TB, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: want it to say %q, got:\n%s", what, part, text)
		}
	}
}
