package cert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"testing/synctest"
)

func TestLoadPEM(t *testing.T) {
	root := newPair(t, nil, "root", isCA)
	middle := newPair(t, root, "middle", isCA)
	leaf := newPair(t, middle, "shop.test")
	other := newPair(t, middle, "other.test")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaLeaf := newPairWithKey(t, nil, rsaKey, "rsa.test")
	edLeaf := newPairWithKey(t, nil, ed25519Key(t), "ed.test")
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})
	sec1DER, err := x509.MarshalECPrivateKey(leaf.key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	params := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 0}})
	sec1 := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1DER})
	locked := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})

	tests := []struct {
		name      string
		cert, key []byte // no key: in cert
		chain     []*pair
		want      string // part of the error
	}{
		{"separate", leaf.pem(), leaf.keyPEM(t), []*pair{leaf}, ""},
		{"together, key first", join(leaf.keyPEM(t), leaf.pem()), nil, []*pair{leaf}, ""},
		{"chain in order", join(leaf.pem(), middle.pem(), root.pem()), leaf.keyPEM(t), []*pair{leaf, middle, root}, ""},
		{"chain upside down", join(root.pem(), middle.pem(), leaf.pem()), leaf.keyPEM(t), []*pair{leaf, middle, root}, ""},
		{"unrelated one stays last", join(other.pem(), leaf.pem(), middle.pem()), leaf.keyPEM(t), []*pair{leaf, middle, other}, ""},
		{"second key fits", leaf.pem(), join(other.keyPEM(t), leaf.keyPEM(t)), []*pair{leaf}, ""},
		{"PKCS #1", rsaLeaf.pem(), pkcs1, []*pair{rsaLeaf}, ""},
		{"SEC 1 with parameters", leaf.pem(), join(params, sec1), []*pair{leaf}, ""},
		{"Ed25519", edLeaf.pem(), edLeaf.keyPEM(t), []*pair{edLeaf}, ""},
		{"mismatch", leaf.pem(), other.keyPEM(t), nil, "shop.key with certificate "},
		{"no key", leaf.pem(), nil, nil, "shop.pem: it holds no private key"},
		{"no certificate", leaf.keyPEM(t), nil, nil, "shop.pem: it holds no certificate"},
		{"swapped", leaf.keyPEM(t), leaf.pem(), nil, "shop.pem: it holds no certificate"},
		{"encrypted key", leaf.pem(), locked, nil, "shop.key: its private key is encrypted: decrypt it with openssl pkey"},
		{"DER", leaf.cert.Raw, nil, nil, "it is not PEM but DER"},
		{"cut short", leaf.pem()[:200], nil, nil, "its PEM block is damaged or cut short"},
		{"empty", []byte{}, nil, nil, "it is empty"},
		{"too large", bytes.Repeat([]byte("x"), maxFileBytes+1), nil, nil, "it is larger than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			spec := Spec{File: writeFile(t, dir+"/shop.pem", test.cert)}
			if test.key != nil {
				spec.Key = writeFile(t, dir+"/shop.key", test.key)
			}
			source, err := Load(spec)
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c, _ := source.Certificate()
			if len(c.Certificate) != len(test.chain) {
				t.Fatalf("%d certificates, want %d", len(c.Certificate), len(test.chain))
			}
			for i, p := range test.chain {
				if !bytes.Equal(c.Certificate[i], p.cert.Raw) {
					t.Errorf("certificate %d is not %s", i, p.cert.Subject)
				}
			}
			if !c.Leaf.Equal(test.chain[0].cert) {
				t.Error("Leaf is not the first certificate")
			}
		})
	}
}

func TestLoadSpec(t *testing.T) {
	ca := openCA(t, t.TempDir()+"/ca")
	for want, spec := range map[string]Spec{
		"exactly one of":                        {},
		"exactly one of local, file":            {Local: true, CA: ca, File: "x"},
		"there is no local CA":                  {Local: true},
		"key is given without file":             {PFX: "x", Key: "y"},
		"password_file is given without":        {File: "x", PasswordFile: "y"},
		"/none.pem: no such file or":            {File: "/none.pem"},
		"constrained to":                        {Local: true, CA: ca, Names: []string{"example.com"}},
		"there is neither a name nor":           {Local: true, CA: ca},
		"sign 10.0.0.1: the local CA is constr": {Local: true, CA: ca, Names: []string{"10.0.0.1"}},
	} {
		if _, err := Load(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%+v): %v, want %q", spec, err, want)
		}
	}
	if _, err := LoadClient(Spec{Local: true, CA: ca, Names: []string{"a.test"}}); err == nil {
		t.Error("the local CA gave a client certificate")
	}
	p := newPair(t, nil, "client")
	c, err := LoadClient(Spec{File: writeFile(t, t.TempDir()+"/c.pem", join(p.pem(), p.keyPEM(t)))})
	if err != nil || !c.Leaf.Equal(p.cert) {
		t.Errorf("LoadClient: %v", err)
	}
}

func TestFilesAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		one, two := newPair(t, nil, "shop.test"), newPair(t, nil, "shop.test")
		var reloads []error
		spec := Spec{
			File:     writeFile(t, dir+"/shop.pem", one.pem()),
			Key:      writeFile(t, dir+"/shop.key", one.keyPEM(t)),
			OnReload: func(err error) { reloads = append(reloads, err) },
		}
		source, err := Load(spec)
		if err != nil {
			t.Fatal(err)
		}
		shows := func(want *pair, fault string) {
			t.Helper()
			time.Sleep(lookEvery)
			c, err := source.Certificate()
			if err != nil || !c.Leaf.Equal(want.cert) {
				t.Errorf("not the wanted certificate: %v", err)
			}
			if err := source.Err(); fault == "" && err != nil || fault != "" && (err == nil || !strings.Contains(err.Error(), fault)) {
				t.Errorf("Err is %v, want %q", err, fault)
			}
		}
		shows(one, "")

		writeFile(t, spec.File, two.pem())
		if c, _ := source.Certificate(); !c.Leaf.Equal(one.cert) {
			t.Error("looked again within the interval")
		}
		shows(one, "they do not belong together; the certificate before it stays in use")
		shows(one, "they do not belong together")
		writeFile(t, spec.Key, two.keyPEM(t))
		shows(two, "")
		if len(reloads) != 2 || reloads[0] == nil || reloads[1] != nil {
			t.Errorf("OnReload was told %v", reloads)
		}

		os.Remove(spec.File)
		shows(two, "no such file or directory")
		writeFile(t, spec.File+".new", two.pem())
		if err := os.Rename(spec.File+".new", spec.File); err != nil {
			t.Fatal(err)
		}
		shows(two, "")

		old := newPairWithKey(t, nil, two.key, "shop.test", expired)
		writeFile(t, spec.File, old.pem())
		shows(two, "certificate shop.test expired on ")

		writeFile(t, spec.File, two.pem())
		if err := source.Reload(); err != nil {
			t.Error(err)
		}
		shows(two, "")
		time.Sleep(25 * time.Hour)
		shows(two, "certificate shop.test expired on ")
		writeFile(t, spec.File, newPairWithKey(t, nil, two.key, "shop.test", notYetValid).pem())
		if err := source.Reload(); err != nil {
			t.Errorf("what is expired is not replaced: %v", err)
		}
		if err := source.Err(); err == nil || !strings.Contains(err.Error(), "is not valid before ") {
			t.Errorf("Err is %v", err)
		}
	})
}

func TestLoadOutOfDate(t *testing.T) {
	for want, change := range map[string]func(*x509.Certificate){"expired on": expired, "is not valid before": notYetValid} {
		p := newPair(t, nil, "shop.test", change)
		source, err := Load(Spec{File: writeFile(t, filepath.Join(t.TempDir(), "p"), join(p.pem(), p.keyPEM(t)))})
		if err != nil {
			t.Fatal(err)
		}
		if err := source.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Err is %v, want %q", err, want)
		}
	}
}

func TestSourceAtOnce(t *testing.T) {
	dir := t.TempDir()
	p := newPair(t, nil, "shop.test")
	file := writeFile(t, dir+"/p.pem", join(p.pem(), p.keyPEM(t)))
	source, err := Load(Spec{File: file})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				c, err := source.Certificate()
				if err := errors.Join(err, source.Err(), source.Reload()); err != nil || c == nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestCovers(t *testing.T) {
	ca := openCA(t, t.TempDir()+"/ca")
	leaf := issue(t, ca, "shop.test", "*.wild.test", "127.0.0.2").Leaf
	for name, want := range map[string]bool{
		"shop.test": true, "SHOP.test.": true, "a.wild.test": true, "*.wild.test": true, "127.0.0.2": true,
		"www.shop.test": false, "a.b.wild.test": false, "wild.test": false, "*.shop.test": false, "127.0.0.3": false, "": false,
	} {
		if Covers(leaf, name) != want {
			t.Errorf("Covers(%q) is %v", name, !want)
		}
	}
}
