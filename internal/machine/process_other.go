//go:build !linux

package machine

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
)

// processID names a process, as far as its number does.
func processID(pid int) string { return strconv.Itoa(pid) }

// processAlive reports whether a process has the number that processID gave.
func processAlive(id string) bool {
	pid, err := strconv.Atoi(id)
	if err != nil || pid <= 0 {
		return false
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return false // Windows looks for it here
	}
	defer p.Release()
	if runtime.GOOS == "windows" {
		return true
	}
	err = p.Signal(syscall.Signal(0))
	return err == nil || err == syscall.EPERM
}
