package cert

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	rootYears = 10
	leafLife  = 90 * 24 * time.Hour
	// backdate lets a client whose clock is behind accept a new certificate.
	backdate = time.Hour

	rootFile         = "root.pem"
	rootKeyFile      = "root.key"
	intermediateFile = "intermediate.pem" // key and certificate, so that they are replaced together
)

// CA is the local certificate authority, kept in a folder: a root that users
// trust, and an intermediate that signs and that is constrained to local
// names, so that its key, if lost, cannot stand for the rest of the world. The
// root's key is read only while an intermediate is made.
//
// A CA is safe for concurrent use.
type CA struct {
	dir          string
	root         *x509.Certificate
	intermediate *x509.Certificate
	key          *ecdsa.PrivateKey // of the intermediate
	permitted    permitted
	warnings     []string

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// OpenCA opens the CA in dir and makes what is missing. The intermediate may
// sign names under .test and .localhost, loopback addresses, and names under
// extraNames; it is made anew when that list is another than before. Several
// processes may open the same folder at once.
func OpenCA(dir string, extraNames []string) (*CA, error) {
	permitted, err := newPermitted(extraNames)
	if err != nil {
		return nil, fmt.Errorf("open local CA %s: %w", dir, err)
	}
	ca := &CA{dir: dir, permitted: permitted, leaves: map[string]*tls.Certificate{}}
	if err := ca.open(); err != nil {
		return nil, fmt.Errorf("open local CA %s: %w", dir, err)
	}
	return ca, nil
}

func (ca *CA) open() error {
	f, err := lockFolder(ca.dir)
	if err != nil {
		return err
	}
	defer f.unlock()
	if err := f.guard(rootKeyFile, intermediateFile); err != nil {
		return err
	}
	if err := ca.openRoot(f); err != nil {
		return err
	}
	if err := ca.openIntermediate(f); err != nil {
		return err
	}
	ca.warnings = f.warnings
	return nil
}

// Root is the certificate that users trust.
func (ca *CA) Root() *x509.Certificate { return ca.root }

// RootPath is the PEM file that holds the root.
func (ca *CA) RootPath() string { return filepath.Join(ca.dir, rootFile) }

// RootPEM is the root as PEM.
func (ca *CA) RootPEM() []byte { return certPEM(ca.root.Raw) }

// Warnings are things about the folder that its owner should know: key files
// that others could read until OpenCA mended them.
func (ca *CA) Warnings() []string { return slices.Clone(ca.warnings) }

func sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, key any) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
