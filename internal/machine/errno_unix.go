//go:build unix

package machine

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

func bindCause(err error) BindCause {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return InUse
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return NotPermitted
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		return NotOnMachine
	}
	return OtherCause
}

// errnoName is the system's name of the error, such as EADDRINUSE; its words
// if it has none.
func errnoName(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if name := unix.ErrnoName(errno); name != "" {
			return name
		}
	}
	return systemWords(err)
}
