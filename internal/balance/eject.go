package balance

import (
	"fmt"
	"strconv"
	"time"
)

// Eject says when an origin is left out for a while because exchanges with it
// failed. The zero value never ejects.
type Eject struct {
	Failures   int            // in a row; 0: never ejected
	Status     func(int) bool // answers that are failures; nil: none is
	Window     time.Duration  // in which they must happen; 0: no matter when
	For        time.Duration  // how long it is left out the first time; twice as long each time again
	SlowReturn time.Duration  // over which its share grows afterwards; 0: at once
}

// longestOut bounds what the doubling comes to.
const longestOut = 16

// Answered notes the status that the origin answered an exchange with.
func (m *Member) Answered(status int) {
	if failure := m.group.Eject.Status; status >= 400 && failure != nil && failure(status) {
		m.Failed("status " + strconv.Itoa(status))
		return
	}
	m.Succeeded()
}

// Succeeded notes that an exchange with the origin came to a response that is
// no failure.
func (m *Member) Succeeded() {
	if !m.failing.Load() {
		return
	}
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	m.failures = 0
	m.failing.Store(false)
}

// Retried notes that an exchange comes here after a try that failed.
func (m *Member) Retried() { m.counts.retries.Add(1) }

// Failed notes that an exchange with the origin failed, by the origin's fault.
func (m *Member) Failed(why string) {
	m.counts.failures.Add(1)
	g := m.group
	if g.Eject.Failures == 0 || len(g.Members) == 1 {
		return
	}
	g.mu.Lock()
	changes := m.failed(why, g.Clock())
	g.mu.Unlock()
	g.tell(changes)
}

func (m *Member) failed(why string, now time.Time) []Change {
	g := m.group
	if e := g.Eject.Window; m.failures > 0 && e > 0 && now.Sub(m.firstFail) > e {
		m.failures = 0
	}
	if m.failures == 0 {
		m.firstFail = now
	}
	m.failures++
	m.failing.Store(true)
	if m.failures < g.Eject.Failures || !m.until.IsZero() || m.down {
		return nil
	}
	text := fmt.Sprintf("failed %d times in a row, the last time: %s", m.failures, why)
	if !g.otherServes(m) {
		return m.spare(text, now)
	}
	out := g.Eject.For
	if m.lastOut > 0 { // it has not been back for as long as it was out
		out = min(2*m.lastOut, longestOut*g.Eject.For)
	}
	m.lastOut, m.until, m.since, m.reason, m.failures = out, now.Add(out), time.Time{}, text, 0
	return g.replan(now)
}

// otherServes tells whether there is somebody to take over from m.
func (g *Group) otherServes(m *Member) bool {
	for _, o := range g.Members {
		if s := o.Standing(); o != m && (s == Serving || s == Returning) {
			return true
		}
	}
	return false
}

// spare keeps the last one, and says so now and then.
func (m *Member) spare(text string, now time.Time) []Change {
	m.failures = 0
	if !m.spared.IsZero() && now.Sub(m.spared) < m.group.Eject.For {
		return nil
	}
	m.spared = now
	s := m.Standing()
	return []Change{{m, s, s, text + "; it is not left out, because no other origin can be used"}}
}

// settle brings back whose ejection is over, and lets shares grow.
func (g *Group) settle(now time.Time) {
	g.mu.Lock()
	for _, m := range g.Members {
		if !m.until.IsZero() && !now.Before(m.until) {
			m.until, m.since = time.Time{}, now
		}
		if !m.since.IsZero() && now.Sub(m.since) >= max(g.Eject.SlowReturn, m.lastOut) {
			m.since, m.lastOut = time.Time{}, 0
		}
	}
	changes := g.replan(now)
	g.mu.Unlock()
	g.tell(changes)
}

// grown is the part of its weight that a returning member has by now, in tenths,
// so that turns stay few.
func (m *Member) grown(now time.Time) float64 {
	slow := m.group.Eject.SlowReturn
	if m.since.IsZero() || slow <= 0 {
		return 1
	}
	tenths := int64(now.Sub(m.since)) * 10 / int64(slow)
	return float64(min(max(tenths, 1), 10)) / 10
}
