//go:build unix

package cert

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// modesGuard tells that a file's mode decides who may open it.
const modesGuard = true

// tryLock takes an exclusive lock, which ends with the file or the process.
func tryLock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return errLocked
	}
	return err
}

// foreignOwner is the owner of a file that belongs to someone else.
func foreignOwner(info fs.FileInfo) (uid int, foreign bool) {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() {
		return 0, false
	}
	return int(owner.Uid), true
}
