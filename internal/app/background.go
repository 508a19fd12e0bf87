package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"fanlight/internal/cert"
)

// rotate moves a site's ticket keys on until ctx ends.
func rotate(keys *cert.TicketKeys) func(context.Context) {
	return func(ctx context.Context) {
		ticker := time.NewTicker(time.Hour)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				keys.Rotate(now)
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
