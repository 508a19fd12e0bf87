//go:build unix

package files

import (
	"os"
	"syscall"
)

const (
	onWindows = false
	// A named pipe without a writer would otherwise hold the open for ever.
	openFlags = os.O_RDONLY | syscall.O_NONBLOCK
)

// absent reports the error numbers that mean there is no such file: a file used
// as a folder, a symlink loop, an impossible name, a socket.
func absent(number syscall.Errno) bool {
	switch number {
	case syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG, syscall.EINVAL, syscall.EILSEQ, syscall.ENXIO, syscall.ENODEV:
		return true
	}
	return false
}
