package cli

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCapturesBelow: of a folder only files are read; a device has no end, and
// a link to the folder above leads round.
func TestCapturesBelow(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.pcap"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"up": "..", "loop": ".", "zero.pcapng": "/dev/zero"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := capturesBelow(dir)
	if err != nil || len(got) != 1 || filepath.Base(got[0]) != "a.pcap" {
		t.Errorf("captures %q, error %v", got, err)
	}
}
