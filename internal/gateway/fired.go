package gateway

import (
	"maps"
	"sync"
)

// Fired counts the limits and rules that ended or refused something, by the
// name that their events have. Its methods may be called concurrently.
type Fired struct {
	mu sync.Mutex
	by map[string]int64
}

func (f *Fired) add(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = map[string]int64{}
	}
	f.by[name]++
}

// All gives the counts so far.
func (f *Fired) All() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.by)
}
