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

// openFiles is how many files this program and those it starts may open: n, if
// that can be had.
func openFiles(n int) (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	if limit.Cur >= uint64(n) {
		return n, nil
	}
	for _, most := range []uint64{max(uint64(n), limit.Max), limit.Max} { // only some may raise the upper limit
		limit = syscall.Rlimit{Cur: min(uint64(n), most), Max: most}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
			break
		}
	}
	return int(limit.Cur), nil
}

const userSignal = syscall.SIGUSR2
