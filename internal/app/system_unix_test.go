//go:build linux

package app

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestSocketIsPrivateFromTheStart looks at the mode that bind gives, before
// any chmod: the umask of this test's process is the laxest there is.
func TestSocketIsPrivateFromTheStart(t *testing.T) {
	old := syscall.Umask(0) // no test runs beside this one: it is not parallel
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "s")
	ln, err := listenPrivately(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if now := syscall.Umask(0); now != 0 {
		t.Errorf("the umask was changed to %o", now)
	}
}
