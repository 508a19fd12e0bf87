package testnet

import (
	"bytes"
	"cmp"
	"fmt"
	"testing"
	"time"
)

// SlowBody answers each request with a body that drips.
type SlowBody struct {
	At
	Length int           // of the body; 0 is 1000
	Piece  int           // bytes at once; 0 is 100
	Every  time.Duration // pause before each piece; 0 is 10 ms
	Head   time.Duration // pause before the head
}

// Start listens until the test ends.
func (p SlowBody) Start(t testing.TB) *Origin {
	t.Helper()
	return p.start(t, func(c *conn) {
		c.each(func(*Request) bool { return p.drip(c) })
	})
}

func (p SlowBody) drip(c *conn) bool {
	length := cmp.Or(p.Length, 1000)
	next := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %d\r\n\r\n", serverField, length)
	if !c.pause(p.Head) {
		return false
	}
	for {
		if _, err := c.Write(next); err != nil {
			c.ended(err)
			return false
		}
		if length == 0 {
			return true
		}
		if !c.pause(cmp.Or(p.Every, 10*time.Millisecond)) {
			return false
		}
		next = bytes.Repeat([]byte("x"), min(length, cmp.Or(p.Piece, 100)))
		length -= len(next)
	}
}
