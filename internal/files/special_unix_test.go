//go:build unix

package files

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"
)

func TestOnlyRegularFiles(t *testing.T) {
	dir, folder := tree(t, map[string]string{"a.txt": "x"})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Skipf("make a named pipe: %v", err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "a.txt.gz"), 0o644); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Skipf("make a socket: %v", err)
	}
	defer listener.Close()
	null := []string{"/pipe", "/socket", "/pipe/", "/socket/x"}
	if err := syscall.Mknod(filepath.Join(dir, "null"), syscall.S_IFCHR|0o666, 1<<8|3); err == nil {
		null = append(null, "/null")
	}
	for _, path := range null {
		if g := open(t, folder, "GET", path); g.Status != 404 {
			t.Errorf("%s: %d", path, g.Status)
		}
	}
	if g := open(t, folder, "GET", "/a.txt", "Accept-Encoding", "gzip"); g.body != "x" || g.field("Vary") != "" {
		t.Errorf("a pipe beside a file was taken for its compressed form: %v", g.Fields)
	}
}
