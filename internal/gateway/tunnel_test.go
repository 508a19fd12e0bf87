package gateway

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/origin"
	"fanlight/internal/site"
	"fanlight/internal/testnet"
)

const webSocket = "GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

func (c *client) upgrade() {
	c.t.Helper()
	c.send(webSocket + "early")
	head := strings.Join(c.lines(), "\n")
	for _, want := range []string{"HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="} {
		if !strings.Contains(head, want) {
			c.t.Fatalf("head %q lacks %q", head, want)
		}
	}
	c.echoes("early")
}

func (c *client) echoes(text string) {
	c.t.Helper()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c.r, got); err != nil || string(got) != text {
		c.t.Fatalf("got %q, %v, want %q", got, err, text)
	}
}

func TestTunnelClosedByClient(t *testing.T) {
	peer := testnet.Echo{}.Start(t)
	d := front(t, peer, nil)
	c := d.dial("app.test")
	c.upgrade()
	c.send("hello")
	c.echoes("hello")
	c.Close()
	peer.Await(t, testnet.Closed, 1)
	trace := d.settled(over)
	cc := clientConn(t, trace)
	if cc.Close.By != flow.Client || cc.Exchanges[0].Tunnel != "websocket" || cc.Exchanges[0].Outcome != flow.Complete {
		t.Errorf("closed by %s, exchange %+v", cc.Close.By, cc.Exchanges[0])
	}
	golden(t, "tunnel closed by the client", trace)
}

func TestTunnelClosedByOrigin(t *testing.T) {
	peer := testnet.Raw{Responses: []string{"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbye"}}.Start(t)
	d := front(t, peer, nil)
	c := d.dial("app.test")
	c.send(webSocket)
	c.lines()
	c.echoes("bye")
	c.ended()
	c.Close()
	trace := d.settled(over)
	contains(t, "why", clientConn(t, trace).Close.Why, "origin ended the tunnel")
	if o := originConns(trace)[0]; o.Close.By != flow.Server {
		t.Errorf("got\n%s", o)
	}
}

func TestTunnelIdle(t *testing.T) {
	t.Parallel()
	d := front(t, testnet.Echo{}.Start(t), func(o *origin.Options) { o.Timeouts.Tunnel = 2 * time.Second })
	c := d.dial("app.test")
	c.upgrade()
	for range 6 { // more than the limit in all, each with most of it to spare
		time.Sleep(400 * time.Millisecond)
		c.send("x")
		c.echoes("x")
	}
	c.ended()
	trace := d.settled(over)
	cc := clientConn(t, trace)
	if !has(cc, flow.Timeout, "tunnel") || cc.Close.Why != "timeout: tunnel" || has(cc, flow.Hanging, "") {
		t.Errorf("got\n%s", cc)
	}
}

func TestUpgradeRefused(t *testing.T) {
	d := front(t, testnet.Raw{Responses: []string{"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"}}.Start(t), nil)
	c := d.dial("app.test")
	c.send(webSocket)
	if res, body, err := c.receive("GET"); err != nil || res.StatusCode != 403 || body != "no" {
		t.Fatal(res, body, err)
	}
}

func TestStopClosesTunnels(t *testing.T) {
	t.Parallel()
	d := front(t, testnet.Echo{}.Start(t), nil)
	c := d.dial("app.test")
	c.upgrade()
	began := time.Now()
	if err := d.ctl.Stop(context.Background(), d.table.Get("app")); err != nil {
		t.Fatal(err)
	}
	if time.Since(began) > hang/2 {
		t.Error("the stop waited for the tunnel")
	}
	c.ended()
	trace := d.settled(over)
	cc := clientConn(t, trace)
	if cc.Close.Why != "site stopped" || cc.Close.By != flow.Server || has(cc, flow.Timeout, "") {
		t.Errorf("got\n%s", cc)
	}
}

