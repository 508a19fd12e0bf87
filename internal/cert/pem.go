package cert

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

func readPEM(file, keyFile string) (*tls.Certificate, error) {
	certs, keys, err := readBlocks(file)
	if err != nil {
		return nil, err
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("read %s: it holds no certificate", file)
	}
	if keyFile == "" {
		keyFile = file
	} else if _, keys, err = readBlocks(keyFile); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("read %s: it holds no private key", keyFile)
	}
	for _, key := range keys {
		if c, ok := assemble(key, certs); ok {
			return c, nil
		}
	}
	return nil, fmt.Errorf("match key %s with certificate %s (%s): they do not belong together", keyFile, file, title(certs[0]))
}

func readBlocks(path string) ([]*x509.Certificate, []crypto.Signer, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	certs, keys, err := parsePEM(data)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	return certs, keys, nil
}

// parsePEM takes the certificates and private keys out of data, in order.
// Blocks of other types are passed over.
func parsePEM(data []byte) ([]*x509.Certificate, []crypto.Signer, error) {
	var certs []*x509.Certificate
	var keys []crypto.Signer
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, nil, notPEM(data)
	}
	for ; block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("parse certificate %d in it: %w", len(certs)+1, err)
			}
			certs = append(certs, c)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			key, err := parseKey(block)
			if err != nil {
				return nil, nil, err
			}
			keys = append(keys, key)
		}
	}
	return certs, keys, nil
}

func notPEM(data []byte) error {
	switch {
	case len(data) == 0:
		return errors.New("it is empty")
	case data[0] == tagSequence:
		return errors.New("it is not PEM but DER: give a PFX as pfx, convert a certificate with openssl x509 -inform der -in FILE -out PEM")
	case strings.Contains(string(data), "-----BEGIN "):
		return errors.New("its PEM block is damaged or cut short")
	}
	return errors.New("it holds no PEM block")
}

func parseKey(block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return nil, errors.New("its private key is encrypted: decrypt it with openssl pkey -in KEY -out PLAIN, or use a PFX with a password file")
	case block.Type == "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case block.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case block.Type == "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("its private key is of an unknown kind: %s", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("parse the private key in it: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("its private key (%T) cannot sign", key)
	}
	return signer, nil
}
