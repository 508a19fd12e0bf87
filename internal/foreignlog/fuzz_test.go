package foreignlog

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// fuzz feeds one format with lines of its own, and holds what comes out to what
// every reader of it relies on.
func fuzz(f *testing.F, name string) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range logs {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for line := range bytes.Lines(raw) {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := NewReader(bytes.NewReader(raw), Options{Format: name})
		if err != nil {
			return // packed, and not well
		}
		last := 0
		for {
			l, err := r.Next()
			if err != nil {
				return
			}
			if l.Number <= last || l.Time.IsZero() || l.Meaning.Kind == "" || len(l.Text) > MaxLine {
				t.Fatalf("line %+v after %d", l, last)
			}
			if l.Status < 0 || l.Status > 999 || l.TookKnown && l.Took < 0 {
				t.Fatalf("status %d, took %v", l.Status, l.Took)
			}
			if l.Meaning.State == Fault && l.Meaning.Text == "" {
				t.Fatalf("a fault without a word: %+v", l)
			}
			LineJSON("f", l)
			last = l.Number
		}
	})
}

func FuzzHTTPERR(f *testing.F)     { fuzz(f, "httperr") }
func FuzzIIS(f *testing.F)         { fuzz(f, "iis") }
func FuzzHAProxy(f *testing.F)     { fuzz(f, "haproxy") }
func FuzzEnvoy(f *testing.F)       { fuzz(f, "envoy") }
func FuzzNginxError(f *testing.F)  { fuzz(f, "nginx-error") }
func FuzzApacheError(f *testing.F) { fuzz(f, "apache-error") }
func FuzzAccess(f *testing.F)      { fuzz(f, "access") }
