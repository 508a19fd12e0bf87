package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"fanlight/internal/config"
	"fanlight/internal/console"
	"fanlight/internal/site"
)

// watchEvery is how often the files of the configuration are looked at. A file
// is read when it was the same at two looks, so that one that is being written
// is not read half.
const watchEvery = 500 * time.Millisecond

// watch reloads the configuration when one of its files changes, comes or goes,
// and when a site has ended that a change had to wait for, until ctx ends.
func (a *App) watch(ctx context.Context) {
	path := a.config().Path
	loaded := a.watched // not how they are by now: they may have changed while the sites started
	before := loaded
	var waiting []string // sites whose change had to wait
	for pause(ctx, watchEvery) {
		now := configStamps(path)
		steady := slices.Equal(now, before)
		before = now
		if !steady || slices.Equal(now, loaded) && !a.freed(waiting) || a.takesOrders() != nil {
			continue
		}
		done, err := a.Reload(false) // it tells the log
		if errors.Is(err, errHanding) {
			continue // which may come to nothing
		}
		loaded, waiting = now, waits(done)
	}
}

// waits are the sites that another reload is needed for.
func waits(r console.Reload) (names []string) {
	for _, c := range r.Changes {
		if c.Action == console.Waits {
			names = append(names, c.Name)
		}
	}
	return names
}

// freed tells whether none of the sites, of which there are some, is being
// drained any more.
func (a *App) freed(names []string) bool {
	return len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool {
		s := a.table.Get(name)
		return s != nil && s.State() == site.Draining
	})
}

// configStamps are those of all files of a configuration.
func configStamps(path string) (out []stamp) {
	files, err := config.Files(path)
	if err != nil {
		files = []string{path}
	}
	for _, f := range files {
		out = append(out, stampOf(f))
	}
	return out
}