func TestDrainWaitsForTunnels(t *testing.T) {
	t.Parallel()
	d := front(t, testnet.Echo{}.Start(t), nil)
	c := d.dial("app.test")
	c.upgrade()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_ = d.ctl.Drain(context.Background(), d.table.Get("app"))
	}()
	for d.table.Get("app").State() != site.Draining {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
	c.send("still here")
	c.echoes("still here")
	select {
	case <-drained:
		t.Error("the drain did not wait")
	default:
	}
	c.Close()
	<-drained
}

func TestDrainGivesUpAtItsEnd(t *testing.T) {
	t.Parallel()
	d := front(t, testnet.Echo{}.Start(t), nil)
	c := d.dial("app.test")
	c.upgrade()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_ = d.ctl.Drain(ctx, d.table.Get("app"))
	c.ended()
}

// TestEarlyResponse checks that a response which comes while the request body
// is arriving reaches the client.
func TestEarlyResponse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		peer func(t *testing.T) *testnet.Origin
	}{
		{"origin reads on", func(t *testing.T) *testnet.Origin { return testnet.EarlyResponder{}.Start(t) }},
		{"origin resets", func(t *testing.T) *testnet.Origin { return testnet.EarlyResponder{Abrupt: true}.Start(t) }},
		{"plain origin resets", func(t *testing.T) *testnet.Origin {
			return testnet.EarlyResponder{At: testnet.At{Plain: true}, Abrupt: true}.Start(t)
		}},
	} {
		for _, all := range []bool{false, true} {
			name := test.name + ", client waits"
			if all {
				name = test.name + ", client sends all"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d := front(t, test.peer(t), nil)
				c := d.dial("app.test")
				c.send("POST /up HTTP/1.1\r\nHost: app.test\r\nContent-Length: 600000\r\n\r\n" + strings.Repeat("x", 1000))
				if all {
					go func() { _, _ = io.WriteString(c, strings.Repeat("x", 599000)) }() // may be cut off
				}
				res, body, err := c.receive("POST")
				if err != nil || res.StatusCode != 413 || body != "early\n" || !res.Close && !all {
					t.Fatal(res, body, err)
				}
				if res.Close { // else the whole body had passed before the response
					c.ended()
				}
				c.Close()
				trace := d.settled(over)
				if x := clientConn(t, trace).Exchanges[0]; x.Outcome != flow.Complete || x.Incident != "" {
					t.Errorf("got %+v", x)
				}
				if has(clientConn(t, trace), flow.Timeout, "request-body") {
					t.Errorf("a timeout that never fired is in the record:\n%s", clientConn(t, trace))
				}
			})
		}
	}
}

// TestBackPressure checks that a side which does not read stops the other one,
// whose bytes are not piled up in between.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sent := make(chan int64, 1)
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		_, _ = nc.Read(make([]byte, 4096))
		_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
		_ = nc.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		var n int64
		chunk := make([]byte, 64<<10)
		for n < size {
			m, err := nc.Write(chunk)
			n += int64(m)
			if err != nil {
				break
			}
		}
		sent <- n
	}()
	d := newDoor(t)
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(d.at("127.0.0.1", portOf(t, l.Addr().String()), false))}}}, "app.test")
	c := d.dial("app.test")
	c.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
	if n := <-sent; n > size/2 {
		t.Errorf("the origin could send %d bytes to a client that read none", n)
	}
}

func TestLargeBodiesBothWays(t *testing.T) {
	t.Parallel()
	d := front(t, testnet.Echo{}.Start(t), nil)
	c := d.dial("app.test")
	body := strings.Repeat("0123456789abcdef", 1<<18) // 4 MiB
	c.send("POST /up HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4194304\r\n\r\n" + body)
	res, answer, err := c.receive("POST")
	if err != nil || res.StatusCode != 200 || echoed(t, answer).BodyBytes != len(body) {
		t.Fatal(res, answer, err)
	}
	slow := front(t, testnet.SlowBody{Length: 3 << 20, Piece: 100 << 10, Every: time.Millisecond}.Start(t), nil)
	if _, got := slow.dial("app.test").get("/"); len(got) != 3<<20 {
		t.Errorf("got %d bytes", len(got))
	}
}
