//go:build unix

package app

import (
	"os/exec"
	"syscall"
)

// endTogether has what a program started end with it when its time is over, and
// keeps it from an interrupt of the terminal that is meant for the door.
func endTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
