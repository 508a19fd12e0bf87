package gateway

import (
	"context"
	"sync"
)

// registry knows the client connections.
type registry struct {
	mu      sync.Mutex
	open    map[*session]struct{}
	removed chan struct{} // closed and replaced when a connection ends and somebody waits
	waiters int
}

func (r *registry) init() {
	r.open = map[*session]struct{}{}
	r.removed = make(chan struct{})
}

// add reports false when there are limit connections already.
func (r *registry) add(s *session, limit int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if limit > 0 && len(r.open) >= limit {
		return false
	}
	r.open[s] = struct{}{}
	return true
}

func (r *registry) remove(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, s)
	r.wake()
}

func (r *registry) wake() {
	if r.waiters > 0 {
		close(r.removed)
		r.removed = make(chan struct{})
	}
}

func (r *registry) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.open)
}

func (r *registry) all() []*session {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*session, 0, len(r.open))
	for s := range r.open {
		out = append(out, s)
	}
	return out
}

// of gives the connections of a site and a channel that is closed when a
// connection has ended.
func (r *registry) of(site string) ([]*session, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*session
	for s := range r.open {
		if found := s.site.Load(); found != nil && found.Name == site {
			out = append(out, s)
		}
	}
	return out, r.removed
}

// Finish tells a site's connections to end: idle ones now, others after their
// exchange; tunnels are closed unless they are to be waited for. It returns
// when none is left; when ctx ends first, the rest is closed.
func (g *Gateway) Finish(ctx context.Context, siteName string, tunnels bool) {
	g.sessions.mu.Lock()
	g.sessions.waiters++
	g.sessions.mu.Unlock()
	defer func() {
		g.sessions.mu.Lock()
		g.sessions.waiters--
		g.sessions.mu.Unlock()
	}()
	for {
		open, removed := g.sessions.of(siteName)
		if len(open) == 0 {
			return
		}
		for _, s := range open {
			s.stop.Store(true)
			switch {
			case ctx.Err() != nil, s.rides.tunnelling() && !tunnels:
				s.kill("site stopped")
			default:
				s.interrupt()
			}
		}
		g.awaitEnd(ctx, removed)
	}
}

// awaitEnd waits for a connection to end, or looks again after a while: an
// exchange may have become a tunnel, or a handshake may have just ended.
func (g *Gateway) awaitEnd(ctx context.Context, removed <-chan struct{}) {
	timer := newTimer(finishPoll)
	defer timer.Stop()
	done := ctx.Done()
	if ctx.Err() != nil {
		done = nil // the connections were killed: only their end matters now
	}
	select {
	case <-removed:
	case <-timer.C:
	case <-done:
	}
}
