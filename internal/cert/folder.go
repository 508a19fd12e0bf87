package cert

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// lockWait bounds the wait for another process that is making the same CA.
const lockWait = 10 * time.Second

// errLocked is the failure of tryLock that is worth waiting for.
var errLocked = errors.New("another process holds it")

// folder is the CA's folder while this process holds its lock.
type folder struct {
	dir      string
	lock     *os.File
	warnings []string
}

// lockFolder makes the folder if it is missing, sees to it that only its owner
// can enter it, and takes its lock.
func lockFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f := &folder{dir: dir}
	if err := f.restrict(dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if f.lock, err = os.OpenFile(f.path("lock"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := tryLock(f.lock)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, errLocked) || time.Since(begun) > lockWait {
			f.lock.Close()
			return nil, fmt.Errorf("lock %s: %w", f.path("lock"), err)
		}
	}
}

// unlock gives the lock back. The file stays: removing it would let two
// processes hold locks on two files of the same name.
func (f *folder) unlock() { f.lock.Close() }

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// guard takes from others the permission to read the named files, where they
// exist, and notes a warning for each.
func (f *folder) guard(names ...string) error {
	for _, name := range names {
		if err := f.restrict(f.path(name), 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f *folder) restrict(path string, mode fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if owner, foreign := foreignOwner(info); foreign {
		f.warnings = append(f.warnings, fmt.Sprintf("%s belongs to user %d, who can read and replace it", path, owner))
	}
	had := info.Mode().Perm()
	if !modesGuard || had&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("restrict %s, which others can open (mode %04o), to its owner: %w", path, had, errors.Unwrap(err))
	}
	f.warnings = append(f.warnings, fmt.Sprintf(
		"%s could be opened by others (mode %04o) and is now restricted to its owner; if others use this machine, remove the folder to make a new CA", path, had))
	return nil
}

func (f *folder) read(name string) ([]byte, error) { return readFile(f.path(name)) }

// write replaces a file as a whole: a reader sees the old or the new content,
// also after a crash.
func (f *folder) write(name string, data []byte, mode fs.FileMode) error {
	temp, err := os.CreateTemp(f.dir, name+".*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // fails once it is renamed
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), f.path(name))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path(name), err)
	}
	return nil
}
