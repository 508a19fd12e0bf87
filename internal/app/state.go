package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fanlight/internal/config"
)

// stateFile keeps what was changed at run time: sites that were stopped or
// started otherwise than the configuration says.
type stateFile struct {
	path  string            // empty: it is not kept
	Sites map[string]string `json:"sites"` // running or stopped
}

func (a *App) readState() (*stateFile, error) {
	s := &stateFile{Sites: map[string]string{}}
	if a.opts.Ephemeral {
		return s, nil
	}
	s.path = filepath.Join(a.cfg.DataDir(), "state.json")
	raw, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("read state %s: %w (remove the file to forget run-time changes)", s.path, err)
	}
	if s.Sites == nil {
		s.Sites = map[string]string{}
	}
	return s, nil
}

func (s *stateFile) write() error {
	if s.path == "" {
		return nil
	}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	if err := config.WriteFile(s.path, append(raw, '\n')); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// wantsRunning tells what a site's state should be: the last change at run
// time, else the configuration.
func (a *App) wantsRunning(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state, changed := a.state.Sites[name]; changed {
		return state == "running"
	}
	return a.cfg.Sites[name].State != "stopped"
}

// keepState remembers a change at run time, or forgets it when it says what
// the configuration says.
func (a *App) keepState(name, state string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	configured := "running"
	if a.cfg.Sites[name].State == "stopped" {
		configured = "stopped"
	}
	if state == configured {
		delete(a.state.Sites, name)
	} else {
		a.state.Sites[name] = state
	}
	return a.state.write()
}
