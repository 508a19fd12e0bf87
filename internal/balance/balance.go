// Package balance chooses between the origins of a route: whose turn it is,
// which of them can be used, who has to wait, and what may be tried again.
//
// Choosing takes no lock and allocates nothing: it reads a plan that is made
// anew whenever the standing of an origin changes, which is seldom.
package balance

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"fanlight/internal/origin"
)

// Method is how the next origin is chosen.
type Method uint8

const (
	RoundRobin       Method = iota // in turn, by weight
	LeastConnections               // the one with the fewest exchanges under way, by weight
	Hash                           // the same origin for the same key, as long as it can be used
)

// KeyKind is what a hash is made of.
type KeyKind uint8

const (
	KeyAddress KeyKind = iota // of the client
	KeyPath                   // of the request, decoded
	KeyHeader                 // a field of the request
	KeyCookie                 // a cookie of the request
)

// Options say how a group chooses and whom it leaves out.
type Options struct {
	Name    string // of the route, as it is shown
	Method  Method
	KeyKind KeyKind
	KeyName string // of the field or cookie
	Sticky  string // name of the cookie that ties a client to an origin; empty: none
	Health  Health
	Eject   Eject
	Retry   Retry
	// Changed is told of every change of an origin's standing until Retire, after
	// it, from whichever goroutine brought it about. It must not wait. nil: nobody
	// is.
	Changed func(Change)
	// Clock is the time; nil: time.Now.
	Clock func() time.Time
}

// MaxMembers is how many origins a group may have: those that an exchange has
// tried are bits of a word.
const MaxMembers = 64

// Group is the origins of a route. Its methods may be called concurrently.
type Group struct {
	Options
	Members []*Member

	plan   atomic.Pointer[plan]
	turn   atomic.Uint32
	budget budget

	mu      sync.Mutex // guards the standing of members and the making of plans
	restful atomic.Bool

	checks context.Context
	cancel context.CancelFunc // holding mu, so that no check begins afterwards
	wg     sync.WaitGroup
}

// New makes a group of 1 to MaxMembers members. It does not connect; Sweep is
// to be called regularly, and Close at the end.
func New(o Options, members ...*Member) *Group {
	g := &Group{Options: o, Members: members}
	if g.Clock == nil {
		g.Clock = time.Now
	}
	g.checks, g.cancel = context.WithCancel(context.Background())
	for i, m := range members {
		m.group, m.index, m.gate = g, i, &gate{}
		m.Weight = max(m.Weight, 1)
		m.seed = seedOf(m.Origin.Name)
	}
	g.budget.percent = o.Retry.Budget
	g.mu.Lock()
	defer g.mu.Unlock()
	g.replan(g.Clock())
	return g
}

// Of is a group of origins in turn, with what is tried again by default.
func Of(origins ...*origin.Origin) *Group {
	members := make([]*Member, len(origins))
	for i, o := range origins {
		members[i] = &Member{Origin: o}
	}
	return New(Options{Retry: Default()}, members...)
}

// Close ends what the group does by itself and closes the pools of its origins.
func (g *Group) Close() { g.Retire(func(*origin.Origin) bool { return false }) }

// Sweep does what is due: checks, returns of ejected origins, idle connections.
// Called about every 250 ms.
func (g *Group) Sweep(now time.Time) {
	for _, m := range g.Members {
		m.Origin.Sweep()
	}
	if !g.restful.Load() {
		g.settle(now)
	}
	if g.Health.Check != nil {
		g.check(now)
	}
}
