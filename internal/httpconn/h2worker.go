package httpconn

import "time"

// Goroutines that carried an exchange wait for the next one of their
// connection: a new one would have to grow its stack again, which costs a
// seventh of a small proxied exchange. A connection that rests lets them go.

const (
	// h2Parked is how many wait at most.
	h2Parked = 32
	// h2Rest is how long a connection has no stream before they are let go.
	h2Rest = time.Second
)

// start has a stream carried; mu is held.
func (c *h2Conn) start(s *h2Stream) {
	c.running++
	if n := len(c.parked); n > 0 {
		c.parked[n-1] <- s
		c.parked = c.parked[:n-1]
		return
	}
	go c.work(s)
}

// work carries streams until the connection needs it no more.
func (c *h2Conn) work(s *h2Stream) {
	var next chan *h2Stream
	for s != nil {
		s.run()
		c.mu.Lock()
		if c.out.dead != nil || len(c.parked) == h2Parked {
			c.mu.Unlock()
			return
		}
		if next == nil {
			next = make(chan *h2Stream, 1)
		}
		c.parked = append(c.parked, next)
		c.mu.Unlock()
		s = <-next
	}
}

// dismiss lets the waiting goroutines go; mu is held.
func (c *h2Conn) dismiss() {
	for _, next := range c.parked {
		close(next)
	}
	c.parked = nil
}
