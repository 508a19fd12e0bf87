package gateway

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/origin"
	"fanlight/internal/testnet"
)

// closedPort gives a loopback port nobody listens on.
func closedPort(t testing.TB) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	n, _ := strconv.Atoi(port)
	return uint16(n)
}

// TestUnreachableOriginIsPassedOver has one of two origins refuse: nothing was
// sent to it, so that the other can have every request, a POST too.
func TestUnreachableOriginIsPassedOver(t *testing.T) {
	d := newDoor(t)
	alive := d.to(testnet.Echo{At: testnet.At{Plain: true}}.Start(t), nil)
	dead := d.to(testnet.Echo{At: testnet.At{Plain: true}}.Start(t), func(o *origin.Options) { o.Port = closedPort(t) })
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(dead, alive)}}}, "app.test")
	c := d.dial("app.test")
	for i := range 6 {
		c.send("POST /" + strconv.Itoa(i) + " HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\n\r\nbody")
		res, body, err := c.receive("POST")
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("request %d: %v %v %s", i, res, err, body)
		}
	}
	c.Close()
	d.settled(func(tr *flow.Trace) bool {
		for _, conn := range tr.Conns {
			if conn.Self == flow.Server && has(conn, flow.Retry, "connect to "+dead.Name+": connection refused") {
				return true
			}
		}
		return false
	})
}

// TestNoOriginIsReachable tells of the last one that was tried, once each.
func TestNoOriginIsReachable(t *testing.T) {
	d := newDoor(t)
	peer := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	refuse := func(o *origin.Options) { o.Port = closedPort(t) }
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(d.to(peer, refuse), d.to(peer, refuse), d.to(peer, refuse))}}}, "app.test")
	res, _ := d.dial("app.test").get("/")
	if res.StatusCode != 502 {
		t.Fatalf("status %d", res.StatusCode)
	}
	if retries := d.g.Metrics.Retries.Load(); retries != 2 {
		t.Errorf("%d further tries for three origins, want 2", retries)
	}
}

// TestSignInStaysAtItsOrigin has two origins that both want a sign-in tied to
// the connection: all steps of one client go to the same one.
func TestSignInStaysAtItsOrigin(t *testing.T) {
	d := newDoor(t)
	first, second := testnet.NTLMOrigin{}.Start(t), testnet.NTLMOrigin{}.Start(t)
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(d.to(first, nil), d.to(second, nil))}}}, "app.test")
	for _, user := range []string{"alice", "bob", "carol"} {
		c := d.dial("app.test")
		if err := c.signIn("NTLM", user); err != nil {
			t.Fatalf("%s: %v", user, err)
		}
		for range 3 {
			if res, err := c.ask(""); err != nil || res.Header.Get("X-User") != user {
				t.Fatalf("%s came as %v, %v", user, res, err)
			}
		}
	}
}

// TestInterimResponsesDoNotExtendTheWait has an origin that says 103 for ever:
// the limit of the first byte still ends the exchange.
func TestInterimResponsesDoNotExtendTheWait(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for {
					if _, err := c.Write([]byte("HTTP/1.1 103 Early Hints\r\n\r\n")); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			}()
		}
	}()
	d := newDoor(t)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	n, _ := strconv.Atoi(port)
	o := d.to(testnet.Echo{At: testnet.At{Plain: true}}.Start(t), func(o *origin.Options) {
		o.Port, o.Timeouts.FirstByte = uint16(n), 300*time.Millisecond
	})
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o)}}}, "app.test")
	c := d.dial("app.test")
	c.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
	for {
		res, _, err := c.receive("GET")
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode == 103 {
			continue
		}
		if res.StatusCode != 504 || !strings.Contains(d.incident(res).Cause, "no response within 300ms") {
			t.Errorf("got %d, %s", res.StatusCode, d.incident(res).Cause)
		}
		return
	}
}

// TestExchangeLimitEndsPauses has the limit of the exchange fire between two
// tries: there is no further one.
func TestExchangeLimitEndsPauses(t *testing.T) {
	d := newDoor(t)
	peer := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	dead := &balance.Member{Origin: d.to(peer, func(o *origin.Options) { o.Port = closedPort(t) })}
	tries := balance.New(balance.Options{Retry: balance.Retry{On: balance.OnConnect, Attempts: 8}}, dead) // 3.5 s of pauses
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: tries, Exchange: 500 * time.Millisecond}}}, "app.test")
	res, _ := d.dial("app.test").get("/")
	if res.StatusCode != 504 {
		t.Fatalf("status %d: %s", res.StatusCode, d.incident(res).Cause)
	}
	contains(t, "cause", d.incident(res).Cause, "timeout: exchange")
	if n := dead.Status().Retries; n > 6 {
		t.Errorf("%d further tries in half a second", n)
	}
}
