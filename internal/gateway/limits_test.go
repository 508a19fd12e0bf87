package gateway

import (
	"net"
	"strings"
	"testing"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/origin"
	"fanlight/internal/testnet"
)

// fires is one limit, what makes it fire, and what is seen of it.
type fires struct {
	limit  string // as the metric has it
	door   func(*Options)
	site   func(*Site)
	peer   func(t *testing.T) *testnet.Origin // nil: Echo
	origin func(*origin.Options)
	act    func(t *testing.T, d *door) *client // its answer is read afterwards
	status int                                 // 0: the connection ends without an answer
	cause  string                              // of the incident
	event  string                              // kind, and its text or who decided
}

func asks(text string) func(t *testing.T, d *door) *client {
	return func(t *testing.T, d *door) *client {
		c := d.dial("app.test")
		c.send(text)
		return c
	}
}

// roomy is a limit within which something has to happen before it fires.
const roomy = 2 * time.Second

const simple = "GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"

// TestEveryLimitFires makes each limit fire: the client gets its answer, the
// record has its event, the incident its cause, and the metric its count.
func TestEveryLimitFires(t *testing.T) {
	for _, test := range everyLimit() {
		t.Run(test.limit, func(t *testing.T) {
			t.Parallel()
			peer := testnet.Echo{}.Start
			if test.peer != nil {
				peer = func(testing.TB) *testnet.Origin { return test.peer(t) }
			}
			d := newDoor(t, func(o *Options) {
				if test.door != nil {
					test.door(o)
				}
			})
			s := &Site{Name: "app", Routes: make([]Route, 1)}
			s.Routes[0].Prefix, s.Routes[0].Origins = "/", balance.Of(d.to(peer(t), test.origin))
			if test.site != nil {
				test.site(s)
			}
			d.site(s, "app.test")
			test.fired(t, d)
		})
	}
}

func (f *fires) fired(t *testing.T, d *door) {
	c := f.act(t, d)
	if c == nil {
	} else if f.status == 0 {
		c.ended()
	} else if res, _, err := c.receive("GET"); res == nil || res.StatusCode != f.status {
		t.Fatalf("got %v, %v, want %d", res, err, f.status)
	} else if f.cause != "" {
		contains(t, "cause", d.incident(res).Cause, f.cause)
	}
	if c != nil {
		c.Close()
	}
	kind, text, _ := strings.Cut(f.event, " ")
	d.settled(func(tr *flow.Trace) bool {
		for _, conn := range tr.Conns {
			for _, e := range conn.Events {
				if kind == "timeout" && e.Kind == flow.Timeout && e.Text == text ||
					kind == "decision" && e.Kind == flow.Decision && strings.HasPrefix(e.Text, "refuse: ") && e.Attr(flow.KeyBy) == text ||
					kind == "irregular" && e.Kind == flow.Irregular && e.Text == text ||
					kind == "connect-failed" && e.Kind == flow.ConnectFailed && e.Text == text {
					return true
				}
			}
		}
		return false
	})
	if n := d.g.Metrics.Fired.All()[f.limit]; n != 1 {
		t.Errorf("counted %d times: %v", n, d.g.Metrics.Fired.All())
	}
}

