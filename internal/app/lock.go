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
	path := filepath.Join(a.cfg.DataDir(), "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock data folder: %w", err)
	}
	if err := tryLock(f); err != nil {
		f.Close()
		return fmt.Errorf("lock data folder %s: another door uses it: %w (data: in the configuration names another folder)", a.cfg.DataDir(), err)
	}
	a.unlock = func() { f.Close() }
	return nil
}
