package cert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

func (ca *CA) openIntermediate(f *folder) error {
	data, err := f.read(intermediateFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil {
		certs, keys, err := parsePEM(data)
		if err == nil && len(certs) == 1 && len(keys) == 1 && ca.usable(certs[0]) {
			key, ok := keys[0].(*ecdsa.PrivateKey)
			if ok && key.PublicKey.Equal(certs[0].PublicKey) {
				ca.intermediate, ca.key = certs[0], key
				return nil
			}
		}
	}
	return ca.makeIntermediate(f)
}

// usable reports whether a stored intermediate is ours, in date, and made for
// the names permitted now.
func (ca *CA) usable(c *x509.Certificate) bool {
	return c.CheckSignatureFrom(ca.root) == nil &&
		CheckValidity(c, time.Now()) == nil &&
		ca.permitted.madeFor(c)
}

func (ca *CA) makeIntermediate(f *folder) error {
	rootKey, err := ca.readRootKey(f)
	if err != nil {
		return fmt.Errorf("sign the intermediate: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the intermediate key: %w", err)
	}
	c, err := sign(ca.intermediateTemplate(), ca.root, &key.PublicKey, rootKey)
	if err != nil {
		return fmt.Errorf("sign the intermediate: %w", err)
	}
	keyData, err := keyPEM(key)
	if err != nil {
		return err
	}
	ca.intermediate, ca.key = c, key
	return f.write(intermediateFile, append(keyData, certPEM(c.Raw)...), 0o600)
}

func (ca *CA) intermediateTemplate() *x509.Certificate {
	name := strings.Replace(ca.root.Subject.CommonName, " root ", " intermediate ", 1)
	return &x509.Certificate{
		Subject:                     pkix.Name{CommonName: name},
		NotBefore:                   time.Now().Add(-backdate),
		NotAfter:                    ca.root.NotAfter,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         ca.permitted.domains,
		PermittedIPRanges:           ca.permitted.ranges,
	}
}

func (ca *CA) readRootKey(f *folder) (crypto.Signer, error) {
	data, err := f.read(rootKeyFile)
	if err != nil {
		return nil, err
	}
	_, keys, err := parsePEM(data)
	if err == nil && (len(keys) != 1 || !publicOf(keys[0]).Equal(ca.root.PublicKey)) {
		err = fmt.Errorf("it is not the key of %s", rootFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.path(rootKeyFile), err)
	}
	return keys[0], nil
}
