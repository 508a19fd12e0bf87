package operator

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/corazawaf/libinjection-go"
)

// libraryFile is a file of the library's source, whose lists the refusals
// rest on.
func libraryFile(t *testing.T, name string) string {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/corazawaf/libinjection-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func knownToLibrary(t *testing.T) map[string]byte {
	words := map[string]byte{}
	for _, m := range regexp.MustCompile(`(?m)^\s*"([^"]+)":\s*'(.)',`).FindAllStringSubmatch(libraryFile(t, "sqli_data.go"), -1) {
		words[m[1]] = m[2][0]
	}
	if len(words) < 9000 {
		t.Fatalf("only %d words", len(words))
	}
	return words
}

func TestWhatSQLiRestsOn(t *testing.T) {
	for word, kind := range knownToLibrary(t) {
		switch {
		case kind != 'F':
			if strings.Trim(word, "ABCDEF0123456789") == "" && word != "DEC" {
				t.Errorf("%s is a word of hexadecimal digits", word)
			}
		case strings.Trim(word[1:], "N1O,.:?;") == "":
			t.Errorf("fingerprint %s has nothing that tells", word[1:])
		case len(word) == 2 && word != "0X", len(word) == 3 && !strings.HasSuffix(word, "C") && word != "01U" && word != "0VU":
			t.Errorf("fingerprint %s is short", word[1:])
		}
	}
}

func TestNoShortInjection(t *testing.T) {
	for word, kind := range knownToLibrary(t) {
		if kind == 'F' {
			continue
		}
		for _, before := range []string{"", "1", "0b12", "0b", "0x", "0xa", "0xg", "1e", "1e5", "12f", "1d", "9_", "007", "1e1e", "a", "é"} {
			for _, after := range []string{"", "1", "_", "é", "\x80"} {
				sameSQLi(t, before+word+after)
			}
		}
	}
}

var sqlNeeds, xssNeeds = sqli{}.Needs(), xss{}.Needs()

func sameSQLi(t *testing.T, value string) {
	t.Helper()
	if found, _ := libinjection.IsSQLi(value); found && !mayBeSQLi(value) {
		t.Errorf("%q is an injection, and refused", value)
	}
	if mayBeSQLi(value) && !fulfils(sqlNeeds, value) {
		t.Errorf("%q does not have what is needed", value)
	}
}

func sameXSS(t *testing.T, value string) {
	t.Helper()
	if libinjection.IsXSS(value) && !mayBeXSS(value) {
		t.Errorf("%q is a script, and refused", value)
	}
	if mayBeXSS(value) && !fulfils(xssNeeds, value) {
		t.Errorf("%q does not have what is needed", value)
	}
}

// Values of the bytes that the refusals are about.
func TestMayRefusesNoInjection(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	from := func(alphabet string, limit int) string {
		b := make([]byte, 1+rng.IntN(limit))
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		return string(b)
	}
	for range 100_000 {
		sameSQLi(t, from("01e.-+*/=<>!&:;,%~^? \n\x01abdEF", 14))
		sameSQLi(t, from("09x b_uf\xc3\xa0zE", 10))
		sameXSS(t, from("<>=/!?% \"'`\x00on-", 14))
	}
	for range 30_000 {
		value := generate(rng)
		sameSQLi(t, value)
		sameXSS(t, value)
	}
}

func TestAttributesAreKnown(t *testing.T) {
	source := libraryFile(t, "xss_decls.go")
	names := regexp.MustCompile(`\{"([^"]+)", attributeType`).FindAllStringSubmatch(source, -1)
	if len(names) < 400 {
		t.Fatalf("only %d names", len(names))
	}
	for _, m := range names {
		for _, name := range []string{m[1], strings.ToLower(m[1]), m[1] + "\x00\t", m[1][:1] + "\x00" + m[1][1:]} {
			if !endsAttribute(name) {
				t.Errorf("%q is none", name)
			}
		}
	}
	for _, name := range []string{"XMLNS", "XLINK"} {
		if !endsAttribute(name) {
			t.Errorf("%q is none", name)
		}
	}
}

func TestMayRefuses(t *testing.T) {
	for _, value := range []string{"", "x", "harry", "eyJhbGciOiJIUzI1NiJ9", "12345", "2026-11-22", "10:30:00", "1.5", "2f9d1c77-1d5e-4c3b-9d2e-77aa01b2c3d4",
		"d41d8cd98f00b204e9800998ecf8427e", "Grüße", "8f3k2", "ff:fe:00:12", "1,5;2"} {
		if mayBeSQLi(value) {
			t.Errorf("%q may be an injection", value)
		}
	}
	for _, value := range []string{"harry", "a < b", "q=1&page2=3", "dGVzdA==", "x>y", "a=b", "<3"} {
		if mayBeXSS(value) {
			t.Errorf("%q may be a script", value)
		}
	}
}

func FuzzDetect(f *testing.F) {
	for _, p := range pieces {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) < 4000 {
			sameSQLi(t, value)
			sameXSS(t, value)
		}
	})
}

func TestLibinjectionIsNotKeptBusy(t *testing.T) {
	for text, want := range map[string]int{
		strings.Repeat("it''s ", 100):         600,
		strings.Repeat("a long text ", 20000): 240000, // no quotes: all of it
		strings.Repeat("it's ", 20000):        100000, // none that is escaped
		strings.Repeat(`\'`, 64<<10):          sqliBegin,
		strings.Repeat(`''`, 64<<10):          sqliBegin,
		strings.Repeat("``", 64<<10):          sqliBegin,
	} {
		if got := len(bounded(text)); got != want {
			t.Errorf("libinjection sees %d bytes of %d of %.10q..., want %d", got, len(text), text, want)
		}
	}
}
