package gateway

import (
	"net"
	"testing"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/origin"
	"fanlight/internal/testnet"
)

func TestBodyFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, send string
		within     time.Duration
		status     int
		cause      string
	}{
		{"bad chunk", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", hang, 400, "request body is irregular: "},
		{"too slow", "Content-Length: 10\r\n\r\nabc", 200 * time.Millisecond, 408, "the request body did not arrive within 200ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			peer := testnet.Echo{}.Start(t)
			d := front(t, peer, nil, func(o *Options) { o.Limits.BodyTimeout = test.within })
			c := d.dial("app.test")
			c.send("POST / HTTP/1.1\r\nHost: app.test\r\n" + test.send)
			res, _, err := c.receive("POST")
			if err != nil || res.StatusCode != test.status {
				t.Fatal(res, err)
			}
			contains(t, "cause", d.incident(res).Cause, test.cause)
			c.Close()
			peer.Await(t, testnet.Closed, 1)
			for _, o := range originConns(d.settled(over)) {
				contains(t, "why of the origin connection", o.Close.Why, "the client did not send the whole request body")
			}
			if d.g.Metrics.Responses[4].Load() != 1 {
				t.Error("the response was not counted once")
			}
		})
	}
}

// TestOriginFailsWhileBodyArrives checks that the origin is blamed and not the
// client, who is still sending.
func TestOriginFailsWhileBodyArrives(t *testing.T) {
	d := front(t, testnet.SilentAfterTLS{}.Start(t), nil)
	for _, m := range d.does["app"].Routes[0].Origins.Members {
		m.Origin.Close()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = nc.Read(make([]byte, 10))
		_ = nc.(*net.TCPConn).SetLinger(0)
		nc.Close()
	}()
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(d.at("127.0.0.1", portOf(t, l.Addr().String()), false))}}}, "app.test")
	c := d.dial("app.test")
	c.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100\r\n\r\nabc")
	res, _, err := c.receive("POST")
	if err != nil || res.StatusCode != 502 {
		t.Fatal(res, err)
	}
	// Linux tells of a reset once: a write or a read hears of it, not both.
	contains(t, "cause", d.incident(res).Cause, "http://127.0.0.1: the origin ")
	c.Close()
	trace := d.settled(func(tr *flow.Trace) bool { return clientConn(t, tr).Close.Ended })
	if has(clientConn(t, trace), flow.Timeout, "") {
		t.Errorf("a timeout that never fired is in the record:\n%s", clientConn(t, trace))
	}
}

// TestSlowUploadOnReusedConnection checks that the deadline of the exchange
// before does not end the body of the next.
func TestSlowUploadOnReusedConnection(t *testing.T) {
	t.Parallel()
	d := front(t, testnet.Echo{}.Start(t), func(o *origin.Options) { o.Timeouts.FirstByte = roomy })
	c := d.dial("app.test")
	c.get("/")
	c.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\n\r\n")
	for range 4 {
		time.Sleep(roomy * 2 / 5)
		c.send("x")
	}
	res, body, err := c.receive("POST")
	if err != nil || res.StatusCode != 200 || echoed(t, body).BodyBytes != 4 {
		t.Fatal(res, body, err)
	}
}
