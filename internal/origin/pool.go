package origin

import (
	"slices"
	"time"
)

// Take gives an idle connection for one exchange, nil if there is none. host
// is the forwarded host. whole tells that all of the request will be given to
// Send, which then looks whether the origin has said something unasked; else
// the look, a system call, is made now.
func (o *Origin) Take(host string, whole bool) *Conn { return o.takeFor(host, Ends{}, whole) }

// takeFor is Take for a client, whom alone a connection with a PROXY header
// serves.
func (o *Origin) takeFor(host string, ends Ends, whole bool) *Conn {
	key := o.key(host, ends)
	for {
		c := o.take(key)
		if c == nil {
			return nil
		}
		why := c.stale(whole)
		if why == "" {
			return c
		}
		c.Close(why)
	}
}

func (o *Origin) take(key string) *Conn {
	o.mu.Lock()
	defer o.mu.Unlock()
	conns := o.idle[key]
	if len(conns) == 0 {
		return nil
	}
	c := conns[len(conns)-1]
	conns[len(conns)-1] = nil
	o.keep(c.key, conns[:len(conns)-1]) // not key: assigning replaces it, and it may be a view of a buffer
	o.count--
	return c
}

// keep stores what is idle under a name. Names come from clients' Host fields,
// so those without connections are forgotten when they are many.
func (o *Origin) keep(name string, conns []*Conn) {
	if len(conns) == 0 && len(o.idle) > maxNames {
		delete(o.idle, name)
		return
	}
	o.idle[name] = conns
}

// stale says why an idle connection must not be used, empty if it may. What an
// origin said after its response would go to whoever asks next, so the look is
// worth its system call however short the idle time was; where the look can be
// the first half of the wait for the response, it is left to Send.
func (c *Conn) stale(whole bool) string {
	if limit := c.origin.Timeouts.Idle; limit > 0 && time.Since(c.idleSince) > limit {
		return "idle timeout"
	}
	if whole && c.tap.CanAsk() {
		c.Ask(c.tap, c.origin.Timeouts.FirstByte)
		return ""
	}
	return c.unquiet()
}

func (c *Conn) unquiet() string {
	switch {
	case c.tap.Quiet():
		return ""
	case c.tap.PeerGone():
		return closedIdle
	}
	return spokeIdle
}

// Put gives a connection back after its exchange ended cleanly; a connection
// that must not be shared, or that the pool has no room for, is closed.
func (o *Origin) Put(c *Conn) {
	if c.idleSince = c.Rested(); c.idleSince.IsZero() {
		c.idleSince = time.Now()
	}
	o.mu.Lock()
	gone := c.vanished()
	keep := !o.done && !c.pinned && o.count < o.MaxIdle && !gone
	if keep {
		o.idle[c.key] = append(o.idle[c.key], c) // the slice stays while its key does: no allocation
		o.count++
	}
	o.mu.Unlock()
	switch {
	case gone:
		c.Close(addressGone)
	case !keep:
		c.Close("not kept")
	}
}

// makeRoom closes an idle connection, under whatever name, where there are as
// many as there may be.
func (o *Origin) makeRoom() {
	if o.MaxConns == 0 || int(o.open.Load()) < o.MaxConns {
		return
	}
	o.mu.Lock()
	var spare *Conn
	for name, conns := range o.idle {
		if len(conns) > 0 {
			spare = conns[0]
			o.keep(name, slices.Delete(conns, 0, 1))
			o.count--
			break
		}
	}
	o.mu.Unlock()
	if spare != nil {
		spare.Close("its place is wanted for another name")
	}
}

// pollEvery is how often an idle connection is looked at by Sweep.
const pollEvery = time.Second

// Sweep closes connections that have been idle too long or whose origin has
// closed. Called about every 250 ms.
func (o *Origin) Sweep() {
	o.renew(time.Now())
	if o.HTTP != HTTP1 {
		o.sweepShared(time.Now())
	}
	for c, why := range o.expired(time.Now()) {
		c.Close(why)
	}
}

// expired takes the connections to close out of the pool, with the reason.
func (o *Origin) expired(now time.Time) map[*Conn]string {
	var out map[*Conn]string
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, conns := range o.idle {
		kept := slices.DeleteFunc(conns, func(c *Conn) bool {
			why := c.worn(now)
			if why != "" {
				if out == nil {
					out = map[*Conn]string{}
				}
				out[c] = why
			}
			return why != ""
		})
		o.keep(name, kept)
	}
	o.count -= len(out)
	return out
}

// worn says why an idle connection is to be closed, empty if it is to stay.
func (c *Conn) worn(now time.Time) string {
	idle := now.Sub(c.idleSince)
	if limit := c.origin.Timeouts.Idle; limit > 0 && idle > limit {
		return "idle timeout"
	}
	if c.vanished() {
		return addressGone
	}
	if now.Sub(c.polled) < pollEvery || idle < pollEvery {
		return ""
	}
	c.polled = now
	return c.unquiet()
}

const (
	closedIdle = "closed by origin while idle"
	spokeIdle  = "origin sent bytes nobody had asked for"
)
