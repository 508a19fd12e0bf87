package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"fanlight/internal/config"
)

// stateFile keeps what was changed at run time: sites that were stopped or
// started otherwise than the configuration says.
type stateFile struct {
	path  string            // empty: it is not kept
	Sites map[string]string `json:"sites"` // running or stopped
	// Origins are those that an operator switched off, by site and URL: draining
	// or disabled.
	Origins map[string]map[string]string `json:"origins,omitempty"`

	written time.Time
	stale   bool // the file is older than Sites
}

func (a *App) readState() (*stateFile, error) {
	s := &stateFile{Sites: map[string]string{}}
	if a.opts.Ephemeral {
		return s, nil
	}
	s.path = filepath.Join(a.cfg.DataDir(), "state.json")
	raw, err := os.ReadFile(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read state: %w", err)
	default:
		if err := json.Unmarshal(raw, s); err != nil {
			return nil, fmt.Errorf("read state %s: %w (remove the file to forget run-time changes)", s.path, err)
		}
	}
	a.inheritState(s)
	if s.Sites == nil {
		s.Sites = map[string]string{}
	}
	return s, nil
}

// inheritState has a door that takes over go on with what the one before was
// told last, which may not be in the file yet.
func (a *App) inheritState(s *stateFile) {
	if a.inherited == nil || a.inherited.Data != a.cfg.DataDir() || a.inherited.States == nil {
		return
	}
	s.stale = !maps.Equal(s.Sites, a.inherited.States)
	s.Sites = a.inherited.States
}

// writeEvery is how often the file is replaced at most. Waiting for the disk in
// each of many stops and starts cost the clients of the other sites half a
// millisecond at the 99th percentile on one core (row many-sites of the
// benchmark); a single one is on the disk when its command returns.
const writeEvery = time.Second

// save writes the file, or leaves it to keepStates when it was written
// a moment ago. The caller holds App.mu.
func (s *stateFile) save() error {
	if s.path == "" {
		return nil
	}
	if time.Since(s.written) < writeEvery {
		s.stale = true
		return nil
	}
	return s.write()
}

func (s *stateFile) write() error {
	s.stale, s.written = false, time.Now()
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	if err := config.WriteFile(s.path, append(raw, '\n')); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// keepStates writes what save left to it, until ctx ends and once more then.
func (a *App) keepStates(ctx context.Context) {
	for more := true; more; {
		more = pause(ctx, writeEvery)
		a.mu.Lock()
		var err error
		if a.state.stale {
			err = a.state.write()
		}
		a.mu.Unlock()
		if err != nil {
			a.log.Error("run-time changes are not kept", "err", err)
		}
	}
}

// wantsRunning tells what a site's state should be: the last change at run
// time, else the configuration.
func (a *App) wantsRunning(name string) bool { return a.wants(a.config(), name) }

func (a *App) wants(cfg *config.Config, name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state, changed := a.state.Sites[name]; changed {
		return state == "running"
	}
	c := cfg.Sites[name]
	return c != nil && c.State != "stopped"
}

// keepState remembers a change at run time, or forgets it when it says what
// the configuration says.
func (a *App) keepState(name, state string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.cfg.Sites[name]
	if c == nil {
		return nil // a reload took it away meanwhile
	}
	remember(a.state.Sites, c, state)
	return a.state.save()
}

// remember keeps the state of a site if the configuration says another one.
func remember(states map[string]string, c *config.Site, state string) {
	if (c.State == "stopped") == (state == "stopped") {
		delete(states, c.Name)
	} else {
		states[c.Name] = state
	}
}
