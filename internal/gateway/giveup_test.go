package gateway

import (
	"context"
	"testing"
	"time"

	"fanlight/internal/testnet"
)

// TestGivenUpAsItEnds checks that a connection which is interrupted as its
// response ends, because the client has gone, is not given to another one.
func TestGivenUpAsItEnds(t *testing.T) {
	d := front(t, testnet.Echo{}.Start(t), nil)
	c := d.dial("app.test")
	if _, err := c.ask(""); err != nil {
		t.Fatal(err)
	}
	o := d.does["app"].Routes[0].Origins.Members[0].Origin
	for deadline := time.Now().Add(hang); o.Idle() != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the connection is not in the pool")
		}
	}
	taken := o.Take("app.test", true)
	if taken == nil {
		t.Fatal("the connection of the pool cannot be taken")
	}
	taken.Interrupt("client gave up")
	if taken.Leg().Release() || o.Idle() != 0 {
		t.Error("a connection that was interrupted is used again")
	}
	c.Close()
	d.settled(over)
}

// Whose client left, or whose time was over, between two waits does not begin
// the next one for nothing: the sweeper ends that too.
func TestGivenUpBetweenWaits(t *testing.T) {
	for name, end := range map[string]func(*ride){
		"left":    func(r *ride) { r.leave() },
		"expired": func(r *ride) { r.limit.Store(1); r.sweep(r.s, time.Now()) },
	} {
		t.Run(name, func(t *testing.T) {
			s := &session{}
			s.rides.several.Store(true)
			r := &ride{s: s}
			r.since.Store(time.Now().Add(-time.Second).UnixNano())
			end(r)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r.dialing.Store(&cancel)
			r.sweep(s, time.Now())
			if ctx.Err() == nil {
				t.Error("the wait that came after goes on")
			}
		})
	}
}
