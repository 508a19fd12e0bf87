package gateway

import (
	"testing"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// TestRouteBackToTheDoor has a route that leads to the door's own address: the
// request goes round four times and no further, and the record says why.
func TestRouteBackToTheDoor(t *testing.T) {
	for name, rules := range map[string]HeaderRules{"": {}, "with X-Forwarded-For taken out": {Remove: []string{"X-Forwarded-For"}}} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			own := d.at("127.0.0.1", d.address("plain").Port(), false)
			d.site(&Site{Name: "app", RequestHeaders: rules, Routes: []Route{{Prefix: "/", Origins: balance.Of(own)}}}, "app.test")
			c := d.dial("app.test")
			res, _ := c.get("/")
			if res.StatusCode != 508 {
				t.Fatalf("status %d", res.StatusCode)
			}
			c.Close()
			d.g.groups((*balance.Group).Close)
			trace := d.settled(over)
			if n := len(originConns(trace)); n != maxPasses {
				t.Errorf("%d rounds, want %d", n, maxPasses)
			}
			refused := 0
			for _, conn := range trace.Conns {
				if has(conn, flow.Decision, "refuse: the route leads back to this door: the request has come through it 4 times already") {
					refused++
				}
			}
			if refused != 1 {
				t.Errorf("refused %d times", refused)
			}
		})
	}
}

// TestDoorBehindTheDoor has a site whose origin is another site of the same
// door, on purpose: that is no loop. Nor is what a client makes up.
func TestDoorBehindTheDoor(t *testing.T) {
	d := newDoor(t)
	inner := d.to(testnet.Echo{At: testnet.At{Plain: true}}.Start(t), nil)
	own := d.at("127.0.0.1", d.address("plain").Port(), false)
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/echo", Origins: balance.Of(inner)}, {Prefix: "/", Rewrite: &Rewrite{Prefix: "/echo"}, Origins: balance.Of(own)}}}, "app.test")
	c := d.dial("app.test")
	c.send("GET /outer HTTP/1.1\r\nHost: app.test\r\nForwarded: for=a;by=_aaaaaaaaaa-9\r\n\r\n")
	if res, body, err := c.receive("GET"); err != nil || res.StatusCode != 200 {
		t.Errorf("%v %v %s", res, err, body)
	}
}
