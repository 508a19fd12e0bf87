package origin

import (
	"context"
	"errors"
	"time"

	"fanlight/internal/flow"
)

// Protocol is what version of HTTP an origin is spoken to in.
type Protocol uint8

const (
	HTTP1 Protocol = iota // HTTP/1.1 alone
	Auto                  // HTTP/2 where the origin offers it by ALPN, else HTTP/1.1
	HTTP2                 // HTTP/2; without TLS by prior knowledge (RFC 9113, section 3.3)
)

// Need is what an exchange needs of its way to an origin.
type Need struct {
	Host    string      // forwarded host
	Parent  flow.ConnID // the client connection it is for
	Ends    Ends        // of that connection, for a PROXY header
	Alone   bool        // a connection of its own: a sign-in that belongs to one
	Upgrade bool        // it asks for another protocol
	Fresh   bool        // no HTTP/1.1 connection that has served before
	Whole   bool        // all of the request will be given to Send
}

// Ready gives a way to the origin that is open already, nil if there is none.
func (o *Origin) Ready(n *Need) *Leg {
	if o.mayShare(n) {
		if leg := o.stream(o.serverName(n.Host), n.Upgrade); leg != nil {
			return leg
		}
	}
	if n.Fresh {
		return nil
	}
	if c := o.takeFor(n.Host, n.Ends, n.Whole); c != nil {
		return c.Leg()
	}
	return nil
}

// Open gives a way to the origin, which it opens if nobody else is about to:
// those who could share it wait. opened tells that there is a new connection.
// An error is a *Failure.
func (o *Origin) Open(ctx context.Context, n *Need) (leg *Leg, opened bool, err error) {
	name := o.serverName(n.Host)
	for o.mayShare(n) && !n.Upgrade {
		leg, wait := o.await(name)
		switch {
		case leg != nil:
			return leg, false, nil
		case wait == nil: // it is ours to open, or nobody can share it
			leg, err = o.openShared(ctx, n, name)
			return leg, err == nil, err
		}
		select {
		case <-wait.done:
		case <-ctx.Done():
			return nil, false, o.unconnected(ctx, PhaseConnect, o.Timeouts.Connect, ctx.Err())
		}
		if wait.failed != nil {
			again := *wait.failed
			return nil, false, &again
		}
	}
	c, err := o.dial(ctx, n.Host, n.Parent, n.Ends, false)
	if err != nil {
		return nil, false, err
	}
	return c.Leg(), true, nil
}

// opening is an attempt to open a connection that others wait for.
type opening struct {
	done   chan struct{}
	failed *Failure // of the origin, not of who gave up
}

// await gives a stream of a connection under a name, or the attempt to wait
// for; nil and nil tell the caller to make one.
func (o *Origin) await(name string) (*Leg, *opening) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if leg := o.streamOf(name, false); leg != nil {
		return leg, nil
	}
	if o.single[name] {
		return nil, nil // waiting would be for nothing: each needs its own
	}
	if wait := o.opening[name]; wait != nil {
		return nil, wait
	}
	if len(o.opening) < maxNames {
		o.opening[cloned(name)] = &opening{done: make(chan struct{})}
	}
	return nil, nil
}

// openShared opens a connection that is shared if the origin speaks HTTP/2, and
// belongs to the caller's exchange if not.
func (o *Origin) openShared(ctx context.Context, n *Need, name string) (*Leg, error) {
	c, err := o.dial(ctx, n.Host, n.Parent, n.Ends, true)
	var leg *Leg
	o.mu.Lock()
	if err == nil {
		leg = o.take2(c, name)
	}
	if wait := o.opening[name]; wait != nil {
		delete(o.opening, name)
		var f *Failure
		if errors.As(err, &f) && !f.Given {
			wait.failed = f
		}
		close(wait.done)
	}
	o.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if leg == nil {
		return nil, &Failure{Origin: o.Name, Phase: PhaseConnect, Err: errNoStream, Status: 502}
	}
	return leg, nil
}

