package balance

import (
	"net/netip"
	"sync/atomic"
	"time"

	"fanlight/internal/origin"
)

// Duty is what the operator wants of an origin.
type Duty uint8

const (
	Enabled  Duty = iota
	Draining      // no new exchanges, but those of clients that are tied to it
	Disabled      // none
)

func (d Duty) String() string { return [...]string{"enabled", "draining", "disabled"}[d%3] }

// ParseDuty is the inverse of String; false for a word it does not know.
func ParseDuty(s string) (Duty, bool) {
	for _, d := range []Duty{Enabled, Draining, Disabled} {
		if d.String() == s {
			return d, true
		}
	}
	return Enabled, false
}

// Standing is what may be given to an origin, and why not more.
type Standing uint8

const (
	Serving    Standing = iota
	Returning           // serving again, with a growing share
	Ejected             // left out for a while after failures
	Down                // by its health check
	DrainingOf          // by the operator
	DisabledOf          // by the operator
)

func (s Standing) String() string {
	return [...]string{"serving", "returning", "ejected", "down", "draining", "disabled"}[s%6]
}

// Member is an origin in a group. The first fields are set before New.
type Member struct {
	Origin *origin.Origin
	Weight int    // share of new exchanges beside the others; 0: 1
	Backup bool   // used when no other can be
	Tag    string // value of the sticky cookie that means this origin
	Limits Limits
	Duty   Duty // what the operator wants at first; then SetDuty changes it

	group *Group
	index int
	seed  uint64
	gate  *gate // outlives a change of the configuration

	standing atomic.Uint32 // a Standing
	tied     atomic.Bool   // it takes the exchanges of clients that are tied to it
	failing  atomic.Bool   // failures may be above zero
	counts   counts

	// What follows is guarded by Group.mu.

	down     bool
	checked  bool // a check has had its say
	inRow    int  // checks in a row that say the other of down
	checking bool
	checkAt  time.Time
	reason   string // of the last change for the worse

	failures  int // in a row
	firstFail time.Time
	until     time.Time     // ejected till then; zero: it is not
	lastOut   time.Duration // how long the last ejection was
	since     time.Time     // of the return; zero: it has its whole share
	spared    time.Time     // when it was last said that the last one is not ejected
}

type counts struct {
	requests, failures, retries atomic.Int64
}

// Standing is what may be given to the origin now.
func (m *Member) Standing() Standing { return Standing(m.standing.Load()) }

// Status is what is known of an origin, to be shown.
type Status struct {
	Name      string
	Weight    int
	Backup    bool
	Duty      Duty
	Standing  Standing
	Share     float64   // of its weight that is in force: 0, when it gets nothing new, to 1
	Reason    string    // why it is down or ejected; empty: it is not
	Until     time.Time // end of an ejection; zero: none
	Checked   bool      // a health check has had its say
	Active    int       // exchanges under way
	Waiting   int       // in the queue
	Idle      int       // pooled connections
	Requests  int64
	Failures  int64
	Retries   int64        // tries that came to it after another had failed
	Addresses []netip.Addr // the origin's name leads there; nil: not looked up yet
}

// Status is what is known of the origin.
func (m *Member) Status() Status {
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	s := Status{Name: m.Origin.Name, Weight: m.Weight, Backup: m.Backup, Duty: m.Duty, Standing: m.Standing(), Checked: m.checked,
		Until: m.until, Active: int(m.gate.active.Load()), Waiting: int(m.gate.queued.Load()), Idle: m.Origin.Idle(),
		Requests: m.counts.requests.Load(), Failures: m.counts.failures.Load(), Retries: m.counts.retries.Load(), Addresses: m.Origin.Addresses()}
	if s.Standing == Serving || s.Standing == Returning {
		s.Share = m.grown(m.group.Clock())
	}
	if s.Standing == Down || s.Standing == Ejected {
		s.Reason = m.reason
	}
	return s
}

// SetDuty changes what the operator wants of the origin.
func (m *Member) SetDuty(d Duty) {
	g := m.group
	g.mu.Lock()
	m.Duty = d
	changes := g.replan(g.Clock())
	g.mu.Unlock()
	g.tell(changes)
}

// Inherit takes over what was learnt of the same origin before a change of the
// configuration, and who is under way there. It is called before the group is
// used.
func (m *Member) Inherit(old *Member) {
	old.group.mu.Lock()
	duty, down, checked, reason := old.Duty, old.down, old.checked, old.reason
	until, lastOut, since := old.until, old.lastOut, old.since
	old.group.mu.Unlock()
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	m.gate = old.gate
	m.Duty, m.reason, m.until, m.lastOut, m.since = duty, reason, until, lastOut, since
	if g.Health.Check != nil {
		m.down, m.checked = down, checked
	}
	m.counts.requests.Store(old.counts.requests.Load())
	m.counts.failures.Store(old.counts.failures.Load())
	m.counts.retries.Store(old.counts.retries.Load())
	g.replan(g.Clock())
}
