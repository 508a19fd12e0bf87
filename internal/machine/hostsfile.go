package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

const (
	maxHostsSize = 64 << 20 // lists of unwanted hosts reach some megabytes
	lockWait     = 5 * time.Second
)

func (h Hosts) read() ([]byte, error) {
	f, err := os.Open(h.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxHostsSize+1))
	if err == nil && len(content) > maxHostsSize {
		err = fmt.Errorf("read %s: larger than %d bytes", h.Path, maxHostsSize)
	}
	return content, err
}

// update replaces the content by change of it, under a lock that other
// Fanlight processes heed. Another program's change made meanwhile is kept, by
// starting again.
func (h Hosts) update(change func(old []byte) []byte) error {
	path, err := filepath.EvalSymlinks(h.Path)
	if err != nil {
		return err
	}
	unlock, err := lockBeside(path, lockWait)
	if err != nil {
		return err
	}
	defer unlock()
	file := Hosts{path}
	for range 5 {
		old, err := file.read()
		if err != nil {
			return err
		}
		changed := change(old)
		if bytes.Equal(old, changed) {
			return nil
		}
		if err := file.replace(old, changed); !errors.Is(err, errChanged) {
			return err
		}
	}
	return errChanged
}

var errChanged = errors.New("another program keeps changing the file")

// replace writes a new file and renames it over the old one, so that a reader
// sees one or the other; where that cannot be, as in a container whose hosts
// file is a mount of its own, it writes over the old one.
func (h Hosts) replace(old, changed []byte) error {
	temp, err := h.writeBeside(changed)
	if temp != "" {
		defer os.Remove(temp)
	}
	if now, readErr := h.read(); readErr != nil || !bytes.Equal(now, old) {
		return errors.Join(errChanged, readErr)
	}
	if err == nil {
		err = os.Rename(temp, h.Path)
	}
	if err == nil {
		return nil
	}
	return h.overwrite(old, changed)
}

// writeBeside writes content to a new file like h in its folder. The name is
// empty if no file could be made.
func (h Hosts) writeBeside(content []byte) (name string, err error) {
	info, err := os.Stat(h.Path)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(h.Path), ".hosts-fanlight-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), copyOwnership(h.Path, f), f.Sync(), f.Close())
	return f.Name(), err
}

// overwrite writes the content in place, and the old content again if the disk
// is full.
func (h Hosts) overwrite(old, content []byte) error {
	f, err := os.OpenFile(h.Path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(content, 0); err != nil {
		content = old
		_, again := f.WriteAt(old, 0)
		err = errors.Join(err, again)
	}
	return errors.Join(err, f.Truncate(int64(len(content))), f.Sync(), f.Close())
}
