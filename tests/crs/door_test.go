package crs

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is the door of the working tree, or the one that FANLIGHT names.
func program(t *testing.T) string {
	t.Helper()
	if file := os.Getenv("FANLIGHT"); file != "" {
		return file
	}
	file := filepath.Join(t.TempDir(), "fanlight")
	build := exec.Command("go", "build", "-o", file, "./cmd/fanlight")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build fanlight: %v\n%s", err, out)
	}
	return file
}

// door is a running door with a site for each of some policies.
type door struct {
	addresses []string // of the sites, in the order of their policies
	audit     string   // file
}

// startDoor runs a door in front of an origin, until the test ends. Each site
// is there for every name, since tests send names of all kinds.
func startDoor(t *testing.T, scheme string, policies ...string) *door {
	t.Helper()
	folder := t.TempDir()
	server := httptest.NewServer(http.HandlerFunc(origin))
	t.Cleanup(server.Close)
	d := &door{audit: filepath.Join(folder, "waf.jsonl")}
	var conf strings.Builder
	fmt.Fprintf(&conf, "console: off\naccess_log: off\ndata: %s\nsites:\n", filepath.Join(folder, "data"))
	for i, policy := range policies {
		address := freeAddress(t)
		d.addresses = append(d.addresses, address)
		bind, certificate := "http://"+address, ""
		if scheme == "https" {
			bind, certificate = address+" localhost", "certificate: local, "
		}
		fmt.Fprintf(&conf, "  s%d: {bind: [%q], %swaf: {%s}, routes: [{path: /, to: %q}]}\n", i, bind, certificate, policy, server.URL)
	}
	copyFile(t, "testdata/directives.conf", filepath.Join(folder, "directives.conf"))
	file := filepath.Join(folder, "fanlight.yaml")
	if err := os.WriteFile(file, []byte(conf.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(program(t), "run", "-c", file)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if t.Failed() {
			t.Logf("the door said:\n%s", said.Bytes())
		}
	})
	for _, address := range d.addresses {
		untilOpen(t, address)
	}
	// The runner wants to open the file before the first rule has matched.
	f, err := os.OpenFile(d.audit, os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return d
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func untilOpen(t *testing.T, address string) {
	t.Helper()
	for over := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(over) {
			t.Fatal(err)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// watching is what the tests of the rule set expect to be set: every rule is
// told of, and nothing is refused.
const watching = `mode: watch, paranoia: 4, responses: true, body: {limit: 1MiB, over: partial, types: ["*/*"]}, directives: directives.conf, audit: waf.jsonl, ` +
	`set: {crs_validate_utf8_encoding: "1", arg_name_length: "100", arg_length: "400", total_arg_length: "64000", max_num_args: "255", max_file_size: "64100", combined_file_sizes: "65535"}`

// TestWatching sends the suite through the door, and reads in its audit which
// rules matched.
func TestWatching(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			d := startDoor(t, scheme, watching)
			e := readExceptions(t, "ignored.yaml")
			judge(t, run(t, target{address: d.addresses[0], https: scheme == "https", log: d.audit}, e), e)
		})
	}
}
