package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

func (ca *CA) openRoot(f *folder) error {
	data, err := f.read(rootFile)
	if errors.Is(err, os.ErrNotExist) {
		return ca.makeRoot(f)
	}
	if err != nil {
		return err
	}
	const remedy = "remove the folder to make a new CA, then install its root again"
	certs, _, err := parsePEM(data)
	if err == nil && (len(certs) != 1 || !certs[0].IsCA) {
		err = errors.New("it does not hold one CA certificate")
	}
	if err != nil {
		return fmt.Errorf("read %s: %w; %s", f.path(rootFile), err, remedy)
	}
	if err := CheckValidity(certs[0], time.Now()); err != nil {
		return fmt.Errorf("use the local root: %w; %s", err, remedy)
	}
	ca.root = certs[0]
	return nil
}

func (ca *CA) makeRoot(f *folder) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the root key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: rootName()},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.AddDate(rootYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            1,
	}
	if ca.root, err = sign(template, template, &key.PublicKey, key); err != nil {
		return fmt.Errorf("make the root: %w", err)
	}
	keyData, err := keyPEM(key)
	if err != nil {
		return err
	}
	// The certificate comes last: while it is missing, there is no root.
	if err := f.write(rootKeyFile, keyData, 0o600); err != nil {
		return err
	}
	return f.write(rootFile, certPEM(ca.root.Raw), 0o644)
}

// rootName tells apart, in a list of trusted roots, those of several machines
// and of several folders.
func rootName() string {
	id := make([]byte, 3)
	rand.Read(id)
	host, _ := os.Hostname()
	host = strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, host)
	// A common name has at most 64 characters (RFC 5280, appendix A.1).
	return fmt.Sprintf("Fanlight local root %.30s %s", host, hex.EncodeToString(id))
}
