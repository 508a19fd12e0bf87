package gateway

import (
	"maps"
	"strconv"
	"sync"
	"time"

	"fanlight/internal/flow"
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

// timedOut records that a deadline of the exchange fired.
func (r *ride) timedOut(phase string, limit time.Duration) {
	r.x.Log().Add(timeoutEvent(r.x.ID(), phase, limit))
	r.s.g.Metrics.Fired.add(phase)
}

// timedOut records that a deadline of the connection fired.
func (s *session) timedOut(phase string, limit time.Duration) {
	s.tap.Log().Add(timeoutEvent(0, phase, limit))
	s.g.Metrics.Fired.add(phase)
}

func timeoutEvent(x flow.ExchangeID, phase string, limit time.Duration) flow.Event {
	return flow.Event{At: time.Now(), Exchange: x, Kind: flow.Timeout, Text: phase,
		Attrs: flow.Attrs(flow.KeyLimit, strconv.FormatInt(limit.Milliseconds(), 10))}
}
