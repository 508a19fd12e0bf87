package files

import (
	"os"
	"syscall"
)

const (
	onWindows = true
	openFlags = os.O_RDONLY
)

// absent reports the error numbers that mean there is no such file.
func absent(number syscall.Errno) bool {
	const (
		invalidName = syscall.Errno(123) // ERROR_INVALID_NAME
		badPathname = syscall.Errno(161) // ERROR_BAD_PATHNAME
	)
	return number == invalidName || number == badPathname || number == syscall.ENOTDIR || number == syscall.ELOOP
}