var errNoStream = errors.New("the origin takes no stream on a new HTTP/2 connection")

// take2 puts a new connection among the shared ones and takes a stream of it.
// The caller holds mu.
func (o *Origin) take2(c *Conn, name string) *Leg {
	name = cloned(name)
	if c.h2 == nil {
		if len(o.single) >= maxNames {
			clear(o.single)
		}
		o.single[name] = true
		o.plural.Store(false)
		return c.Leg()
	}
	delete(o.single, name)
	o.plural.Store(true)
	o.shared[name] = append(o.shared[name], c)
	leg := o.streamOf(name, false)
	if o.done {
		delete(o.shared, name)
		c.h2.Retire("origin no longer used")
	}
	return leg
}

// mayShare reports whether an exchange may go over a connection that others
// use at the same time.
func (o *Origin) mayShare(n *Need) bool {
	return o.HTTP != HTTP1 && o.ProxyHeader == 0 && !n.Alone && (o.Secure || o.HTTP == HTTP2) && o.only1.Load() == nil
}

// MayShare reports whether exchanges of several clients may share a connection.
func (o *Origin) MayShare() bool { return o.mayShare(&Need{}) }

// Multiplexes reports whether the last connection that could be shared was:
// exchanges do not need a connection each.
func (o *Origin) Multiplexes() bool { return o.plural.Load() && o.only1.Load() == nil }

// OnlyHTTP1 has the origin spoken to in HTTP/1.1 from now on; the first reason
// stays.
func (o *Origin) OnlyHTTP1(why string) (news bool) { return o.only1.CompareAndSwap(nil, &why) }

// Needs1 says why the origin is spoken to in HTTP/1.1 although HTTP/2 was
// tried, empty if it is not.
func (o *Origin) Needs1() string {
	if why := o.only1.Load(); why != nil {
		return *why
	}
	return ""
}

func (o *Origin) stream(name string, upgrade bool) *Leg {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.streamOf(name, upgrade)
}

// streamOf takes a stream of a shared connection, nil if none has one. The
// caller holds mu.
func (o *Origin) streamOf(name string, upgrade bool) *Leg {
	for _, c := range o.shared[name] {
		if allowed, _ := c.h2.Extended(); upgrade && !allowed {
			continue
		}
		if s := c.h2.Stream(); s != nil {
			return &Leg{Outgoing: s, conn: c, stream: s}
		}
	}
	return nil
}

// sweepShared looks after shared connections, and closes those that have been
// idle too long or are of no more use.
func (o *Origin) sweepShared(now time.Time) {
	worn := map[*Conn]string{}
	o.mu.Lock()
	for name, conns := range o.shared {
		kept := conns[:0]
		for _, c := range conns {
			switch limit := o.Timeouts.Idle; {
			case c.over():
			case c.vanished():
				worn[c] = addressGone
			case !c.h2.Usable() && c.h2.Open() == 0:
				worn[c] = "it takes no more streams"
			case limit > 0 && c.h2.Idle(now) > limit:
				worn[c] = "idle timeout"
			default:
				kept = append(kept, c)
			}
		}
		clear(conns[len(kept):])
		if o.shared[name] = kept; len(kept) == 0 {
			delete(o.shared, name)
		}
	}
	o.mu.Unlock()
	for c, why := range worn {
		c.h2.Retire(why)
	}
}

// alone is the exchange of a new connection that nobody shares; nil if the
// origin takes none on it.
func (c *Conn) alone() *Leg {
	if c.h2 == nil {
		return c.Leg()
	}
	if s := c.h2.Stream(); s != nil {
		return &Leg{Outgoing: s, conn: c, stream: s}
	}
	return nil
}

// over reports that a shared connection has ended.
func (c *Conn) over() bool {
	select {
	case <-c.h2.Ended():
		return true
	default:
		return false
	}
}
