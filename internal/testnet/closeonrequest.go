package testnet

import (
	"cmp"
	"errors"
	"os"
	"testing"
	"time"
)

// CloseOnRequest keeps its connections alive after the first response. Without
// Idle it ends them exactly as the second request arrives, unanswered; with
// Idle it answers until no request came for so long.
type CloseOnRequest struct {
	At
	Idle time.Duration
	End  End // default Orderly
}

// Start listens until the test ends.
func (p CloseOnRequest) Start(t testing.TB) *Origin {
	t.Helper()
	return p.start(t, func(c *conn) {
		for n := 1; p.exchange(c, n); n++ {
		}
	})
}

func (p CloseOnRequest) exchange(c *conn, n int) bool {
	if p.Idle > 0 && n > 1 {
		_ = c.SetReadDeadline(time.Now().Add(p.Idle)) // fails on a dead socket, as the read does
	}
	req, err := c.readRequest()
	switch {
	case err != nil && errors.Is(err, os.ErrDeadlineExceeded), err == nil && p.Idle == 0 && n > 1:
		c.end(cmp.Or(p.End, Orderly))
		return false
	case err != nil:
		c.ended(err)
		return false
	}
	return c.respond(req, 200, []byte("answered\n"), serverField)
}
