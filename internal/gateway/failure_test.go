package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/origin"
	"fanlight/internal/testnet"
)

const short = 150 * time.Millisecond

// at makes an origin at an address where no testnet peer is.
func (d *door) at(host string, port uint16, secure bool) *origin.Origin {
	name := "http://"
	if secure {
		name = "https://"
	}
	return origin.New(origin.Options{Name: name + host, Host: host, Port: port, Secure: secure, Timeouts: patient(),
		Recorder: d.g.Recorder, Buffers: d.g.Buffers, Resolver: testnet.Resolver(d.t, nil)})
}

func portOf(t testing.TB, addr string) uint16 {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(a.Port)
}

func refusing(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestOriginNotReached(t *testing.T) {
	for _, test := range []struct {
		name   string
		make   func(t *testing.T, d *door) *origin.Origin
		status int
		cause  string
	}{
		{"refused", func(t *testing.T, d *door) *origin.Origin { return d.at("127.0.0.1", portOf(t, refusing(t)), true) },
			502, "connect to https://127.0.0.1: connection refused"},
		{"connect timeout", func(t *testing.T, d *door) *origin.Origin {
			o := d.at("127.0.0.1", portOf(t, testnet.BlackHole(t)), true)
			o.Timeouts.Connect = short
			return o
		}, 504, "connect to https://127.0.0.1: not done within 150ms (timeout: connect)"},
		{"no such name", func(t *testing.T, d *door) *origin.Origin { return d.at("nowhere.test", 443, true) },
			502, "resolve the name of https://nowhere.test: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDoor(t)
			d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(test.make(t, d))}}}, "app.test")
			c := d.dial("app.test")
			res, body := c.get("/")
			in := d.incident(res)
			if res.StatusCode != test.status || !strings.HasPrefix(in.Cause, test.cause) || in.Site != "app" || in.Status != test.status {
				t.Errorf("got %d, %+v, want %d %q", res.StatusCode, in, test.status, test.cause)
			}
			contains(t, "page", body, in.ID)
			if strings.Contains(body, "127.0.0.1") || strings.Contains(body, "nowhere") {
				t.Errorf("the page tells of the origin: %q", body)
			}
			if res, _ := c.get("/"); res.StatusCode != test.status {
				t.Errorf("the client connection was not kept: %v", res)
			}
			c.Close()
			golden(t, "origin not reached: "+test.name, d.settled(over))
		})
	}
}

func TestOriginHandshakeFails(t *testing.T) {
	trustNobody := func(o *origin.Options) { o.Roots = x509.NewCertPool() }
	for _, test := range []struct {
		name   string
		at     testnet.At
		peer   func(at testnet.At, t *testing.T) *testnet.Origin
		tune   func(*origin.Options)
		status int
		cause  []string
		fault  string
	}{
		{name: "unknown issuer", tune: trustNobody, status: 502, fault: flow.FaultUnknownIssuer,
			cause: []string{"shake hands with https://", "issued by CN=testnet CA, which is not trusted", "`tls.ca`"}},
		{name: "wrong name", tune: func(o *origin.Options) { o.ServerName = "other.test" }, status: 502, fault: flow.FaultWrongName,
			cause: []string{"the certificate is for localhost", "not for other.test", "`tls.name`"}},
		{name: "expired", at: testnet.At{Leaf: testnet.Leaf{}.Expired()}, status: 502, fault: flow.FaultExpired,
			cause: []string{"expired on ", "renew"}},
		{name: "version", at: testnet.At{Tune: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }},
			tune: func(o *origin.Options) { o.MinVersion = tls.VersionTLS13 }, status: 502, fault: flow.FaultVersion,
			cause: []string{"protocol", "`tls.min`"}},
		{name: "client certificate required", at: testnet.At{Tune: func(c *tls.Config) {
			c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
		}}, status: 502, fault: flow.FaultAlert, cause: []string{"the peer refused with the alert"}},
		{name: "client certificate required in 1.3", at: testnet.At{Tune: func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }},
			status: 502, fault: flow.FaultAlert, cause: []string{"the peer refused with the alert certificate_required"}},
		{name: "handshake timeout", peer: func(at testnet.At, t *testing.T) *testnet.Origin { return testnet.Silent{At: at}.Start(t) },
			tune: func(o *origin.Options) { o.Timeouts.TLS = short }, status: 504, fault: flow.FaultTimeout,
			cause: []string{"shake hands with https://", "not done within 150ms (timeout: tls)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			start := test.peer
			if start == nil {
				start = func(at testnet.At, t *testing.T) *testnet.Origin { return testnet.Echo{At: at}.Start(t) }
			}
			d := front(t, start(test.at, t), test.tune)
			c := d.dial("app.test")
			res, _ := c.get("/")
			in := d.incident(res)
			if res.StatusCode != test.status {
				t.Errorf("got %d, want %d", res.StatusCode, test.status)
			}
			contains(t, "cause", in.Cause, test.cause...)
			c.Close()
			trace := d.settled(over)
			for _, o := range originConns(trace) {
				if !strings.Contains(o.String(), "tls-failed") || !strings.Contains(o.String(), "fault="+test.fault) {
					t.Errorf("no %s in\n%s", test.fault, o)
				}
			}
			if test.fault != flow.FaultAlert { // whose FIN comes before or after
				goldenOpenEnd(t, "origin handshake: "+test.name, trace)
			}
		})
	}
}

