package cert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func openCA(t *testing.T, dir string, extra ...string) *CA {
	t.Helper()
	ca, err := OpenCA(dir, extra)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issue(t *testing.T, ca *CA, names ...string) *tls.Certificate {
	t.Helper()
	c, err := ca.Issue(names, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// need skips a test for want of a program.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	return path
}

// run runs a program and fails the test if it fails.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(need(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func writeFile(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenCAMakesAndKeeps(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "ca")
	first := openCA(t, dir)
	if len(first.Warnings()) > 0 {
		t.Errorf("warnings about a new folder: %q", first.Warnings())
	}
	for name, want := range map[string]os.FileMode{"": 0o700, rootKeyFile: 0o600, intermediateFile: 0o600, rootFile: 0o644, "lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%q has mode %o, want %o", name, info.Mode().Perm(), want)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 4 {
		t.Errorf("the folder holds %v", entries)
	}
	if cn := first.Root().Subject.CommonName; !strings.HasPrefix(cn, "Fanlight local root ") || len(cn) > 64 {
		t.Errorf("root is named %q", cn)
	}
	if data, _ := os.ReadFile(first.RootPath()); !bytes.Equal(data, first.RootPEM()) {
		t.Error("RootPEM is not what RootPath holds")
	}

	again := openCA(t, dir)
	if !again.Root().Equal(first.Root()) || !again.intermediate.Equal(first.intermediate) {
		t.Error("opening again made new certificates")
	}
	more := openCA(t, dir, "Corp.Internal.", "*.lab")
	if !more.Root().Equal(first.Root()) {
		t.Error("another list of names made a new root")
	}
	if more.intermediate.Equal(first.intermediate) {
		t.Error("another list of names kept the intermediate")
	}
	if err := more.Allows("x.corp.internal"); err != nil {
		t.Error(err)
	}
	if same := openCA(t, dir, ".lab", "corp.internal", "lab"); !same.intermediate.Equal(more.intermediate) {
		t.Error("the same list in other words made a new intermediate")
	}
}

func TestOpenCAMendsPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	openCA(t, dir)
	key := filepath.Join(dir, rootKeyFile)
	for path, mode := range map[string]os.FileMode{dir: 0o755, key: 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	ca := openCA(t, dir)
	if len(ca.Warnings()) != 2 || !strings.Contains(ca.Warnings()[1], "root.key could be opened by others (mode 0644)") {
		t.Errorf("warnings: %q", ca.Warnings())
	}
	if info, _ := os.Stat(key); info.Mode().Perm() != 0o600 {
		t.Errorf("key has mode %o", info.Mode().Perm())
	}
}

func TestOpenCAFaults(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(dir string) error
		extra []string
		want  string // empty: opens
	}{
		{"damaged root", func(dir string) error { return os.WriteFile(filepath.Join(dir, rootFile), []byte("x"), 0o644) }, nil,
			"it holds no PEM block; remove the folder to make a new CA"},
		{"root key lost, intermediate good", func(dir string) error { return os.Remove(filepath.Join(dir, rootKeyFile)) }, nil, ""},
		{"root key lost, new names", func(dir string) error { return os.Remove(filepath.Join(dir, rootKeyFile)) }, []string{"lab"},
			"sign the intermediate: read "},
		{"foreign root key", func(dir string) error { return os.WriteFile(filepath.Join(dir, rootKeyFile), foreignKey(), 0o600) }, []string{"lab"},
			"it is not the key of root.pem"},
		{"damaged intermediate", func(dir string) error { return os.WriteFile(filepath.Join(dir, intermediateFile), []byte("x"), 0o600) }, nil, ""},
		{"root.pem never written", func(dir string) error { return os.Remove(filepath.Join(dir, rootFile)) }, nil, ""},
		{"empty suffix", func(string) error { return nil }, []string{"."}, `permit local name ".": the name is empty`},
		{"address", func(string) error { return nil }, []string{"10.0.0.1"}, "it is an address"},
		{"not ASCII", func(string) error { return nil }, []string{"bücher"}, "ASCII form"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ca")
			openCA(t, dir)
			if err := test.spoil(dir); err != nil {
				t.Fatal(err)
			}
			ca, err := OpenCA(dir, test.extra)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				verifies(t, ca, issue(t, ca, "a.test"), "a.test")
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func foreignKey() []byte {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	data, _ := keyPEM(key)
	return data
}

func verifies(t *testing.T, ca *CA, c *tls.Certificate, name string) {
	t.Helper()
	if err := verify(ca, c, name); err != nil {
		t.Error(err)
	}
}

func verify(ca *CA, c *tls.Certificate, name string) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(ca.Root())
	for _, der := range c.Certificate[1:] {
		next, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		between.AddCert(next)
	}
	_, err := c.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between})
	return err
}

