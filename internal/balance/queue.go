package balance

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what an origin has to do at a time. Zero means no limit.
type Limits struct {
	Exchanges int           // under way at a time
	Conns     int           // connections at a time: as many exchanges where each needs its own
	Queue     int           // further ones that wait; 0: none may
	Wait      time.Duration // how long they wait
}

// Refusal is an exchange that an origin's limits did not let through.
type Refusal struct {
	Origin string
	Text   string        // what happened, with the origin's name
	Waited time.Duration // of a wait that was given up; 0: there was none
}

func (r *Refusal) Error() string { return r.Text }

// gate counts the exchanges under way at a member, and lets further ones wait in
// the order in which they came.
type gate struct {
	active atomic.Int32
	queued atomic.Int32

	mu      sync.Mutex
	waiters []*waiter
}

type waiter struct{ admitted chan struct{} }

// enter counts an exchange if there is room for it; a limit of 0 is none.
func (g *gate) enter(limit int32) bool {
	for {
		n := g.active.Load()
		if limit > 0 && n >= limit {
			return false
		}
		if g.active.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// limit is how many exchanges may be under way now; 0: any number.
func (m *Member) limit() int32 {
	n := m.Limits.Exchanges
	if c := m.Limits.Conns; c > 0 && (n == 0 || c < n) && !m.Origin.Multiplexes() {
		n = c
	}
	return int32(n)
}

// full tells whether an exchange would have to wait.
func (m *Member) full() bool {
	limit := m.limit()
	return limit > 0 && (m.gate.queued.Load() > 0 || m.gate.active.Load() >= limit)
}

// Enter counts an exchange that goes to the origin; false if it has to Wait
// first. Leave must be called at its end.
func (m *Member) Enter() bool {
	m.counts.requests.Add(1)
	limit := m.limit()
	if limit == 0 {
		m.gate.active.Add(1)
		return true
	}
	return m.gate.queued.Load() == 0 && m.gate.enter(limit)
}

// Leave is the end of an exchange that had entered.
func (m *Member) Leave() {
	m.gate.active.Add(-1)
	if m.gate.queued.Load() > 0 {
		m.gate.mu.Lock()
		m.gate.admit(m.limit())
		m.gate.mu.Unlock()
	}
}

// admit lets in who waits, as far as there is room. The caller holds mu.
func (g *gate) admit(limit int32) {
	for len(g.waiters) > 0 && g.enter(limit) {
		close(g.waiters[0].admitted)
		g.drop(0)
	}
}

func (g *gate) drop(i int) {
	g.waiters = slices.Delete(g.waiters, i, i+1)
	g.queued.Add(-1)
}

// Wait waits for an exchange's turn after Enter said no, until ctx ends. The
// error is a *Refusal or the context's; without one Leave must be called.
func (m *Member) Wait(ctx context.Context) error {
	w, err := m.queue()
	if w == nil {
		return err
	}
	began := time.Now()
	timer := time.NewTimer(m.Limits.Wait)
	defer timer.Stop()
	select {
	case <-w.admitted:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		waited := time.Since(began)
		err = &Refusal{m.Origin.Name, fmt.Sprintf("waited %s in the queue of %s: %d exchanges were under way there all the time, as many as it may have",
			m.Limits.Wait, m.Origin.Name, m.limit()), waited}
	}
	if m.gate.quit(w) {
		return err
	}
	return nil // it was let in at the same moment
}

// queue puts an exchange at the end of the queue, and lets it in at once if
// there is room by now. Without a waiter there is no room in the queue either.
func (m *Member) queue() (*waiter, error) {
	g := m.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiters) >= m.Limits.Queue {
		if len(g.waiters) == 0 && g.enter(m.limit()) {
			return nil, nil
		}
		return nil, &Refusal{Origin: m.Origin.Name, Text: m.fullText(len(g.waiters))}
	}
	w := &waiter{make(chan struct{})}
	g.waiters = append(g.waiters, w)
	g.queued.Add(1)
	g.admit(m.limit())
	return w, nil
}

func (m *Member) fullText(waiting int) string {
	if m.Limits.Queue == 0 {
		return fmt.Sprintf("%s has as many exchanges under way as it may (%d), and no queue", m.Origin.Name, m.limit())
	}
	return fmt.Sprintf("queue of %s is full: %d wait and %d are under way", m.Origin.Name, waiting, m.gate.active.Load())
}

// quit leaves the queue; false: the waiter was let in before.
func (g *gate) quit(w *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiters, w)
	if i < 0 {
		return false
	}
	g.drop(i)
	return true
}
