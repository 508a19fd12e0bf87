package balance

import (
	"sync"
	"time"
)

// Condition is a kind of failure after which an exchange may be tried again.
type Condition uint16

const (
	OnConnect Condition = 1 << iota // no connection: the name, TCP or TLS
	OnRefused                       // the connection was refused
	OnReset                         // the origin closed or reset before a byte of its response
	OnTimeout                       // no response in time
	On502
	On503
	On504
)

// Retry says what is tried again.
type Retry struct {
	Attempts  int // further tries at most; 0: each other origin once
	On        Condition
	Budget    int  // percent of the exchanges of the last ten seconds; counts tries after something was sent
	Unlimited bool // there is no budget
	NotIdem   bool // methods that are not idempotent too
}

// Default is what is tried again where nothing is said about it: what was never
// sent.
func Default() Retry { return Retry{On: OnConnect, Budget: 20} }

const (
	budgetWindow = 10 * time.Second
	budgetLeast  = 10 // tries in a window that are allowed however few the exchanges
)

// budget bounds tries by the exchanges of late, so that a failing origin is not
// asked twice as much as one that works. It is looked at only when something is
// to be tried again.
type budget struct {
	percent int

	mu       sync.Mutex
	began    time.Time
	requests int64 // of the group, when the window began
	granted  int64 // tries that the window before allowed
	spent    int64
}

// Allow takes a further try out of the budget; false: there is none left.
func (g *Group) Allow() bool {
	if g.Retry.Unlimited {
		return true
	}
	var requests int64
	for _, m := range g.Members {
		requests += m.counts.requests.Load()
	}
	return g.budget.take(requests, g.Clock())
}

func (b *budget) take(requests int64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	share := func(n int64) int64 { return max(budgetLeast, n*int64(b.percent)/100) }
	if age := now.Sub(b.began); age >= budgetWindow {
		late := float64(requests-b.requests) * float64(budgetWindow) / float64(age) // what ten of these seconds had
		b.began, b.requests, b.granted, b.spent = now, requests, share(int64(late)), 0
	}
	if b.spent >= max(b.granted, share(requests-b.requests)) {
		return false
	}
	b.spent++
	return true
}
