package cert

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// chainFiles writes a leaf, its key and its issuers for openssl to export.
func chainFiles(t *testing.T) (dir string, leaf, middle *pair) {
	t.Helper()
	dir = t.TempDir()
	root := newPair(t, nil, "root", isCA)
	middle = newPair(t, root, "middle", isCA)
	leaf = newPair(t, middle, "shop.test")
	writeFile(t, dir+"/all.pem", join(leaf.keyPEM(t), leaf.pem(), middle.pem(), root.pem()))
	writeFile(t, dir+"/pw", []byte("s3cret\r\nnot this\n"))
	writeFile(t, dir+"/wrong", []byte("other"))
	writeFile(t, dir+"/empty", nil)
	return dir, leaf, middle
}

func export(t *testing.T, dir, out string, args ...string) string {
	t.Helper()
	run(t, "openssl", append([]string{"pkcs12", "-export", "-in", dir + "/all.pem", "-out", dir + "/" + out}, args...)...)
	return dir + "/" + out
}

func TestReadPFX(t *testing.T) {
	dir, leaf, middle := chainFiles(t)
	for name, args := range map[string][]string{
		"modern":           {"-passout", "pass:s3cret"},
		"legacy":           {"-legacy", "-passout", "pass:s3cret"},
		"legacy 3DES":      {"-descert", "-legacy", "-passout", "pass:s3cret"},
		"certificates not": {"-certpbe", "NONE", "-passout", "pass:s3cret"},
		"SHA-512 MAC":      {"-macalg", "SHA512", "-passout", "pass:s3cret"},
		"no MAC":           {"-nomac", "-keypbe", "NONE", "-certpbe", "NONE", "-passout", "pass:"},
		"empty password":   {"-passout", "pass:"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := Spec{PFX: export(t, dir, "a.pfx", args...), PasswordFile: dir + "/pw"}
			if args[len(args)-1] == "pass:" {
				spec.PasswordFile = ""
			}
			source, err := Load(spec)
			if err != nil {
				t.Fatal(err)
			}
			c, _ := source.Certificate()
			if !c.Leaf.Equal(leaf.cert) || len(c.Certificate) != 3 || !bytes.Equal(c.Certificate[1], middle.cert.Raw) {
				t.Errorf("read %s with %d certificates", c.Leaf.Subject, len(c.Certificate))
			}
			client, err := LoadClient(spec)
			if err != nil || !client.Leaf.Equal(leaf.cert) {
				t.Errorf("LoadClient: %v", err)
			}
		})
	}
}

func TestReadPFXFaults(t *testing.T) {
	dir, _, _ := chainFiles(t)
	for _, kind := range [][]string{{"-passout", "pass:s3cret"}, {"-legacy", "-passout", "pass:s3cret"}} {
		path := export(t, dir, "good.pfx", kind...)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		tests := []struct {
			name, password string
			data           []byte
			want           string
		}{
			{"wrong password", "/wrong", good, "the password in " + dir + "/wrong is wrong"},
			{"no password", "", good, "the password is wrong: none was given, give password_file"},
			{"empty password", "/empty", good, "/empty is wrong"},
			{"cut short", "/pw", good[:len(good)/2], "it is damaged: it ends early"},
			{"cut short by one", "/pw", good[:len(good)-1], "it is damaged: it ends early"},
			{"cut short, wrong password", "/wrong", good[:len(good)/2], "it is damaged: it ends early"},
			{"zeroes", "/pw", make([]byte, 100), "it is damaged or not a PFX"},
			{"more at the end", "/pw", join(good, []byte("x")), "it is damaged or not a PFX"},
			{"empty", "/pw", nil, "it is damaged or not a PFX"},
			{"PEM", "/pw", newPair(t, nil, "a.test").pem(), "it is PEM, not a PFX: give it as file"},
		}
		for _, test := range tests {
			t.Run(kind[0]+" "+test.name, func(t *testing.T) {
				spec := Spec{PFX: writeFile(t, dir+"/bad.pfx", test.data)}
				if test.password != "" {
					spec.PasswordFile = dir + test.password
				}
				_, err := Load(spec)
				if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), spec.PFX) {
					t.Errorf("error %v, want %q", err, test.want)
				}
				if err != nil && strings.Contains(err.Error(), "s3cret") {
					t.Errorf("the password is in %v", err)
				}
			})
		}
	}
}

// TestReadPFXInBER reads a file as NSS writes it, and then does what the
// message advises.
func TestReadPFXInBER(t *testing.T) {
	need(t, "openssl")
	pk12util, certutil := need(t, "pk12util"), need(t, "certutil")
	dir, leaf, _ := chainFiles(t)
	writeFile(t, dir+"/pw", []byte("s3cret\n"))
	der := export(t, dir, "der.pfx", "-name", "shop", "-passout", "pass:s3cret")
	run(t, certutil, "-N", "-d", "sql:"+dir, "--empty-password")
	run(t, pk12util, "-i", der, "-d", "sql:"+dir, "-w", dir+"/pw")
	run(t, pk12util, "-o", dir+"/ber.pfx", "-n", "shop", "-d", "sql:"+dir, "-w", dir+"/pw")

	_, err := Load(Spec{PFX: dir + "/ber.pfx", PasswordFile: dir + "/pw"})
	if err == nil || !strings.Contains(err.Error(), "it is in BER encoding") {
		t.Fatalf("error %v", err)
	}
	_, command, _ := strings.Cut(err.Error(), "DER: ")
	command, _, _ = strings.Cut(command, " (add")
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	c, err := LoadClient(Spec{PFX: dir + "/new.pfx", PasswordFile: dir + "/pw"})
	if err != nil || !c.Leaf.Equal(leaf.cert) {
		t.Errorf("after %s: %v", command, err)
	}
}

func TestUsesBER(t *testing.T) {
	for _, test := range []struct {
		name string
		data []byte
		want bool
	}{
		{"DER", []byte{0x30, 3, 2, 1, 3}, false},
		{"indefinite", []byte{0x30, 0x80, 2, 1, 3, 0, 0}, true},
		{"indefinite within", []byte{0x30, 7, 0x30, 0x80, 2, 1, 3, 0, 0}, true},
		{"segments", []byte{0x30, 5, 0x24, 3, 4, 1, 9}, true},
		{"within octets", []byte{0x04, 7, 0x30, 0x80, 2, 1, 3, 0, 0}, true},
		{"like BER by chance", []byte{0x04, 4, 0x30, 0x80, 2, 9}, false},
		{"no end", []byte{0x30, 0x80, 2, 1, 3}, false},
		{"trailing", []byte{0x30, 0x80, 0, 0, 7}, false},
		{"indefinite primitive", []byte{0x04, 0x80, 0, 0}, false},
		{"long length", []byte{0x30, 0x85, 1, 1, 1, 1, 1}, false},
		{"nothing", nil, false},
		{"deep", join(bytes.Repeat([]byte{0x30, 0x80}, 200), make([]byte, 400)), false},
	} {
		if usesBER(test.data) != test.want {
			t.Errorf("%s: %v", test.name, !test.want)
		}
	}
}

func FuzzUsesBER(f *testing.F) {
	f.Add([]byte{0x30, 0x80, 2, 1, 3, 0, 0})
	f.Add([]byte{0x30, 5, 0x24, 3, 4, 1, 9})
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		if usesBER(data) && cutShort(data) {
			t.Error("both whole and cut short")
		}
		if n, _, ok := walkBER(data, 0); ok && n > len(data) {
			t.Errorf("walked %d of %d bytes", n, len(data))
		}
	})
}
