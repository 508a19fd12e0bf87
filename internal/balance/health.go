package balance

import (
	"context"
	"fmt"
	"time"

	"fanlight/internal/origin"
)

// Health says how origins are asked whether they are well.
type Health struct {
	Check    func(ctx context.Context, o *origin.Origin) error // nil: they are not asked
	Interval time.Duration
	Timeout  time.Duration
	Rise     int           // good answers in a row that bring an origin up; the first one of all does alone
	Fall     int           // bad ones that take it down; the first one of all does alone
	Slots    chan struct{} // bounds the checks under way, of all groups together; nil: they are not bounded
}

// check begins the checks that are due. One that finds no slot is tried again
// at the next sweep.
func (g *Group) check(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.checks.Err() != nil {
		return // closed: nobody waits for what begins now
	}
	for _, m := range g.Members {
		if m.checking || m.Duty == Disabled || now.Before(m.checkAt) {
			continue
		}
		if !g.Health.slot() {
			return
		}
		m.checking, m.checkAt = true, now.Add(g.Health.Interval)
		g.wg.Go(func() { g.ask(m) })
	}
}

func (h *Health) slot() bool {
	if h.Slots == nil {
		return true
	}
	select {
	case h.Slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g *Group) ask(m *Member) {
	ctx, cancel := context.WithTimeout(g.checks, g.Health.Timeout)
	err := g.Health.Check(ctx, m.Origin)
	cancel()
	if g.Health.Slots != nil {
		<-g.Health.Slots
	}
	g.mu.Lock()
	m.checking = false
	var changes []Change
	if g.checks.Err() == nil {
		changes = m.heard(err, g.Clock())
	}
	g.mu.Unlock()
	g.tell(changes)
}

// heard takes the outcome of a check into account. The caller holds mu.
func (m *Member) heard(err error, now time.Time) []Change {
	g := m.group
	bad := err != nil
	switch {
	case !m.checked:
		m.checked, m.inRow = true, 0
		if bad == m.down {
			return nil
		}
	case bad == m.down:
		m.inRow = 0
		return nil
	default:
		m.inRow++
		if bad && m.inRow < g.Health.Fall || !bad && m.inRow < g.Health.Rise {
			return nil
		}
		m.inRow = 0
	}
	m.down = bad
	if bad {
		m.reason = fmt.Sprintf("health check: %s", err)
	} else {
		m.until, m.since = time.Time{}, time.Time{}
		if g.Eject.SlowReturn > 0 || m.lastOut > 0 {
			m.since = now
		}
	}
	return g.replan(now)
}

// endChecks ends the checks that are under way, and waits for them.
func (g *Group) endChecks() {
	g.mu.Lock()
	g.cancel()
	g.mu.Unlock()
	g.wg.Wait()
}
