//go:build unix

package app

import (
	"context"
	"net"
	"os"
	"syscall"
)

// listenPrivately makes the socket with mode 0600 from its first moment: bind
// takes the mode from the socket (unix_bind of Linux), and a chmod afterwards
// alone would leave a gap. The process's umask must not be touched for it: all
// threads share it, and whatever another one makes meanwhile would be closed to
// others.
func listenPrivately(path string) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if cerr := raw.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), 0o600) }); cerr != nil {
			return cerr
		}
		return err
	}}
	ln, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	return ln, nil // elsewhere than on Linux
}

// tryLock locks a file until it is closed, or fails at once.
func tryLock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
