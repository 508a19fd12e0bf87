//go:build !unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// apart has no way here to keep an interrupt at the terminal from a program.
func apart(*exec.Cmd) {}

func kill(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill() // it may have gone
	}
}

func peakMB(*os.ProcessState) (float64, error) {
	return 0, errors.New("read the peak of memory: this system does not tell")
}

func openFiles(n int) (int, error) { return n, nil }

// userSignal is SIGUSR2, of which this system knows nothing.
const userSignal = syscall.Signal(12)
