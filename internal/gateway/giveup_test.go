package gateway

import (
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
	for deadline := time.Now().Add(5 * time.Second); o.Idle() != 1; time.Sleep(time.Millisecond) {
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