func everyLimit() []fires {
	plain := func(t *testing.T, d *door) *client { return d.dialPlain() }
	return []fires{
		{limit: "header-bytes", door: (func(o *Options) { o.Limits.HeadBytes = 4096 }), act: asks("GET / HTTP/1.1\r\nX: " + strings.Repeat("a", 5000)),
			status: 431, cause: "request head larger than 4096 bytes", event: "decision header-bytes"},
		{limit: "target-bytes", door: (func(o *Options) { o.Limits.TargetBytes = 100 }), act: asks("GET /" + strings.Repeat("a", 200) + " HTTP/1.1\r\nHost: app.test\r\n\r\n"),
			status: 414, cause: "request target longer than 100 bytes", event: "decision target-bytes"},
		{limit: "header-fields", door: (func(o *Options) { o.Limits.HeadFields = 3 }), act: asks("GET / HTTP/1.1\r\nHost: app.test\r\nA: 1\r\nB: 1\r\nC: 1\r\n\r\n"),
			status: 431, cause: "more header fields than 3", event: "decision header-fields"},
		{limit: "request-head", door: (func(o *Options) { o.Limits.HeadTimeout = short }), act: asks("GET / HTTP/1.1\r\nHost"),
			status: 408, cause: "the request head did not arrive within 150ms", event: "timeout request-head"},
		{limit: "request-body", door: (func(o *Options) { o.Limits.BodyTimeout = short }), act: asks("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 9\r\n\r\nabc"),
			status: 408, cause: "the request body did not arrive within 150ms", event: "timeout request-body"},
		{limit: "request-body-rate", door: (func(o *Options) { o.Limits.BodyTimeout, o.Limits.BodyRate = roomy, 1000 }), act: drips,
			status: 408, cause: "the request body came slower than 1000 bytes a second", event: "timeout request-body-rate"},
		{limit: "idle", door: (func(o *Options) { o.Limits.IdleTimeout = roomy }), act: func(t *testing.T, d *door) *client {
			c := d.dial("app.test")
			c.get("/")
			return c
		}, event: "timeout idle"},
		{limit: "write", door: (func(o *Options) { o.Limits.Write = short }), peer: func(t *testing.T) *testnet.Origin {
			return testnet.SlowBody{Length: 64 << 20, Piece: 4 << 20, Every: time.Nanosecond}.Start(t)
		}, act: func(t *testing.T, d *door) *client { // it asks, and reads when the door has given up
			c := d.dial("app.test")
			c.send(simple)
			d.settled(func(tr *flow.Trace) bool { return has(clientConn(t, tr), flow.Timeout, "write") })
			return c
		}, status: 200, event: "timeout write"},
		{limit: "tls", door: (func(o *Options) { o.TLSLimit = short }), act: func(t *testing.T, d *door) *client {
			d.addrs["plain"] = d.addrs["tls"]
			return plain(t, d)
		}, event: "timeout tls"},
		{limit: "connections", door: (func(o *Options) { o.MaxConns = 1 }), act: func(t *testing.T, d *door) *client {
			d.dial("app.test")
			c, err := net.Dial("tcp", d.addrs["plain"].String())
			if err != nil { // the reset came before the connect was seen to end
				return nil
			}
			return newClient(t, c)
		}, event: "decision connections"},
		{limit: "per-address", site: func(s *Site) { s.PerAddress = 1 }, act: func(t *testing.T, d *door) *client {
			d.dial("app.test").get("/")
			return asks(simple)(t, d)
		}, status: 429, cause: "address 127.0.0.1 has more than 1 connections to site app", event: "decision per-address"},
		{limit: "body-bytes", site: func(s *Site) { s.BodyBytes = 2 }, act: asks("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 3\r\n\r\nabc"),
			status: 413, cause: "request body of 3 bytes is longer than the 2 of route 1 of site app", event: "decision body-bytes"},
		{limit: "access", site: func(s *Site) { s.Guard.Deny = blocks("127.0.0.1/32") }, act: asks(simple),
			status: 403, cause: "address 127.0.0.1 is denied", event: "decision access"},
		{limit: "rate-limit", site: func(s *Site) { s.Guard.Rate = &RateLimit{Requests: 1, Per: time.Hour} }, act: func(t *testing.T, d *door) *client {
			c := d.dial("app.test")
			c.get("/")
			c.send(simple)
			return c
		}, status: 429, cause: "rate limit of site app", event: "decision rate-limit"},
		{limit: "origin-connect", peer: func(t *testing.T) *testnet.Origin { return &testnet.Origin{Addr: testnet.BlackHole(t)} },
			origin: func(o *origin.Options) { o.Timeouts.Connect = short; o.Secure = false }, act: asks(simple),
			status: 504, cause: "not done within 150ms (timeout: connect)", event: "connect-failed timeout"},
		{limit: "origin-tls", peer: func(t *testing.T) *testnet.Origin { return testnet.Silent{}.Start(t) }, origin: func(o *origin.Options) { o.Timeouts.TLS = short },
			act: asks(simple), status: 504, cause: "not done within 150ms (timeout: tls)", event: "timeout tls"},
		{limit: "origin-send", peer: deaf, origin: func(o *origin.Options) { o.Timeouts.Send = short }, act: uploads, status: 504, cause: "(timeout: send)", event: "timeout send"},
		{limit: "origin-first-byte", peer: func(t *testing.T) *testnet.Origin { return testnet.SilentAfterTLS{}.Start(t) }, origin: func(o *origin.Options) { o.Timeouts.FirstByte = short },
			act: asks(simple), status: 504, cause: "no response within 150ms (timeout: first byte)", event: "timeout first-byte"},
		{limit: "origin-between-bytes", peer: func(t *testing.T) *testnet.Origin { return testnet.SlowBody{Every: time.Hour}.Start(t) },
			origin: func(o *origin.Options) { o.Timeouts.Between = short }, act: asks(simple), status: 200, event: "timeout between-bytes"},
		{limit: "exchange", site: func(s *Site) { s.Routes[0].Exchange = 2 * short }, peer: func(t *testing.T) *testnet.Origin { return testnet.SilentAfterTLS{}.Start(t) },
			act: asks(simple), status: 504, cause: "the exchange was not done within 300ms (timeout: exchange)", event: "timeout exchange"},
		{limit: "tunnel", origin: func(o *origin.Options) { o.Timeouts.Tunnel = roomy }, act: func(t *testing.T, d *door) *client {
			c := d.dial("app.test")
			c.upgrade()
			return c
		}, event: "timeout tunnel"},
		{limit: "response-header-bytes", peer: func(t *testing.T) *testnet.Origin {
			return testnet.Raw{Responses: []string{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 4000) + "\r\n\r\n"}}.Start(t)
		}, origin: func(o *origin.Options) { o.HeadBytes = 2048 }, act: asks(simple),
			status: 502, cause: "the head of its response is larger than 2048 bytes; if it must be, raise `limits: {response_header_bytes: ...}`", event: "irregular head-too-large"},
	}
}

// deaf is an origin that accepts and reads nothing.
func deaf(t *testing.T) *testnet.Origin {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		if c, err := l.Accept(); err == nil {
			t.Cleanup(func() { c.Close() })
		}
	}()
	return &testnet.Origin{Addr: l.Addr().String()}
}

// uploads sends a body that fills every buffer on the way.
func uploads(t *testing.T, d *door) *client {
	c := d.dial("app.test")
	c.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100000000\r\n\r\n")
	go func() {
		for data := make([]byte, 1<<20); ; {
			if _, err := c.Write(data); err != nil {
				return
			}
		}
	}()
	return c
}

// drips sends a body in drops, each in time.
func drips(t *testing.T, d *door) *client {
	c := d.dial("app.test")
	c.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 9000\r\n\r\n")
	go func() {
		for range 100 {
			time.Sleep(short / 3)
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
		}
	}()
	return c
}
