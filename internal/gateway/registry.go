package gateway

import (
	"context"
	"net/netip"
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

// listen has the ends of connections told until the returned function is
// called.
func (r *registry) listen() (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiters++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.waiters--
	}
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

// those gives the connections that match and a channel that is closed when a
// connection has ended.
func (r *registry) those(match func(*session) bool) ([]*session, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*session
	for s := range r.open {
		if match(s) {
			out = append(out, s)
		}
	}
	return out, r.removed
}

func (s *session) of(siteName string) bool {
	found := s.site.Load()
	return found != nil && found.Name == siteName
}

// Finish tells a site's connections to end: idle ones now, others after their
// exchange; tunnels are closed unless they are to be waited for. It returns
// when none is left; when ctx ends first, the rest is closed.
func (g *Gateway) Finish(ctx context.Context, siteName string, tunnels bool) {
	g.finish(ctx, tunnels, func(s *session) bool { return s.of(siteName) })
}

// FinishAt is Finish for the connections that a site has on one of its
// addresses, with their tunnels.
func (g *Gateway) FinishAt(ctx context.Context, siteName string, addr netip.AddrPort) {
	g.finish(ctx, true, func(s *session) bool { return s.of(siteName) && s.local == addr })
}

func (g *Gateway) finish(ctx context.Context, tunnels bool, match func(*session) bool) {
	defer g.sessions.listen()()
	for {
		open, removed := g.sessions.those(match)
		if len(open) == 0 {
			return
		}
		for _, s := range open {
			s.stop.Store(true)
			switch {
			case ctx.Err() == nil && s.rides.several.Load() && !tunnels:
				s.endTunnels("site stopped")
				s.interrupt()
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
