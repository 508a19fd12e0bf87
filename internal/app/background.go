package app

import (
	"context"
	"maps"
	"slices"
	"time"
)

// rotate moves the ticket keys of all sites on until ctx ends.
func (a *App) rotate(ctx context.Context) {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			a.mu.Lock()
			for _, b := range a.built {
				if b.tickets != nil {
					b.tickets.Rotate(now)
				}
			}
			a.mu.Unlock()
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
