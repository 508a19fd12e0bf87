//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// apart keeps an interrupt at the terminal from a program: it is for the
// benchmark, which then stops the program in its turn.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func kill(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) } // it may have gone

// peakMB is the most memory that a program that has ended held at a time.
func peakMB(state *os.ProcessState) (float64, error) {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, errors.New("read the peak of memory: this system does not tell")
	}
	const megabyte = 1 << 10 // in KiB, the unit on Linux
	return float64(usage.Maxrss) / megabyte, nil
}
