package gateway

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"fanlight/internal/httpconn"
	"fanlight/internal/origin"
)

// ride is one exchange on its way through the door. Its fields belong to the
// goroutine that carries the exchange, but for the atomic ones, which the
// sweeper and who ends connections read and write.
type ride struct {
	s          *session
	x          httpconn.Exchange // what answers: own, or the compressor before it
	own        httpconn.Exchange // as its connection knows it
	carriage   carriage
	facts      facts
	compressor *compressor // nil: no route of this connection compressed so far
	inspection *inspection // nil: no route of this connection had a WAF so far
	target     string      // what an origin or a folder is asked for
	head       *[]byte     // holds the request to an origin until it has left
	left       func()      // putHead, kept here so that asking allocates nothing

	bodyLimit int64      // bytes of the request; 0: none
	bodyBy    *Filtering // whose limit that is; nil: that of route or site
	counted   addressAt  // by underWay; zero: it is not
	subStatus int        // of the answer that a filter gives; 0: none

	tunnel  atomic.Bool
	gone    atomic.Bool                        // the client left while we waited
	dialing atomic.Pointer[context.CancelFunc] // ends an attempt to connect to an origin
	waiting atomic.Pointer[origin.Leg]         // the origin we wait for; written by awaits
	giving  sync.Mutex                         // held while what we wait for is interrupted
	leg     atomic.Uint64                      // the exchange on it
	current atomic.Uint64                      // the exchange with the client
	phase   atomic.Int32
	since   atomic.Int64 // start of the exchange, Unix nanoseconds; 0: none
	told    atomic.Bool  // the hanging exchange was published
	limit   atomic.Int64 // nanoseconds that it may take in all; 0: no limit
	expired atomic.Bool  // it took longer
}

// Phases of an exchange, as the record of one that hangs names them.
const (
	phaseLocal = iota
	phaseConnect
	phaseFirstByte
	phaseBody
	phaseQueue
)

func phaseName(phase int32) string {
	return [...]string{"response", "connect", "first-byte", "response-body", "queue"}[phase]
}

func (r *ride) begin(s *session, x httpconn.Exchange) {
	r.s, r.x, r.own = s, x, x
	if r.left == nil {
		r.left = r.putHead
	}
	r.facts, r.target = facts{s: s, req: x.Request()}, ""
	r.bodyLimit, r.bodyBy, r.subStatus = 0, nil, 0
	r.tunnel.Store(false)
	r.told.Store(false)
	r.limit.Store(0)
	r.expired.Store(false)
	r.gone.Store(false)
	r.phase.Store(phaseLocal)
	r.current.Store(uint64(x.ID()))
	r.since.Store(r.facts.req.At.UnixNano())
}

// putHead gives back what held the request to an origin: others need it while
// this one is waited for, and what is used again at once is in the processor's
// caches still.
func (r *ride) putHead() {
	r.s.g.Buffers.PutBody(r.head)
	r.head = nil
}

// leave takes note that the client has gone: nobody waits for the origin.
func (r *ride) leave() {
	r.gone.Store(true)
	r.giveUpOrigin("client gave up")
}

// giveUpOrigin ends a wait for an origin from outside.
func (r *ride) giveUpOrigin(why string) {
	if cancel := r.dialing.Load(); cancel != nil {
		(*cancel)()
	}
	r.giving.Lock()
	defer r.giving.Unlock()
	if leg := r.waiting.Load(); leg != nil {
		leg.Interrupt(why)
	}
}

// awaits notes what the exchange waits for, nil before it lets go of it. Who
// gives up the origin meanwhile is waited for: what serves another client a
// moment later must not be interrupted for this one.
func (r *ride) awaits(leg *origin.Leg) {
	r.giving.Lock()
	defer r.giving.Unlock()
	r.waiting.Store(leg)
}

func (r *ride) awaitsOrigin() bool { return r.waiting.Load() != nil || r.dialing.Load() != nil }

// rides are the exchanges a connection carries now: one that is used again and
// again where there is one at a time, so that an exchange allocates none, any
// number where several share the connection.
type rides struct {
	several atomic.Bool // set before the first exchange; the sweeper looks earlier
	own     ride

	mu   sync.Mutex
	open []*ride
	free []*ride // to be used again
}

// freeRides is how many are kept; a connection mostly has fewer at a time.
const freeRides = 32

func (a *rides) begin(s *session, x httpconn.Exchange) *ride {
	if !a.several.Load() {
		a.own.begin(s, x)
		return &a.own
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var r *ride
	if n := len(a.free); n > 0 {
		r, a.free = a.free[n-1], a.free[:n-1]
	} else {
		r = &ride{}
	}
	r.begin(s, x)
	a.open = append(a.open, r)
	return r
}

func (a *rides) end(r *ride) {
	r.inspection.release()
	if r.counted != (addressAt{}) {
		r.s.g.underWay.leave(r.counted)
		r.counted = addressAt{}
	}
	r.since.Store(0)
	if !a.several.Load() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.Index(a.open, r)
	a.open[i] = a.open[len(a.open)-1]
	a.open[len(a.open)-1] = nil
	a.open = a.open[:len(a.open)-1]
	if len(a.free) < freeRides {
		r.carriage, r.x, r.own = carriage{}, nil, nil
		a.free = append(a.free, r)
	}
}

// each calls f for every exchange that is on its way; f must not begin or end
// one.
func (a *rides) each(f func(*ride)) {
	if !a.several.Load() {
		if a.own.since.Load() != 0 {
			f(&a.own)
		}
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.open {
		f(r)
	}
}

func (a *rides) any() (riding bool) {
	a.each(func(*ride) { riding = true })
	return riding
}

// tunnelling reports whether an exchange has become a tunnel.
func (a *rides) tunnelling() (yes bool) {
	a.each(func(r *ride) { yes = yes || r.tunnel.Load() })
	return yes
}

// leave tells the ride of an exchange, if it is still on its way, that its
// client has gone.
func (a *rides) leave(x httpconn.Exchange) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.open {
		if r.own == x {
			r.leave()
		}
	}
}
