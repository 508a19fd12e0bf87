package gateway

import (
	"context"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
)

const (
	sweepEvery = 250 * time.Millisecond // one look at everything that waits
	hangAfter  = 2 * time.Second        // an exchange older than this is published unfinished
	finishPoll = 50 * time.Millisecond
	closePoll  = 5 * time.Millisecond
)

func newTimer(d time.Duration) *time.Timer { return time.NewTimer(d) }

// Sweep looks at waiting connections until ctx ends: clients that have gone
// end their exchange, exchanges that hang are published, pools are tidied.
func (g *Gateway) Sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		for _, s := range g.sessions.all() {
			s.sweep(now)
		}
		g.groups(func(o *balance.Group) { o.Sweep(now) })
	}
}

func (s *session) sweep(now time.Time) {
	riding := false
	s.rides.each(func(r *ride) {
		riding = true
		r.sweep(s, now)
	})
	if !riding {
		s.sweepIdle()
	}
}

func (r *ride) sweep(s *session, now time.Time) {
	since := r.since.Load()
	age := now.Sub(time.Unix(0, since))
	if since == 0 || age < sweepEvery || r.tunnel.Load() {
		return
	}
	if r.gone.Load() || r.awaitsOrigin() && !s.rides.several.Load() && s.tap.Poll() {
		r.leave()
		return
	}
	limit := time.Duration(r.limit.Load())
	if r.since.Load() != since {
		return // the next exchange has begun meanwhile, and it is its limit
	}
	if limit > 0 && age > limit {
		r.expired.Store(true)
		r.giveUpOrigin(tookTooLong) // each time: it may have been between two waits
		return
	}
	if age > hangAfter && r.told.CompareAndSwap(false, true) {
		r.publish(s, now)
	}
}

// tookTooLong is why an exchange ends that took longer than its route allows.
const tookTooLong = "timeout: exchange"

// publish hands over the record of an exchange that is not finished. One whose
// response flows does not hang, it is long.
func (r *ride) publish(s *session, now time.Time) {
	phase := r.phase.Load()
	hanging := flow.Event{At: now, Kind: flow.Hanging, Text: phaseName(phase), Exchange: flow.ExchangeID(r.current.Load())}
	if phase != phaseBody {
		s.tap.Log().Add(hanging)
	}
	s.tap.Log().Flush()
	leg := r.waiting.Load()
	if leg == nil {
		return
	}
	if hanging.Exchange = flow.ExchangeID(r.leg.Load()); phase != phaseBody {
		leg.Log().Add(hanging)
	}
	leg.Log().Flush()
}

// sweepIdle closes a client connection whose signed-in origin connection was
// closed: both belong together, or the next request would arrive without the
// sign-in its client believes in.
func (s *session) sweepIdle() {
	ties := s.ties.Load()
	if ties == nil {
		return
	}
	for _, c := range *ties {
		if c.Gone() && !s.rides.any() {
			s.tap.SetWhy("the origin closed the connection this client had signed in on")
			s.stop.Store(true)
			s.interrupt()
			return
		}
	}
}