func TestOriginSpeaksPlain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server := &http.Server{Handler: http.NotFoundHandler()}
	go server.Serve(l)
	defer server.Close()
	d := newDoor(t)
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(d.at("127.0.0.1", portOf(t, l.Addr().String()), true))}}}, "app.test")
	res, _ := d.dial("app.test").get("/")
	contains(t, "cause", d.incident(res).Cause, "does not speak TLS", "an HTTP response in clear", "`http://`")
}

func TestOriginFailsBeforeResponse(t *testing.T) {
	for _, test := range []struct {
		name   string
		peer   func(t *testing.T) *testnet.Origin
		tune   func(*origin.Options)
		status int
		cause  []string
	}{
		{"first-byte timeout", func(t *testing.T) *testnet.Origin { return testnet.SilentAfterTLS{}.Start(t) },
			func(o *origin.Options) { o.Timeouts.FirstByte = short }, 504,
			[]string{"wait for https://127.0.0.1:", "no response within 150ms (timeout: first byte)"}},
		{"closed unanswered", raw("", testnet.Orderly), nil, 502, []string{"the origin closed without a response"}},
		{"reset unanswered", raw("", testnet.RST), nil, 502, []string{"the origin reset the connection"}},
		{"half a head", raw("HTTP/1.1 200 OK\r\nContent-", testnet.FIN), nil, 502, []string{"the origin closed inside the head of its response"}},
		{"garbage", raw("hello there\r\n\r\n", testnet.Orderly), nil, 502, []string{"wait for https://", "bad response"}},
		{"both lengths", raw("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", testnet.Orderly), nil, 502,
			[]string{"bad response", "length"}},
		{"oversize head", raw("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("a", 300<<10)+"\r\n\r\n", testnet.Orderly), nil, 502, []string{"the head of its response is larger than 262144 bytes"}},
		{"101 unasked", raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", testnet.Orderly), nil, 502, []string{"101 without an Upgrade request"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := front(t, test.peer(t), test.tune)
			c := d.dial("app.test")
			res, _ := c.get("/")
			in := d.incident(res)
			if res.StatusCode != test.status {
				t.Errorf("got %d, want %d", res.StatusCode, test.status)
			}
			contains(t, "cause", in.Cause, test.cause...)
			c.Close()
			trace := d.settled(over)
			if test.name != "oversize head" {
				goldenOpenEnd(t, "origin fails: "+test.name, trace)
			}
		})
	}
}

func raw(response string, end testnet.End) func(*testing.T) *testnet.Origin {
	return func(t *testing.T) *testnet.Origin {
		return testnet.Raw{Responses: []string{response}, End: end}.Start(t)
	}
}

// TestResponseCutShort checks that a client can always tell that a response is
// not whole.
func TestResponseCutShort(t *testing.T) {
	for _, test := range []struct {
		name string
		peer func(t *testing.T) *testnet.Origin
		tune func(*origin.Options)
		why  string
	}{
		{"reset mid body", func(t *testing.T) *testnet.Origin { return testnet.ResetMidBody{}.Start(t) }, nil, "the origin reset the connection"},
		{"fin mid body", func(t *testing.T) *testnet.Origin { return testnet.ResetMidBody{End: testnet.FIN}.Start(t) }, nil,
			"the origin closed before the end of its response"},
		{"orderly end mid body", func(t *testing.T) *testnet.Origin { return testnet.ResetMidBody{End: testnet.Orderly}.Start(t) }, nil,
			"the origin closed before the end of its response"},
		{"chunked without end", func(t *testing.T) *testnet.Origin {
			return testnet.ResetMidBody{Chunked: true, End: testnet.Orderly}.Start(t)
		}, nil, "the origin closed before the end of its response"},
		{"bad chunk", func(t *testing.T) *testnet.Origin {
			return testnet.Raw{Responses: []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"}, Open: true}.Start(t)
		}, nil, "bad response"},
		{"between-bytes timeout", func(t *testing.T) *testnet.Origin {
			return testnet.SlowBody{Every: time.Minute}.Start(t)
		}, func(o *origin.Options) { o.Timeouts.Between = short }, "not done within 150ms (timeout: between bytes)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := front(t, test.peer(t), test.tune)
			c := d.dial("app.test")
			c.send("GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n")
			res, body, err := c.receive("GET")
			if err == nil || len(body) > 999 {
				t.Fatalf("the client took the response for whole: %v, %d bytes", res, len(body))
			}
			trace := d.settled(over)
			cc := clientConn(t, trace)
			if x := cc.Exchanges[0]; x.Outcome != flow.Truncated || x.Status != 200 {
				t.Errorf("outcome %q, status %d", x.Outcome, x.Status)
			}
			contains(t, "why of the client connection", cc.Close.Why, test.why)
			contains(t, "why of the origin connection", originConns(trace)[0].Close.Why, test.why)
			if d.g.Metrics.Incidents.Load() != 0 {
				t.Error("an incident although the response had begun")
			}
			golden(t, "cut short: "+test.name, trace)
		})
	}
}

func TestKeepAliveRace(t *testing.T) {
	t.Parallel()
	for _, end := range []testnet.End{testnet.Orderly, testnet.FIN, testnet.RST} {
		t.Run("GET "+end.String(), func(t *testing.T) {
			d := front(t, testnet.CloseOnRequest{End: end}.Start(t), nil)
			c := d.dial("app.test")
			for range 3 {
				if res, body := c.get("/"); res.StatusCode != 200 || body != "answered\n" {
					t.Fatal(res, body)
				}
			}
			if n := d.g.Metrics.Retries.Load(); n != 2 {
				t.Errorf("%d retries, want 2", n)
			}
			c.Close()
			trace := d.settled(func(tr *flow.Trace) bool { return clientConn(t, tr).Close.Ended })
			if !has(clientConn(t, trace), flow.Retry, "") {
				t.Error("the record does not show the retry")
			}
		})
		t.Run("POST "+end.String(), func(t *testing.T) {
			d := front(t, testnet.CloseOnRequest{End: end}.Start(t), nil)
			c := d.dial("app.test")
			c.get("/")
			c.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1\r\n\r\nx")
			res, _, err := c.receive("POST")
			if err != nil || res.StatusCode != 502 {
				t.Fatal(res, err)
			}
			contains(t, "cause", d.incident(res).Cause, "the origin closed the kept-alive connection as the request arrived", "POST is not sent twice")
			if res, _ := c.get("/"); res.StatusCode != 200 || d.g.Metrics.Retries.Load() != 0 {
				t.Errorf("the next request: %v, %d retries", res, d.g.Metrics.Retries.Load())
			}
		})
	}
}

func TestClientGivesUp(t *testing.T) {
	d := front(t, testnet.SilentAfterTLS{}.Start(t), nil)
	c := d.dial("app.test")
	c.send("GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
	d.settled(func(tr *flow.Trace) bool { return d.g.Metrics.Origins.Load() == 1 })
	time.Sleep(50 * time.Millisecond)
	c.Close()
	trace := d.settled(over)
	cc := clientConn(t, trace)
	if cc.Close.By != flow.Client || cc.Close.How != flow.ByFIN {
		t.Errorf("closed by %s with %s, want client fin", cc.Close.By, cc.Close.How)
	}
	if x := cc.Exchanges[0]; x.Outcome != flow.NoResponse || x.Incident != "" {
		t.Errorf("outcome %q, incident %q", x.Outcome, x.Incident)
	}
	for _, conn := range trace.Conns {
		if has(conn, flow.Timeout, "") {
			t.Errorf("a timeout that never fired is in the record:\n%s", conn)
		}
	}
	golden(t, "client gives up", trace)
}

func TestClientGivesUpWhileConnecting(t *testing.T) {
	d := newDoor(t)
	o := d.at("127.0.0.1", portOf(t, testnet.BlackHole(t)), true)
	o.Timeouts.Connect = time.Minute
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o)}}}, "app.test")
	c := d.dial("app.test")
	c.send("GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
	time.Sleep(100 * time.Millisecond)
	c.Close()
	golden(t, "client gives up while connecting", d.settled(over))
}

func TestHangingIsPublished(t *testing.T) {
	t.Parallel()
	d := front(t, testnet.SilentAfterTLS{}.Start(t), nil)
	c := d.dial("app.test")
	c.send("GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
	trace := d.settled(func(tr *flow.Trace) bool {
		return len(tr.Conns) == 2 && has(clientConn(t, tr), flow.Hanging, "first-byte") && has(originConns(tr)[0], flow.Hanging, "first-byte")
	})
	if x := clientConn(t, trace).Exchanges[0]; x.Outcome != "" || x.Target != "/slow" {
		t.Errorf("got %+v", x)
	}
	c.Close()
}