const openDirVariable = "FANLIGHT_TEST_OPEN_CA"

// TestOpenCAInAnotherProcess is a helper of
// TestOpenCATogetherWithOtherProcesses.
func TestOpenCAInAnotherProcess(t *testing.T) {
	dir := os.Getenv(openDirVariable)
	if dir == "" {
		return
	}
	fmt.Printf("root %s\n", openCA(t, dir).Root().SerialNumber)
}

func TestOpenCATogether(t *testing.T) {
	for range 5 {
		dir := filepath.Join(t.TempDir(), "ca")
		roots := make(chan string, 16)
		var wg sync.WaitGroup
		for range cap(roots) {
			wg.Go(func() {
				ca, err := OpenCA(dir, nil)
				if err != nil {
					t.Error(err)
					return
				}
				roots <- ca.Root().SerialNumber.String()
			})
		}
		wg.Wait()
		close(roots)
		oneOf(t, roots)
	}
}

func TestOpenCATogetherWithOtherProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	roots := make(chan string, 4)
	var wg sync.WaitGroup
	for range cap(roots) {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestOpenCAInAnotherProcess$")
			cmd.Env = append(os.Environ(), openDirVariable+"="+dir)
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			line, _, _ := strings.Cut(string(out), "\n")
			roots <- line
		})
	}
	wg.Wait()
	close(roots)
	oneOf(t, roots)
}

// oneOf fails the test unless all values are the same.
func oneOf(t *testing.T, values <-chan string) {
	t.Helper()
	seen := map[string]int{}
	for v := range values {
		seen[v]++
	}
	if len(seen) != 1 {
		t.Errorf("several roots were made: %v", seen)
	}
}

func TestIntermediateIsConstrained(t *testing.T) {
	c := openCA(t, t.TempDir()+"/ca", "corp").intermediate
	if !c.IsCA || c.MaxPathLen != 0 || !c.MaxPathLenZero || !c.PermittedDNSDomainsCritical ||
		fmt.Sprint(c.PermittedDNSDomains) != "[corp localhost test]" || fmt.Sprint(c.PermittedIPRanges) != "[127.0.0.0/8 ::1/128]" ||
		len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("%+v", c)
	}
}

func TestAllows(t *testing.T) {
	ca := openCA(t, t.TempDir()+"/ca", "corp.internal")
	for name, want := range map[string]string{
		"shop.test": "", "a.b.TEST": "", "localhost": "", "x.localhost.": "", "*.shop.test": "",
		"127.0.0.5": "", "::1": "", "corp.internal": "", "my_host.test": "",
		"shop.example":     "sign shop.example: the local CA is constrained to .corp.internal, .localhost, .test, 127.0.0.0/8, ::1/128: add the name to local_names",
		"contest":          "constrained to",
		"xcorp.internal":   "constrained to",
		"10.0.0.1":         "sign 10.0.0.1: the local CA is constrained to",
		"a..test":          "each part between dots",
		"*.*.test":         "it holds '*'",
		"a b.test":         "it holds ' '",
		"":                 "the name is empty",
		"test.example.com": "constrained to",
	} {
		err := ca.Allows(name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Allows(%q) = %v, want %q", name, err, want)
		}
	}
}

func TestIssue(t *testing.T) {
	ca := openCA(t, t.TempDir()+"/ca")
	c, err := ca.Issue([]string{"Shop.test", "*.shop.test", "127.0.0.9", "shop.test."}, []net.IP{net.ParseIP("127.0.0.9"), net.ParseIP("::1")})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(altNames(c.Leaf)); got != "[shop.test *.shop.test 127.0.0.9 ::1]" {
		t.Errorf("names are %s", got)
	}
	if c.Leaf.Subject.CommonName != "shop.test" || len(c.Certificate) != 2 {
		t.Errorf("subject %s, %d certificates", c.Leaf.Subject, len(c.Certificate))
	}
	for _, name := range []string{"shop.test", "x.shop.test", "127.0.0.9", "[::1]"} {
		verifies(t, ca, c, name)
	}
	for _, names := range [][]string{{"shop.example"}, {"a.test", "10.0.0.1"}, nil} {
		if _, err := ca.Issue(names, nil); err == nil {
			t.Errorf("issued a certificate for %q", names)
		}
	}
}

func TestIssueKeepsLeafUntilRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := openCA(t, t.TempDir()+"/ca")
		source, err := Load(Spec{Local: true, CA: ca, Names: []string{"a.test"}, IPs: []net.IP{net.ParseIP("10.1.2.3")}})
		if err != nil {
			t.Fatal(err)
		}
		first, _ := source.Certificate()
		time.Sleep(59 * 24 * time.Hour)
		if same, _ := source.Certificate(); same != first || issue(t, ca, "a.test") != first {
			t.Error("renewed early")
		}
		time.Sleep(2 * 24 * time.Hour)
		next, err := source.Certificate()
		if err != nil || next == first || !next.Leaf.NotAfter.After(first.Leaf.NotAfter) {
			t.Errorf("not renewed: %v", err)
		}
		if source.Err() != nil {
			t.Error(source.Err())
		}

		time.Sleep(rootYears * 366 * 24 * time.Hour)
		if old, err := source.Certificate(); old == nil || err != nil {
			t.Errorf("no certificate any more: %v", err)
		}
		if err := source.Err(); err == nil || !strings.Contains(err.Error(), "Fanlight local intermediate") || !strings.Contains(err.Error(), "expired") {
			t.Errorf("after the end of the CA: %v", err)
		}
		if _, err := OpenCA(filepath.Dir(ca.RootPath()), nil); err == nil || !strings.Contains(err.Error(), "use the local root: certificate Fanlight local root") {
			t.Errorf("opening an expired CA: %v", err)
		}
	})
}

func TestIssueAtOnce(t *testing.T) {
	ca := openCA(t, t.TempDir()+"/ca")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				if _, err := ca.Issue([]string{fmt.Sprintf("h%d.test", (i+j)%5)}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// outside signs what Issue would refuse.
func outside(t *testing.T, ca *CA, names []string, ips []net.IP) *tls.Certificate {
	t.Helper()
	c, err := ca.issue(names, ips, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOpenSSLVerifies(t *testing.T) {
	openssl := need(t, "openssl")
	ca := openCA(t, t.TempDir()+"/ca", "corp")
	long := strings.Repeat("long-label.", 10) + "test"
	tests := []struct {
		name string
		leaf *tls.Certificate
		ask  []string
		want string // empty: accepted
	}{
		{"name", issue(t, ca, "shop.test"), []string{"-verify_hostname", "shop.test"}, ""},
		{"wildcard", issue(t, ca, "*.shop.test"), []string{"-verify_hostname", "a.shop.test"}, ""},
		{"localhost", issue(t, ca, "localhost", "127.0.0.1", "::1"), []string{"-verify_ip", "::1"}, ""},
		{"address only", issue(t, ca, "127.0.0.7"), []string{"-verify_ip", "127.0.0.7"}, ""},
		{"long name", issue(t, ca, long), []string{"-verify_hostname", long}, ""},
		{"extra name", issue(t, ca, "wiki.corp"), []string{"-verify_hostname", "wiki.corp"}, ""},
		{"other name", issue(t, ca, "shop.test"), []string{"-verify_hostname", "b.test"}, "hostname mismatch"},
		{"name outside", outside(t, ca, []string{"www.example.com"}, nil), nil, "permitted subtree violation"},
		{"one name outside", outside(t, ca, []string{"a.test", "contest"}, nil), nil, "permitted subtree violation"},
		{"address outside", outside(t, ca, []string{"a.test"}, []net.IP{{10, 0, 0, 1}}), nil, "permitted subtree violation"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			leaf := writeFile(t, dir+"/leaf.pem", certPEM(test.leaf.Certificate[0]))
			chain := writeFile(t, dir+"/chain.pem", certPEM(test.leaf.Certificate[1]))
			args := append([]string{"verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca.RootPath(), "-untrusted", chain}, test.ask...)
			out, err := exec.Command(openssl, append(args, leaf)...).CombinedOutput()
			if test.want == "" && err != nil {
				t.Errorf("refused: %s", out)
			}
			if test.want != "" && (err == nil || !strings.Contains(string(out), test.want)) {
				t.Errorf("%v: %s, want %q", err, out, test.want)
			}
			if ours := verify(ca, test.leaf, ""); (ours == nil) != (err == nil) && test.want != "hostname mismatch" {
				t.Errorf("crypto/x509 differs from openssl: %v", ours)
			}
		})
	}
}

func TestCurlTrustsRoot(t *testing.T) {
	ca := openCA(t, t.TempDir()+"/ca")
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*issue(t, ca, "shop.test")}})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
			conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	out := run(t, "curl", "-sS", "--max-time", "5", "--noproxy", "*", "--cacert", ca.RootPath(),
		"--resolve", "shop.test:"+port+":127.0.0.1", "https://shop.test:"+port+"/")
	if out != "hello" {
		t.Errorf("curl got %q", out)
	}
}
