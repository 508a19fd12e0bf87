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
