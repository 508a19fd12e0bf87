package testnet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a test that may fail without failing the one that uses it.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func TestGolden(t *testing.T) {
	dir := t.TempDir()
	archive, plain := filepath.Join(dir, "a.txtar"), filepath.Join(dir, "plain.txt")
	must(t, os.WriteFile(archive, []byte("comment\n-- one --\n1\nx\n-- two --\n2\n"), 0o600))
	writeGolden(t, archive+"#two", "zwei\n")
	writeGolden(t, archive+"#three", "3\n")
	writeGolden(t, plain, "p\n")
	if b, err := os.ReadFile(archive); string(b) != "comment\n-- one --\n1\nx\n-- two --\nzwei\n-- three --\n3\n" {
		t.Fatalf("archive is %q, %v", b, err)
	}
	for _, test := range []struct{ path, got, want string }{
		{archive + "#one", "1\nx", ""},
		{archive + "#two", "zwei\n", ""},
		{archive + "#three", "3\n\n", ""},
		{plain, "p", ""},
		{archive + "#one", "1\ny\n", "\"y\""},
		{archive + "#four", "4", "no golden text"},
		{filepath.Join(dir, "absent.txt"), "4", "no golden text"},
	} {
		r := &recorder{TB: t}
		Golden(r, test.path, test.got)
		all := strings.Join(r.failures, "\n")
		if (all == "") != (test.want == "") || !strings.Contains(all, test.want) {
			t.Errorf("%s with %q: failures %q; want %q", test.path, test.got, all, test.want)
		}
	}
}
