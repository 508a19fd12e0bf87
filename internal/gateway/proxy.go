package gateway

import (
	"context"
	"errors"
	"strconv"

	"fanlight/internal/balance"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

// carriage is one exchange on its way to an origin; it is part of its ride.
type carriage struct {
	r     *ride
	s     *session
	x     httpconn.Exchange
	does  *Site
	route *Route
	want  balance.Want
	m     *balance.Member
	stuck *balance.Member // the one that the client's cookie means
	next  *balance.Member // where it is tried again
	o     *origin.Origin  // of m
	fresh bool            // a new connection is wanted: a reused one has died
	tries int             // further ones
	spent string          // why there is no further try, if that is worth a word
	host  string          // Host field for the origin
	small []byte          // the whole request body, if it came with the head
	whole bool            // small is all of it
	bound bool            // the request ties the connection to its client
	need  origin.Need
	leg   *origin.Leg
	out   httpconn.Out // the request as it leaves
	pump  *pump        // nil: the body is sent, or there is none

	unsent error // of writing the request to a new connection
}

// proxy carries an exchange to an origin and back.
func (r *ride) proxy(does *Site, route *Route) {
	r.carriage = carriage{r: r, s: r.s, x: r.x, does: does, route: route}
	k := &r.carriage
	k.small, k.whole = r.x.Buffered()
	if r.bodyLimit > 0 && int64(len(k.small)) > r.bodyLimit { // HTTP/2 need not tell its length before
		r.refuseBody(r.bodyTooLong())
		return
	}
	r.limit.Store(int64(route.Exchange))
	k.bound = bindsConnection(r.x.Request().Head)
	if r.looped() || !k.mayShare() || !k.choose() {
		return
	}
	for {
		k.host = hostFor(route, k.o, r.x.Request().Host)
		f := k.attempt()
		if f == nil {
			return
		}
		k.counted(f)
		if !k.again(f) {
			k.giveUp(f)
			return
		}
	}
}

func (k *carriage) giveUp(f *origin.Failure) {
	s := k.s
	switch {
	case f.Timeout && !f.Given:
		s.g.Metrics.Fired.add("origin-" + f.Phase)
	case f.Phase == origin.PhaseFirstByte && errors.Is(f, httpwire.ErrHeadTooLarge):
		s.g.Metrics.Fired.add("response-header-bytes")
	}
	switch {
	case k.r.gone.Load():
		s.g.Metrics.responded(0)
		k.x.Truncate("client gave up before the response")
	case k.r.expired.Load():
		k.r.timedOut("exchange", k.route.Exchange)
		k.r.fail(504, "the exchange was not done within "+k.route.Exchange.String()+" (timeout: exchange)")
	case f.Given:
		k.x.Truncate("ended from outside")
	case f.Dead && k.leg != nil && k.leg.Pinned() && !k.x.Responded():
		// As without a door: the client sees its connection end and signs in
		// again on a new one.
		k.x.Truncate("the origin closed the connection this client had signed in on")
	case f.Dead && !idempotent(k.x.Request().Method):
		k.r.fail(f.Status, f.Error()+"; "+k.x.Request().Method+" is not sent twice")
	case k.tries > 0 && k.spent == "":
		k.r.fail(f.Status, f.Error()+"; it was the last of "+strconv.Itoa(k.tries+1)+" tries")
	case k.spent != "":
		k.r.fail(f.Status, f.Error()+"; "+k.spent)
	default:
		k.r.fail(f.Status, f.Error())
	}
}

// attempt makes one try. A failure that was answered already, or that is the
// client's, is nil.
func (k *carriage) attempt() *origin.Failure {
	k.unsent = nil
	if !k.enter() {
		return nil
	}
	defer k.m.Leave()
	k.out.ID = k.s.g.Recorder.NextExchange()
	k.r.leg.Store(uint64(k.out.ID))
	defer k.r.awaits(nil)
	for {
		if f := k.connect(); f != nil {
			return f
		}
		k.r.awaits(k.leg)
		f, again := k.send()
		switch {
		case again: // with what is left in the pool, or a new connection
			k.r.awaits(nil)
			continue
		case f != nil:
			return k.settle(f)
		}
		return k.settle(k.receive())
	}
}

// settle waits for the sender of the body, and for its word on whose fault a
// failure is.
func (k *carriage) settle(f *origin.Failure) *origin.Failure {
	p := k.pump
	if p == nil {
		return f
	}
	k.pump = nil
	p.interrupt() // does nothing after a whole exchange, whose pump has ended
	clientFault := p.wait()
	switch {
	case f == nil:
		return nil
	case clientFault == nil:
		return f
	case k.x.Responded():
		k.x.Truncate(clientFault.Cause)
	default:
		k.r.clientFault(clientFault)
	}
	return nil
}

// connect finds the way to the origin: the connection this client signed in
// on, one that is open, or a new one.
func (k *carriage) connect() *origin.Failure {
	if c := k.s.pinned[k.o]; c != nil {
		k.leg = c.Leg()
		return nil
	}
	req := k.x.Request()
	k.need = origin.Need{Host: req.Host, Parent: k.x.Log().ID(), Ends: k.s.ends(k.o), Alone: k.bound, Upgrade: upgradeOf(req) != "", Fresh: k.fresh, Whole: k.whole && !k.bound}
	if k.leg = k.o.Ready(&k.need); k.leg != nil {
		return nil
	}
	return k.open()
}

func (k *carriage) open() *origin.Failure {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	k.r.phase.Store(phaseConnect)
	k.r.dialing.Store(&cancel)
	leg, opened, err := k.o.Open(ctx, &k.need)
	k.r.dialing.Store(nil)
	if opened {
		k.s.g.Metrics.Origins.Add(1)
	}
	if err == nil {
		k.leg = leg
		return nil
	}
	k.leg = nil
	var f *origin.Failure
	if errors.As(err, &f) {
		return f
	}
	return &origin.Failure{Origin: k.o.Name, Phase: origin.PhaseConnect, Err: err, Status: 502}
}
