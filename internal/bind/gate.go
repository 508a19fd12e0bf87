package bind

import (
	"net"
	"sync"
	"time"
)

// gate holds the accept loops back while it is shut. The kernel's queue keeps
// the clients meanwhile.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // closed: they may pass
}

func newGate(shut bool) *gate {
	g := &gate{open: make(chan struct{})}
	if !shut {
		close(g.open)
	}
	return g
}

// passable is closed when, or as soon as, the gate is open.
func (g *gate) passable() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// Pause stops accepting connections, which wait from then on. The listeners
// stay open, and further ones may be acquired.
func (ls *Listeners) Pause() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.gate.mu.Lock()
	select {
	case <-ls.gate.open:
		ls.gate.open = make(chan struct{})
	default:
	}
	ls.gate.mu.Unlock()
	ls.setDeadlines(time.Unix(1, 0))
}

// Resume accepts again, or for the first time if the listeners were made held.
func (ls *Listeners) Resume() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.held = false
	ls.setDeadlines(time.Time{})
	ls.gate.mu.Lock()
	defer ls.gate.mu.Unlock()
	select {
	case <-ls.gate.open:
	default:
		close(ls.gate.open)
	}
}

func (ls *Listeners) setDeadlines(at time.Time) {
	for _, l := range ls.open {
		if s, ok := l.socket.(*net.TCPListener); ok {
			_ = s.SetDeadline(at) // fails only when it is closed already
		}
	}
}

// Abandon gives up every listener to another process that holds the same
// sockets and goes on listening: nothing is refused, and nothing that waits is
// touched. New references are refused.
func (ls *Listeners) Abandon() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.closed = true
	for _, l := range ls.open {
		l.leave()
	}
	clear(ls.open)
	for _, in := range ls.opts.Inherited {
		in.file.Close()
	}
}
