//go:build unix

package oracle

import (
	"os"
	"syscall"
)

// suspend stops a program without ending it.
func suspend(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }
