//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminalSize tells whether w is a terminal, and its width.
func terminalSize(w any) (columns int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}
