package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const stickyKeyBytes = 32

// stickyKey is the key that the values of sticky cookies are made with. It is
// kept with the data, so that clients stay tied over a restart; an ephemeral
// door makes one for itself.
func (a *App) stickyKey() ([]byte, error) {
	if a.sticky != nil {
		return a.sticky, nil
	}
	path := filepath.Join(a.cfg.DataDir(), "sticky.key")
	if !a.opts.Ephemeral {
		key, err := os.ReadFile(path)
		switch {
		case err == nil && len(key) == stickyKeyBytes:
			a.sticky = key
			return key, nil
		case err == nil:
			return nil, fmt.Errorf("read key of sticky cookies: %s has %d bytes, expected %d (remove it: a new one is made, and clients are tied anew)", path, len(key), stickyKeyBytes)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("read key of sticky cookies: %w", err)
		}
	}
	key := make([]byte, stickyKeyBytes)
	_, _ = rand.Read(key) // never fails
	if !a.opts.Ephemeral {
		if err := os.WriteFile(path, key, 0o600); err != nil {
			return nil, fmt.Errorf("keep key of sticky cookies: %w", err)
		}
	}
	a.sticky = key
	return key, nil
}
