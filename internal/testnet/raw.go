package testnet

import (
	"cmp"
	"io"
	"testing"
)

// Raw answers the requests of each connection with given bytes, one element
// each, and ends the connection after the last.
type Raw struct {
	At
	Responses []string
	End       End  // default Orderly
	Open      bool // after the last, stay open and silent instead
}

// Start listens until the test ends.
func (p Raw) Start(t testing.TB) *Origin {
	t.Helper()
	return p.start(t, func(c *conn) {
		for _, response := range p.Responses {
			if _, err := c.readRequest(); err != nil {
				c.ended(err)
				return
			}
			if _, err := io.WriteString(c, response); err != nil {
				c.ended(err)
				return
			}
		}
		if p.Open {
			c.drain()
			return
		}
		c.end(cmp.Or(p.End, Orderly))
	})
}
