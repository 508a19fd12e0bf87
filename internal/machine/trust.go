package machine

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/smallstep/truststore"
)

// StoreResult says what became of a root in one trust store.
type StoreResult struct {
	Store  string // "system" or "nss"
	OK     bool   // the store is now as it was asked to be
	Detail string // where it is, or what to do about Err; may be empty
	Err    error  // nil if OK
}

// InstallTrust puts the root CA in a PEM file into the trust stores of this
// computer: the system's, and the NSS databases of Chromium and Firefox of the
// current user. It tries each store, whatever became of the one before; a root
// that is already there stays. It runs the system's own tools and waits for
// them, with sudo if that is installed.
func InstallTrust(rootPEMPath string) []StoreResult {
	return eachStore(rootPEMPath, installSystem, installNSS)
}

// UninstallTrust takes the root CA in a PEM file out of the stores that
// InstallTrust puts it into; one that does not hold it is left alone.
func UninstallTrust(rootPEMPath string) []StoreResult {
	return eachStore(rootPEMPath, uninstallSystem, uninstallNSS)
}

// storeAction changes one store.
type storeAction func(path string, root *x509.Certificate) (detail string, err error)

func eachStore(path string, system, nss storeAction) []StoreResult {
	root, err := truststore.ReadCertificate(path)
	if err == nil && !root.IsCA {
		err = errors.New("it is not a CA certificate")
	}
	results := []StoreResult{{Store: "system"}, {Store: "nss"}}
	for i, act := range []storeAction{system, nss} {
		r := &results[i]
		if err != nil {
			r.Err = fmt.Errorf("read root %s: %w", path, err)
			continue
		}
		r.Detail, r.Err = act(path, root)
		r.OK = r.Err == nil
	}
	return results
}

func installSystem(path string, root *x509.Certificate) (string, error) {
	if err := truststore.InstallFile(path); err != nil {
		return systemHelp(err), fmt.Errorf("install root in the system store: %w", withOutput(err))
	}
	return systemFile(root), nil
}

func uninstallSystem(path string, root *x509.Certificate) (string, error) {
	if file := systemFile(root); file != "" {
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			return "it was not there", nil
		}
	}
	if err := truststore.UninstallFile(path); err != nil {
		return systemHelp(err), fmt.Errorf("remove root from the system store: %w", withOutput(err))
	}
	if err := removeLinks(systemFile(root)); err != nil {
		return systemHelp(err), fmt.Errorf("remove what led to the root: %w", err)
	}
	return "", nil
}

func systemHelp(err error) string {
	switch {
	case errors.Is(err, truststore.ErrNotSupported), errors.Is(commandError(err), exec.ErrNotFound):
		return "install the package ca-certificates and try again"
	case os.Geteuid() != 0:
		return "the system store belongs to root: run the command as root"
	}
	return ""
}

func installNSS(path string, root *x509.Certificate) (string, error) {
	store, err := openNSS()
	if err != nil {
		return nssHelp, fmt.Errorf("install root in the NSS databases: %w", err)
	}
	made, err := makeNSSDatabase()
	if err != nil {
		return "", fmt.Errorf("make the NSS database that Chromium reads: %w", err)
	}
	if !store.Exists(root) {
		if err := store.Install(path, root); err != nil {
			return "", fmt.Errorf("install root in the NSS databases: %w", withOutput(err))
		}
	}
	detail := "restart a browser that is running"
	if made != "" {
		detail = "made " + made + "; " + detail
	}
	if user := os.Getenv("SUDO_USER"); user != "" && user != "root" {
		detail += "; for the browsers of " + user + " run the command without sudo too"
	}
	return detail, nil
}

func uninstallNSS(path string, root *x509.Certificate) (string, error) {
	store, err := openNSS()
	if err != nil {
		return nssHelp, fmt.Errorf("remove root from the NSS databases: %w", err)
	}
	if err := store.PreCheck(); err != nil {
		return "there are no NSS databases", nil
	}
	if err := store.Uninstall(path, root); err != nil {
		return "", fmt.Errorf("remove root from the NSS databases: %w", withOutput(err))
	}
	return "", nil
}

const nssHelp = "install certutil and try again: apt-get install libnss3-tools (Debian), dnf install nss-tools (Fedora)"

func openNSS() (*truststore.NSSTrust, error) {
	store, err := truststore.NewNSSTrust()
	if err != nil {
		return nil, fmt.Errorf("find certutil: %w", err)
	}
	return store, nil
}

// makeNSSDatabase makes the database that Chromium reads, if it is missing, and
// says where.
func makeNSSDatabase() (made string, err error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(home, ".pki", "nssdb")
	for _, name := range []string{"cert9.db", "cert8.db"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return "", nil
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	out, err := exec.Command("certutil", "-N", "-d", "sql:"+dir, "--empty-password").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("run certutil -N: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return dir, nil
}

// withOutput adds to a failed command what it printed.
func withOutput(err error) error {
	var failed *truststore.CmdError
	if !errors.As(err, &failed) {
		return err
	}
	if out := strings.TrimSpace(string(failed.Out())); out != "" {
		return fmt.Errorf("%w: %s", err, out)
	}
	return err
}

// commandError is why a command failed, which CmdError does not unwrap to.
func commandError(err error) error {
	var failed *truststore.CmdError
	if errors.As(err, &failed) {
		return failed.Err()
	}
	return nil
}
