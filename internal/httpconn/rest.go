package httpconn

import (
	"errors"
	"os"
	"time"
)

// restAfter is how long an idle connection keeps its goroutine, whose stack has
// grown to what TLS and an exchange need. Then a fresh one, whose stack is a
// quarter of that, waits in its place and goes on with what comes.
const restAfter = time.Second

// waiter is a transport that can be waited for without reading; see
// tap.Conn.AwaitInput.
type waiter interface {
	CanAwait() bool
	AwaitInput() error
}

func waiterOf(nc Transport) waiter {
	if w, ok := nc.(waiter); ok && w.CanAwait() {
		return w
	}
	return nil
}

// rester is what a connection knows of its rest.
type rester struct {
	waiter  waiter // nil: it never rests
	may     bool   // the deadline of the read is restAfter, not its limit
	resting bool   // a goroutine that waits is to take over
	rested  bool   // it did, for this request
	left    time.Duration
}

// boundIdle bounds the wait for a request, which a rest is a part of.
func (c *Conn) boundIdle(limit time.Duration) {
	if c.rested {
		c.rested = false
		return // rest has set the deadline
	}
	c.may = c.waiter != nil && (limit <= 0 || limit > 2*restAfter)
	if !c.may {
		c.setReadDeadline(limit)
		return
	}
	c.left = max(0, limit-restAfter)
	c.setReadDeadline(restAfter)
}

// rests reports that a read has ended so that the connection can rest.
func (c *Conn) rests(err error) bool {
	c.resting = c.may && errors.Is(err, os.ErrDeadlineExceeded) && !c.closing()
	c.may = false
	return c.resting
}

// rest waits for what ends the idle time, and goes on.
func (c *Conn) rest() {
	c.srv.resting.Add(1)
	c.setReadDeadline(c.left)
	if !c.closing() {
		_ = c.waiter.AwaitInput() // the next read says the same
	}
	c.srv.resting.Add(-1)
	c.resting, c.rested = false, true
	c.run()
}
