//go:build unix

package app

import (
	"net"
	"os"
	"syscall"
)

// listenPrivately makes the socket with mode 0600 from its first moment: a
// chmod afterwards would leave a gap.
func listenPrivately(path string) (net.Listener, error) {
	old := syscall.Umask(0o177)
	ln, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, err
	}
	return ln, os.Chmod(path, 0o600)
}

// tryLock locks a file until it is closed, or fails at once.
func tryLock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
