package cert

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// readPFX reads a PFX (PKCS #12, RFC 7292): one key, its certificate and the
// chain.
func readPFX(file, passwordFile string) (*tls.Certificate, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	password := ""
	if passwordFile != "" {
		if password, err = readPassword(passwordFile); err != nil {
			return nil, err
		}
	}
	key, leaf, chain, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, pfxFault(err, data, file, passwordFile))
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("read %s: its private key (%T) cannot sign", file, key)
	}
	c, ok := assemble(signer, append([]*x509.Certificate{leaf}, chain...))
	if !ok {
		return nil, fmt.Errorf("read %s: its key does not belong to its certificate (%s)", file, title(leaf))
	}
	return c, nil
}

// readPassword takes the first line of a file.
func readPassword(path string) (string, error) {
	data, err := readFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := bytes.Cut(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\n"))
	return strings.TrimSuffix(string(line), "\r"), nil
}

// pfxFault says what is wrong with a PFX that could not be decoded. It never
// holds the password.
func pfxFault(err error, data []byte, file, passwordFile string) error {
	var unknown pkcs12.NotImplementedError
	switch {
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return errors.New("it is PEM, not a PFX: give it as file")
	case errors.Is(err, pkcs12.ErrIncorrectPassword) && passwordFile == "":
		return errors.New("the password is wrong: none was given, give password_file")
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return fmt.Errorf("the password in %s is wrong", passwordFile)
	case cutShort(data):
		return errors.New("it is damaged: it ends early")
	case usesBER(data):
		return fmt.Errorf("it is in BER encoding, which is not understood; rewrite it in DER: %s", rewrite(file, passwordFile))
	case errors.As(err, &unknown):
		return fmt.Errorf("it uses something not understood (%s); rewrite it: %s", string(unknown), rewrite(file, passwordFile))
	}
	return fmt.Errorf("it is damaged or not a PFX: %s", strings.TrimPrefix(err.Error(), "pkcs12: "))
}

// rewrite is the command that makes a plain PFX of any that OpenSSL can read.
func rewrite(file, passwordFile string) string {
	in, out := "", ""
	if passwordFile != "" {
		in, out = " -passin file:"+passwordFile, " -passout file:"+passwordFile
	}
	return fmt.Sprintf("openssl pkcs12 -in %s -nodes%s | openssl pkcs12 -export -out new.pfx%s (add -legacy to the first for old encryption)", file, in, out)
}
