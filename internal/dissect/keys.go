package dissect

import (
	"bufio"
	"bytes"
	"crypto/rsa"
	"errors"
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
	keys.Limit(maxHandshakes)
	for _, path := range files.Logs {
		if err := addKeyLog(keys, path); err != nil {
			return nil, err
		}
	}
	for _, path := range files.RSA {
		if err := addKeys(keys, path, "RSA key", tlswire.ReadRSAKeys); err != nil {
			return nil, err
		}
	}
	password := ""
	if files.PasswordFile != "" {
		raw, err := readSmall(files.PasswordFile)
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

const (
	maxHandshakes = 2 << 20 // whose secrets are known, the oldest are forgotten: some 600 bytes each
	maxKeyLog     = 4 << 30
	maxKeyLogLine = 64 << 10 // no secret is as long
	maxSmall      = 16 << 20 // files of keys and passwords
)

// addKeyLog adds what a key log has. One without any secret is taken for another
// kind of file, unless it is empty.
func addKeyLog(keys *Keys, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read key log: %w", err)
	}
	defer file.Close()
	in := &io.LimitedReader{R: file, N: maxKeyLog}
	lines := bufio.NewReaderSize(in, maxKeyLogLine)
	blank := true
	for err == nil {
		var line []byte
		line, err = lines.ReadSlice('\n')
		blank = blank && len(bytes.TrimSpace(line)) == 0
		if errors.Is(err, bufio.ErrBufferFull) {
			err = nil // no line of a key log
		} else {
			keys.AddKeyLog(line)
		}
	}
	switch {
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("read key log: %w", err)
	case in.N == 0:
		return fmt.Errorf("read key log %s: it has more than %d bytes", path, int64(maxKeyLog))
	case keys.Len() == 0 && !blank:
		return fmt.Errorf("read key log %s: no line of it is a secret (SSLKEYLOGFILE format is expected: CLIENT_RANDOM <random> <secret>)", path)
	}
	return nil
}

// readSmall reads a file whose size has a limit.
func readSmall(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSmall+1))
	if len(data) > maxSmall {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxSmall)
	}
	return data, err
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
	data, err := readSmall(path)
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
