package app

import (
	"context"
	"slices"
	"time"

	"fanlight/internal/config"
)

// watchEvery is how often the files of the configuration are looked at. A file
// is read when it was the same at two looks, so that one that is being written
// is not read half.
const watchEvery = 500 * time.Millisecond

// watch reloads the configuration when one of its files changes, comes or goes,
// until ctx ends.
func (a *App) watch(ctx context.Context) {
	path := a.config().Path
	loaded := a.watched // not how they are by now: they may have changed while the sites started
	before := loaded
	for pause(ctx, watchEvery) {
		now := configStamps(path)
		if !slices.Equal(now, loaded) && slices.Equal(now, before) {
			_, _ = a.Reload(false) // it tells the log
			loaded = now
		}
		before = now
	}
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
