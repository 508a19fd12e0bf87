package dissect

import (
	"bytes"
	"crypto/rsa"
	"fmt"
	"io"
	"os"
	"strings"

	"fanlight/internal/pcap"
	"fanlight/internal/tlswire"
)

// Keys are the secrets that open connections; they may grow during a run.
type Keys = tlswire.Keys

// KeyFiles name where secrets are.
type KeyFiles struct {
	Logs         []string // SSLKEYLOGFILE
	RSA          []string // private keys, PEM or DER
	PFX          []string
	PasswordFile string // of the PFX files
}

// LoadKeys reads all of them.
func LoadKeys(files KeyFiles) (*Keys, error) {
	keys := &Keys{}
	for _, path := range files.Logs {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read key log: %w", err)
		}
		if keys.AddKeyLog(data) == 0 && keys.Len() == 0 && len(bytes.TrimSpace(data)) > 0 {
			return nil, fmt.Errorf("read key log %s: no line of it is a secret (SSLKEYLOGFILE format is expected: CLIENT_RANDOM <random> <secret>)", path)
		}
	}
	for _, path := range files.RSA {
		if err := addKeys(keys, path, "RSA key", tlswire.ReadRSAKeys); err != nil {
			return nil, err
		}
	}
	password := ""
	if files.PasswordFile != "" {
		raw, err := os.ReadFile(files.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("read password of PFX: %w", err)
		}
		password = strings.TrimRight(string(raw), "\r\n")
	}
	for _, path := range files.PFX {
		if err := addKeys(keys, path, "PFX", readPFX(password)); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// SecretsOf has f called with the secrets that a capture carries in blocks of
// its own, wherever they are in the file. Damage ends it and is no error: it is
// told when the packets are read.
func SecretsOf(capture io.Reader, name string, f func(pcap.Secrets)) error {
	r, err := pcap.NewReader(capture, name)
	if err != nil {
		return err
	}
	defer r.Close()
	r.OnSecrets(f)
	var b pcap.Batch
	for err == nil {
		err = r.NextBatch(&b)
	}
	return nil
}

// AddTo gives a function that adds secrets to keys.
func AddTo(keys *Keys) func(pcap.Secrets) {
	return func(s pcap.Secrets) {
		if s.Kind == pcap.TLSKeyLog {
			keys.AddKeyLog(s.Data)
		}
	}
}

func addKeys(keys *Keys, path, what string, read func([]byte) ([]*rsa.PrivateKey, error)) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	found, err := read(data)
	if err != nil {
		return fmt.Errorf("read %s %s: %w", what, path, err)
	}
	for _, key := range found {
		keys.AddRSA(key)
	}
	return nil
}

func readPFX(password string) func([]byte) ([]*rsa.PrivateKey, error) {
	return func(data []byte) ([]*rsa.PrivateKey, error) { return tlswire.ReadPFX(data, password) }
}
