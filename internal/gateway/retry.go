package gateway

import (
	"context"
	"errors"
	"strconv"
	"syscall"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/origin"
)

// again decides whether an exchange is tried once more after a failure, and
// where.
func (k *carriage) again(f *origin.Failure) bool {
	switch {
	case k.r.over() || f.Given || k.x.Responded():
		return false
	case k.renews(f):
		k.fresh = true
	case k.next != nil: // decided when the response came
	case !k.plans(condition(f, k.leg != nil)):
		return false
	}
	k.s.g.Metrics.Retries.Add(1)
	k.x.Log().Add(flow.Event{At: time.Now(), Exchange: k.x.ID(), Kind: flow.Retry, Text: f.Error()})
	if k.next != nil {
		k.fresh = false
		k.next.Retried()
		repeated := k.want.Tried(k.next)
		k.goTo(k.next)
		k.next = nil
		return !repeated || k.pause()
	}
	return true
}

// renews allows one more try, at the same origin, of a request whose reused
// connection died before a byte of a response came: idempotent methods only
// (RFC 9110 section 9.2.2), with a body that can be sent again. A connection
// that belongs to the client is not replaced: the sign-in died with it.
func (k *carriage) renews(f *origin.Failure) bool {
	if k.leg != nil && f.WantsHTTP1 {
		return k.whole && (f.Unprocessed || idempotent(k.x.Request().Method))
	}
	if f.Unprocessed {
		return !k.fresh && k.whole
	}
	return !k.fresh && k.leg != nil && f.Dead && k.whole && !k.leg.Pinned() && idempotent(k.x.Request().Method)
}

func idempotent(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

// condition is the kind of a failure, 0 if nothing is tried again after it.
func condition(f *origin.Failure, sent bool) balance.Condition {
	switch {
	case !sent && errors.Is(f.Err, syscall.ECONNREFUSED):
		return balance.OnConnect | balance.OnRefused
	case !sent:
		return balance.OnConnect
	case f.Timeout && f.Phase == origin.PhaseFirstByte:
		return balance.OnTimeout
	case !f.Timeout && f.Fault == "" && (f.Phase == origin.PhaseFirstByte || f.Phase == origin.PhaseSend):
		return balance.OnReset
	}
	return 0
}

func statusCondition(status int) balance.Condition {
	switch status {
	case 502:
		return balance.On502
	case 503:
		return balance.On503
	case 504:
		return balance.On504
	}
	return 0
}

// plans looks for an origin for another try after a failure of the kind c, and
// keeps it in next. What was sent is sent again only where that does no harm:
// methods that are idempotent, bodies that are still here, and within the
// budget. What was never sent may go elsewhere whatever it is.
func (k *carriage) plans(c balance.Condition) bool {
	g := k.route.Origins
	r := &g.Retry
	if c&r.On == 0 || k.tries >= k.mostTries() {
		return false
	}
	unsent := c&(balance.OnConnect|balance.OnRefused) != 0
	if !unsent && (!k.whole || k.leg.Pinned() || !r.NotIdem && !idempotent(k.x.Request().Method)) {
		return false
	}
	next := g.Pick(&k.want)
	if next == nil && k.tries < r.Attempts {
		next = g.Pick(&balance.Want{Key: k.want.Key, Keyed: k.want.Keyed}) // all were tried: another round
	}
	if next == nil && !unsent && len(g.Members) == 1 {
		next = k.m
	}
	if next == nil {
		return false
	}
	if !unsent && !g.Allow() {
		k.spent = "not tried again: the retry budget of " + strconv.Itoa(r.Budget) + " % of the requests is used up"
		k.decided(k.spent)
		return false
	}
	k.tries++
	k.next = next
	return true
}

// retracted gives a response up for another try where its status asks for one;
// nil: it goes to the client.
func (k *carriage) retracted(status int) *origin.Failure {
	c := statusCondition(status)
	if c == 0 || !k.plans(c) {
		return nil
	}
	f := &origin.Failure{Origin: k.o.Name, Phase: origin.PhaseFirstByte, Reason: "it answered " + strconv.Itoa(status), Status: status}
	k.leg.Abandon("its answer is not used: " + f.Reason)
	return f
}

// mostTries is how many further tries an exchange may have: what is said, else
// each other origin once, and a single origin once more.
func (k *carriage) mostTries() int {
	g := k.route.Origins
	if g.Retry.Attempts > 0 {
		return g.Retry.Attempts
	}
	return max(len(g.Members)-1, 1)
}

// pause waits before an origin is asked that was asked already: what was wrong
// a moment ago is mostly wrong still. False: the exchange is over meanwhile.
func (k *carriage) pause() bool {
	ctx, cancel := context.WithTimeout(context.Background(), min(firstPause<<min(k.tries-1, 8), longestPause))
	defer cancel()
	k.r.phase.Store(phaseConnect)
	k.r.dialing.Store(&cancel)
	<-ctx.Done()
	k.r.dialing.Store(nil)
	return !k.r.over()
}

// over reports that nothing is to be tried for the exchange any more: its client
// has gone, or it took longer than its route allows.
func (r *ride) over() bool { return r.gone.Load() || r.expired.Load() }

const (
	firstPause   = 25 * time.Millisecond
	longestPause = time.Second
)

// counted tells the origin's record of failures how a try ended.
func (k *carriage) counted(f *origin.Failure) {
	if f.Given || f.Dead || k.r.gone.Load() {
		return
	}
	k.m.Failed(f.Error())
}
