package machine

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// throwAwayRoot writes a CA certificate whose key is forgotten, and whose name
// is its own in every run.
func throwAwayRoot(t *testing.T) (path, name string) {
	t.Helper()
	id := make([]byte, 4)
	rand.Read(id)
	name = "Fanlight throw-away test root " + hex.EncodeToString(id)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, name
}

const trustStepVariable = "FANLIGHT_TEST_TRUST_STEP"

// TestTrustInAnotherProcess is a helper: truststore takes the home folder from
// the environment once, when a process starts.
func TestTrustInAnotherProcess(t *testing.T) {
	step, path, _ := strings.Cut(os.Getenv(trustStepVariable), " ")
	var results []StoreResult
	switch step {
	case "":
		return
	case "install":
		results = eachStore(path, noSystem, installNSS)
	case "uninstall":
		results = eachStore(path, noSystem, uninstallNSS)
	}
	nss := results[1]
	json.NewEncoder(os.Stdout).Encode(map[string]any{"ok": nss.OK, "detail": nss.Detail, "err": fmt.Sprint(nss.Err)})
}

func noSystem(string, *x509.Certificate) (string, error) { return "", nil }

type nssOutcome struct {
	OK          bool
	Detail, Err string
}

func nssStep(t *testing.T, home, step, path string, env ...string) nssOutcome {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestTrustInAnotherProcess$")
	cmd.Env = append(append(os.Environ(), "HOME="+home, "SUDO_USER=", trustStepVariable+"="+step+" "+path), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", step, err, out)
	}
	var got nssOutcome
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&got); err != nil {
		t.Fatalf("%s: %v\n%s", step, err, out)
	}
	return got
}

func needProgram(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
}

func TestTrustNSS(t *testing.T) {
	needProgram(t, "certutil")
	home := t.TempDir()
	path, name := throwAwayRoot(t)
	firefox := filepath.Join(home, ".mozilla", "firefox", "x.default")
	if err := os.MkdirAll(firefox, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("certutil", "-N", "-d", "sql:"+firefox, "--empty-password").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	chromium := filepath.Join(home, ".pki", "nssdb")
	holds := func(want bool) {
		t.Helper()
		for _, db := range []string{chromium, firefox} {
			out, err := exec.Command("certutil", "-L", "-d", "sql:"+db).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if strings.Contains(string(out), name) != want {
				t.Errorf("%s: root listed is %v:\n%s", db, !want, out)
			}
		}
	}

	if got := nssStep(t, home, "uninstall", path); !got.OK {
		t.Errorf("uninstalling what is not there: %+v", got)
	}
	if got := nssStep(t, home, "install", path); !got.OK || !strings.HasPrefix(got.Detail, "made "+chromium+"; ") {
		t.Errorf("install: %+v", got)
	}
	holds(true)
	if got := nssStep(t, home, "install", path); !got.OK || strings.Contains(got.Detail, "made ") {
		t.Errorf("install again: %+v", got)
	}
	holds(true)
	if got := nssStep(t, home, "uninstall", path); !got.OK {
		t.Errorf("uninstall: %+v", got)
	}
	holds(false)
}

func TestTrustWithoutCertutil(t *testing.T) {
	path, _ := throwAwayRoot(t)
	for _, step := range []string{"install", "uninstall"} {
		got := nssStep(t, t.TempDir(), step, path, "PATH=/nowhere")
		if got.OK || !strings.Contains(got.Err, "find certutil") || !strings.Contains(got.Detail, "apt-get install libnss3-tools") {
			t.Errorf("%s: %+v", step, got)
		}
	}
}

func TestTrustSystem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the system store can be changed by root only")
	}
	needProgram(t, "update-ca-certificates")
	needProgram(t, "openssl")
	path, name := throwAwayRoot(t)
	none := noSystem // no NSS here: this is the real home folder
	t.Cleanup(func() { eachStore(path, uninstallSystem, none) })

	trusted := func() bool {
		return exec.Command("openssl", "verify", "-CAfile", "/etc/ssl/certs/ca-certificates.crt", path).Run() == nil
	}
	check := func(r StoreResult, want bool) {
		t.Helper()
		if !r.OK || r.Err != nil || r.Store != "system" {
			t.Errorf("%+v", r)
		}
		if trusted() != want {
			t.Errorf("the system trusts the root: %v", !want)
		}
	}
	if trusted() {
		t.Fatal("the root is trusted before it is installed")
	}
	check(eachStore(path, installSystem, none)[0], true)
	check(eachStore(path, installSystem, none)[0], true)
	removed := eachStore(path, uninstallSystem, none)[0]
	check(removed, false)
	links, _ := filepath.Glob("/etc/ssl/certs/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.Contains(target, strings.ReplaceAll(name, " ", "_")) {
			t.Errorf("%s still leads to the root", link)
		}
	}
	again := eachStore(path, uninstallSystem, none)[0]
	check(again, false)
	if again.Detail != "it was not there" {
		t.Errorf("uninstalling again: %+v", again)
	}
}

func TestTrustGoesOnAfterAFault(t *testing.T) {
	path, _ := throwAwayRoot(t)
	fails := func(string, *x509.Certificate) (string, error) { return "help", fmt.Errorf("no") }
	got := eachStore(path, fails, noSystem)
	if len(got) != 2 || got[0].OK || got[0].Err == nil || got[0].Detail != "help" || !got[1].OK {
		t.Errorf("%+v", got)
	}
}

func TestTrustRefusesWhatIsNoRoot(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "root.pem")
	for _, data := range []string{"", "x", "-----BEGIN CERTIFICATE-----\n"} {
		if err := os.WriteFile(bad, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, r := range append(InstallTrust(bad), UninstallTrust(bad)...) {
			if r.OK || r.Err == nil || !strings.Contains(r.Err.Error(), "read root "+bad) {
				t.Errorf("%q: %+v", data, r)
			}
		}
	}
}
