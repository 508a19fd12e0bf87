package app

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockData takes the data folder for this door: two would overwrite each
// other's state.
func (a *App) lockData() error {
	if a.opts.Ephemeral {
		return nil
	}
	if f := a.inheritedLock(); f != nil {
		a.keepLock(f)
		return nil
	}
	path := filepath.Join(a.cfg.DataDir(), "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock data folder: %w", err)
	}
	if err := tryLock(f); err != nil {
		f.Close()
		return fmt.Errorf("lock data folder %s: another door uses it: %w (data: in the configuration names another folder)", a.cfg.DataDir(), err)
	}
	a.keepLock(f)
	return nil
}

func (a *App) keepLock(f *os.File) {
	a.lock, a.unlock = f, func() { f.Close() }
}

// inheritedLock is the lock that the door before this one holds on the same
// folder, nil if there is none. It is held until both have closed it.
func (a *App) inheritedLock() *os.File {
	if a.inherited == nil || a.inherited.Data != a.cfg.DataDir() {
		return nil
	}
	f := a.inherited.files[handLock]
	delete(a.inherited.files, handLock)
	return f
}
