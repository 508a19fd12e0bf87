package gateway

import (
	"context"
	"time"

	"fanlight/internal/httpconn"
)

// handedOver is why the door closes connections after another process has taken
// its listeners over.
const handedOver = "the door was handed over to another process"

// Leave lets every connection end with its next response, which tells the
// client so. An idle connection is not closed: its next request may be on its
// way, and is answered. Tunnels go on.
func (g *Gateway) Leave() {
	g.leaving.Store(true)
	for _, s := range g.sessions.all() {
		if s.rides.several.Load() {
			s.stop.Store(true) // HTTP/2 can warn an idle client (RFC 9113, section 6.8)
			s.interrupt()
		}
	}
}

// leave makes an exchange the last one of its connection.
func (s *session) leave(x httpconn.Exchange) {
	if s.rides.several.Load() {
		s.stop.Store(true)
		return
	}
	x.CloseAfter(handedOver)
}

// Linger waits until no connection is left, or ctx ends. progress is called
// every now and then.
func (g *Gateway) Linger(ctx context.Context, every time.Duration, progress func()) {
	defer g.sessions.listen()()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		open, removed := g.sessions.those(func(*session) bool { return true })
		if len(open) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			progress()
		case <-removed:
		}
	}
}

// Waiting counts the connections by what keeps them open.
func (g *Gateway) Waiting() (exchanges, tunnels, idle int) {
	for _, s := range g.sessions.all() {
		switch {
		case s.rides.tunnelling():
			tunnels++
		case s.rides.any():
			exchanges++
		default:
			idle++
		}
	}
	return exchanges, tunnels, idle
}

// FinishAll is Finish for all connections, with their tunnels.
func (g *Gateway) FinishAll(ctx context.Context) {
	g.finish(ctx, true, func(*session) bool { return true })
}
