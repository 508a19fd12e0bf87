package probe

import (
	"slices"
	"sync"

	"fanlight/internal/flow"
)

// recording folds what is recorded as it comes.
type recording struct {
	mu     sync.Mutex
	folder *flow.Folder
}

// Take implements flow.Sink.
func (r *recording) Take(_ flow.ConnID, _ bool, events flow.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := range slices.Clone(events).Events {
		r.folder.Add(e)
	}
}

// events are those of a connection that were handed over so far.
func (r *recording) events(id flow.ConnID) []flow.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.folder.Trace().Conn(id); c != nil {
		return slices.Clone(c.Events)
	}
	return nil
}

// newest is the connection that was recorded last. Failed ones hand their
// record over at once, and no two are opened at the same time.
func (r *recording) newest() (id flow.ConnID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.folder.Trace().Conns {
		id = max(id, c.ID)
	}
	return id
}

// first gives the first event of a kind.
func first(events []flow.Event, kind flow.Kind, from flow.Side) (flow.Event, bool) {
	i := slices.IndexFunc(events, func(e flow.Event) bool { return e.Kind == kind && (from == flow.Unknown || e.From == from) })
	if i < 0 {
		return flow.Event{}, false
	}
	return events[i], true
}
