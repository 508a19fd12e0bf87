package origin

import (
	"context"
	"slices"
	"time"

	"fanlight/internal/flow"
)

// Get gives a connection for one exchange: an idle one, or a new one if there
// is none or fresh is asked for. host is the forwarded host, parent the client
// connection it is for.
func (o *Origin) Get(ctx context.Context, host string, parent flow.ConnID, fresh bool) (*Conn, error) {
	name := o.serverName(host)
	for !fresh {
		c := o.take(name)
		if c == nil {
			break
		}
		if why := c.stale(); why != "" {
			c.Close(why)
			continue
		}
		return c, nil
	}
	return o.dial(ctx, name, parent)
}

func (o *Origin) take(name string) *Conn {
	o.mu.Lock()
	defer o.mu.Unlock()
	conns := o.idle[name]
	if len(conns) == 0 {
		return nil
	}
	c := conns[len(conns)-1]
	conns[len(conns)-1] = nil
	o.idle[name] = conns[:len(conns)-1]
	o.count--
	return c
}

// checkAfter is how long a connection may have been idle before it is looked
// at: a look costs a system call, and a peer's close needs time to arrive.
const checkAfter = 20 * time.Millisecond

// stale says why an idle connection must not be used, empty if it may.
func (c *Conn) stale() string {
	idle := time.Since(c.idleSince)
	switch {
	case c.origin.Timeouts.Idle > 0 && idle > c.origin.Timeouts.Idle:
		return "idle timeout"
	case idle > checkAfter && c.tap.Poll():
		return "closed by origin while idle"
	}
	return ""
}

// Put gives a connection back after its exchange ended cleanly; a connection
// that must not be shared, or that the pool has no room for, is closed.
func (o *Origin) Put(c *Conn) {
	c.idleSince = time.Now()
	o.mu.Lock()
	keep := !o.done && !c.pinned && o.count < o.MaxIdle
	if keep {
		o.idle[c.name] = append(o.idle[c.name], c)
		o.count++
	}
	o.mu.Unlock()
	if !keep {
		c.Close("not kept")
	}
}

// Sweep closes connections that have been idle too long or whose origin has
// closed. Called about every 250 ms.
func (o *Origin) Sweep() {
	for _, c := range o.expired() {
		c.Close("idle timeout")
	}
}

func (o *Origin) expired() (out []*Conn) {
	if o.Timeouts.Idle <= 0 {
		return nil
	}
	oldest := time.Now().Add(-o.Timeouts.Idle)
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, conns := range o.idle {
		kept := slices.DeleteFunc(conns, func(c *Conn) bool {
			old := c.idleSince.Before(oldest)
			if old {
				out = append(out, c)
			}
			return old
		})
		o.idle[name] = kept
	}
	o.count -= len(out)
	return out
}
