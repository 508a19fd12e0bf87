//go:build !unix

package machine

import (
	"errors"
	"syscall"
)

// The numbers are those of Windows Sockets. WSAEACCES stands for a port that
// another program holds exclusively or that the system excluded: Windows knows
// no privileged ports.
const (
	wsaEACCES        syscall.Errno = 10013
	wsaEAFNOSUPPORT  syscall.Errno = 10047
	wsaEADDRINUSE    syscall.Errno = 10048
	wsaEADDRNOTAVAIL syscall.Errno = 10049
)

func bindCause(err error) BindCause {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case wsaEADDRINUSE, wsaEACCES:
		return InUse
	case wsaEADDRNOTAVAIL, wsaEAFNOSUPPORT:
		return NotOnMachine
	}
	return OtherCause
}

// errnoName is the name of the error in the words of Unix.
func errnoName(err error) string {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case wsaEADDRINUSE:
		return "EADDRINUSE"
	case wsaEACCES:
		return "EACCES"
	case wsaEADDRNOTAVAIL:
		return "EADDRNOTAVAIL"
	case wsaEAFNOSUPPORT:
		return "EAFNOSUPPORT"
	}
	return systemWords(err)
}
