package tlswire

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// ReadRSAKeys reads RSA private keys from PEM, of which there may be several
// among other blocks, or from one in DER; PKCS #1 and PKCS #8. Keys of other
// kinds are passed over, as they open no connection.
func ReadRSAKeys(data []byte) ([]*rsa.PrivateKey, error) {
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		key, err := parsePrivate(data)
		if err != nil {
			return nil, errors.New("read private key: neither PEM nor a private key in DER")
		}
		return onlyRSA([]any{key})
	}
	var found []any
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("read private key: it is encrypted")
		case "PRIVATE KEY", "RSA PRIVATE KEY":
			if block.Headers["DEK-Info"] != "" {
				return nil, errors.New("read private key: it is encrypted")
			}
			key, err := parsePrivate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("read private key: %w", err)
			}
			found = append(found, key)
		}
	}
	return onlyRSA(found)
}

func parsePrivate(der []byte) (any, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	return x509.ParsePKCS8PrivateKey(der)
}

// ReadPFX reads the RSA private keys of a PFX (PKCS #12) file.
func ReadPFX(data []byte, password string) ([]*rsa.PrivateKey, error) {
	key, _, _, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		return nil, fmt.Errorf("read PFX: %w", err)
	}
	return onlyRSA([]any{key})
}

func onlyRSA(keys []any) (out []*rsa.PrivateKey, err error) {
	for _, key := range keys {
		if k, ok := key.(*rsa.PrivateKey); ok {
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("read private key: there is no RSA private key")
	}
	return out, nil
}
