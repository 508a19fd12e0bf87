package crs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
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
			bind, certificate = address, selfSigned(t, folder)
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

// selfSigned makes a certificate that is for every name, since nobody looks.
func selfSigned(t *testing.T, folder string) (setting string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "certificate: {file: cert.pem, key: key.pem}, "
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

// schemes are both, or the one that a short run has to do with.
func schemes(one string) []string {
	if testing.Short() {
		return []string{one}
	}
	return []string{"http", "https"}
}

// TestWatching sends the suite through the door, and reads in its audit which
// rules matched.
func TestWatching(t *testing.T) {
	for _, scheme := range schemes("http") {
		t.Run(scheme, func(t *testing.T) {
			d := startDoor(t, scheme, watching)
			e := readExceptions(t, "ignored.yaml")
			judge(t, run(t, target{address: d.addresses[0], https: scheme == "https", log: d.audit}, e), e)
			if text, err := os.ReadFile(d.audit); err == nil {
				t.Logf("judged by the plan: %d, by Coraza: %d", bytes.Count(text, []byte(`"engine":"plan"`)), bytes.Count(text, []byte(`"engine":"coraza"`)))
			}
		})
	}
}
