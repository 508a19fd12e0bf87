package httpconn

import (
	"fmt"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpwire"
)

// h2Pending are the frames that the origin has not acknowledged yet.
type h2Pending struct {
	settings, ping time.Time // when it was sent; zero: none
	heard          time.Time // when the origin last sent anything
}

// A connection whose streams wait and on which nothing comes is asked whether
// it is still alive.
const (
	pingAfter = 10 * time.Second
	pingWait  = 10 * time.Second
)

// Silent is why a connection ended whose origin acknowledged no PING.
type Silent struct{ Limit time.Duration }

func (e *Silent) Error() string {
	return fmt.Sprintf("the origin acknowledged no PING within %s: its HTTP/2 connection is dead", e.Limit)
}

func (c *H2Client) heard(now time.Time) {
	c.pending.heard = now
}

// lookEvery is how often a connection with open streams is looked at.
const lookEvery = 250 * time.Millisecond

// watch has the connection looked at while streams are open: one timer for all
// that wait, whoever still knows the connection. mu is held.
func (c *H2Client) watch() {
	switch {
	case c.watched:
	case c.timer == nil:
		c.watched, c.timer = true, time.AfterFunc(lookEvery, c.look)
	default:
		c.watched = true
		c.timer.Reset(lookEvery)
	}
}

func (c *H2Client) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched = false; c.failed != nil || len(c.streams) == 0 {
		return
	}
	c.sweep(time.Now())
	c.watch()
}

// sweep ends waits whose time is over, and asks a silent connection for a sign
// of life; it does not wait. mu is held.
func (c *H2Client) sweep(now time.Time) {
	for _, s := range c.streams {
		s.late(now)
	}
	p := &c.pending
	switch {
	case !p.ping.IsZero() && p.heard.After(p.ping):
		p.ping = time.Time{} // slow to acknowledge, but alive
	case !p.ping.IsZero() && now.Sub(p.ping) > pingWait:
		c.nc.SetWhy("timeout: ping")
		c.record(flow.Event{Kind: flow.Timeout, Text: "ping", Attrs: flow.Attrs(flow.KeyLimit, fmt.Sprint(pingWait.Milliseconds()))})
		c.fail(&Silent{pingWait})
		_ = c.nc.SetDeadline(time.Unix(1, 0)) // wakes the reader, which closes; fails only when it is closed already
	case p.ping.IsZero() && len(c.streams) > 0 && now.Sub(p.heard) > pingAfter:
		p.ping = now
		out := c.out.pending()
		*out = httpwire.AppendPing(*out, [8]byte{'f', 'a', 'n', 'l', 'i', 'g', 'h', 't'}, false)
		if !c.out.writing {
			go c.flushOut()
		}
	}
}

// flushOut writes what waits, for one who must not wait.
func (c *H2Client) flushOut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
}

// flush writes what waits. mu is held, and given up meanwhile.
func (c *H2Client) flush() { c.out.flush(len(c.streams) > 1) }

// lastWords is how long an origin that takes nothing more is still listened to.
// One that has gone is heard to its end much sooner.
const lastWords = time.Second

// wrote takes the outcome of a write. An origin that has gone may have answered
// before, or said why: the reader goes on to the end of that. mu is held.
func (c *H2Client) wrote(err error) {
	switch {
	case err != nil && c.failed != nil:
		return
	case IsTimeout(err):
		c.fail(c.over(&StuckWrite{err}))
		_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // wakes the reader, which closes; fails only when it is closed already
		return
	case err != nil:
		c.leaving = true
		_ = c.nc.SetReadDeadline(time.Now().Add(lastWords)) // the same
		return
	}
	if c.waiting == 0 {
		return
	}
	for _, s := range c.streams {
		wake(s.outs)
	}
}

// StuckWrite is a write that its deadline ended: nothing can be sent any more.
type StuckWrite struct{ error }

// rest takes note that a stream has ended, and closes a connection that was
// only waiting for that. mu is held.
func (c *H2Client) rest() {
	if len(c.streams)+c.reserved > 0 {
		return
	}
	c.idle = time.Now()
	if c.leaving && c.failed == nil {
		go c.Close(leavingWhy(c.goAway))
	}
}

func leavingWhy(goAway *StreamEnd) string {
	if goAway != nil {
		return goAway.Error()
	}
	return ""
}

// unconfirmed tells, when the connection ends, of what the origin did not
// acknowledge for long. mu is held.
func (c *H2Client) unconfirmed() {
	for _, p := range [...]struct {
		what string
		sent time.Time
	}{{"settings", c.pending.settings}, {"ping", c.pending.ping}} {
		if waited := time.Since(p.sent); !p.sent.IsZero() && waited >= stallAfter {
			c.record(flow.Event{Kind: flow.Unconfirmed, From: flow.Client, Text: p.what, Attrs: flow.Attrs(flow.KeyWaited, string(appendMilliseconds(nil, waited)))})
			return
		}
	}
}
