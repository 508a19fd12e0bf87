package app_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/dissect"
	"fanlight/internal/flow"
	"fanlight/internal/sniff"
	"fanlight/internal/testnet"
)

// The test that guards "one timeline": a conversation recorded live, and
// dissected from its own packets, gives traces that agree on every fact that
// both could see.
func TestLiveAndDissectedAgree(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("packets can be captured by root only")
	}
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) {
			keys := &dissect.Keys{}
			origin := startScenery(t, keys)
			d := serve(t, sceneConfig, "$ORIGIN", origin)
			_, originPort, _ := net.SplitHostPort(origin)
			packets := capturePorts(t, d.port, originPort)
			scene(t, &stage{d: d, keys: keys})
			d.quiet()
			time.Sleep(300 * time.Millisecond) // the last packets are on their way to us
			d.shut()
			live := d.Trace()
			seen := packets(keys)
			agree(t, live, seen)
			joined(t, live, seen)
		})
	}
}

const sceneConfig = `
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test"]
    routes:
      - {path: /files/, files: www}
      - path: /
        to: https://$ORIGIN
        tls: {insecure: true, name: app.internal, renegotiation: once}
        timeouts: {first_byte: 5s}
`

// startScenery is an origin on TLS 1.2 that asks late under /late, cuts its
// answer short under /cut, resets under /reset, and answers in chunks else.
func startScenery(t *testing.T, keys *dissect.Keys) (addr string) {
	ca := testnet.NewCA(t, "scenery")
	server := &testnet.TLS12Server{Certificate: ca.Issue(t, testnet.Leaf{Names: []string{"app.internal"}}).TLS(),
		Protocols: []string{"http/1.1"}, KeyLog: keyWriter{keys}}
	return listener(t, func(raw net.Conn) {
		_ = raw.SetDeadline(time.Now().Add(wait))
		c := server.Conn(raw)
		if _, err := c.Handshake(testnet.HandshakeOptions{}); err != nil {
			return
		}
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			n, err := io.Copy(io.Discard, req.Body)
			if err != nil || !play(c, raw, req.URL.Path, n) {
				return
			}
		}
	})
}

func play(c *testnet.TLS12Conn, raw net.Conn, path string, n int64) (goOn bool) {
	switch path {
	case "/late":
		if _, err := c.Renegotiate(testnet.HandshakeOptions{RequestClientCert: true}); err != nil {
			return false
		}
	case "/slow":
		time.Sleep(200 * time.Millisecond)
		return false
	case "/cut":
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nServer: scenery\r\nContent-Length: 1000\r\n\r\nonly this")
		return false
	case "/reset":
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nServer: scenery\r\nContent-Length: 1000\r\n\r\nonly this")
		time.Sleep(100 * time.Millisecond)
		_ = raw.(*net.TCPConn).SetLinger(0)
		return false
	}
	body := fmt.Sprintf("%d bytes came", n)
	_, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nServer: scenery\r\nX-Twice: a\r\nX-twice: b\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	return err == nil
}

// keyWriter adds what is logged to keys.
type keyWriter struct{ keys *dissect.Keys }

func (w keyWriter) Write(p []byte) (int, error) {
	w.keys.AddKeyLog(p)
	return len(p), nil
}

// capturePorts captures on the loopback interface. The result ends it and gives
// what the packets tell.
func capturePorts(t *testing.T, ports ...string) func(*dissect.Keys) *flow.Trace {
	t.Helper()
	var numbers []uint16
	for _, p := range ports {
		n, err := strconv.ParseUint(p, 10, 16)
		must(t, err)
		numbers = append(numbers, uint16(n))
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	h, err := sniff.Open(ctx, sniff.Options{Interface: "lo", Ports: numbers})
	must(t, err)
	return func(keys *dissect.Keys) *flow.Trace {
		defer h.Close()
		var mu sync.Mutex
		trace := &flow.Trace{}
		a := dissect.New(dissect.Options{Source: "lo", Keys: keys, Conn: func(c *flow.Conn) {
			mu.Lock()
			defer mu.Unlock()
			trace.Conns = append(trace.Conns, c)
		}})
		cancel() // the ring has all of it
		_, err := a.Run(context.Background(), h)
		must(t, err)
		return trace
	}
}

// stage is what a scene plays on.
type stage struct {
	d    *door
	keys *dissect.Keys
}

func (s *stage) dial(t *testing.T, version uint16, name string) (*tls.Conn, *net.TCPConn, error) {
	t.Helper()
	raw, err := net.Dial("tcp", "127.0.0.2:"+s.d.port)
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	_ = raw.SetDeadline(time.Now().Add(wait))
	c := tls.Client(raw, &tls.Config{ServerName: name, RootCAs: s.d.roots(), MinVersion: version, MaxVersion: version,
		NextProtos: []string{"http/1.1"}, KeyLogWriter: keyWriter{s.keys}})
	return c, raw.(*net.TCPConn), c.Handshake()
}

func (s *stage) ask(t *testing.T, c net.Conn, r *bufio.Reader, request string) {
	t.Helper()
	_, err := io.WriteString(c, request)
	must(t, err)
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(r, &http.Request{Method: method}) // HEAD has no body
	must(t, err)
	_, _ = io.Copy(io.Discard, res.Body) // may be cut short
}

func conversation(version uint16, requests ...string) func(*testing.T, *stage) {
	return func(t *testing.T, s *stage) {
		c, _, err := s.dial(t, version, "app.test")
		must(t, err)
		r := bufio.NewReader(c)
		for _, request := range requests {
			s.ask(t, c, r, strings.ReplaceAll(request, "\n", "\r\n"))
		}
		c.Close()
	}
}

var scenes = map[string]func(*testing.T, *stage){
	"TLS 1.3": conversation(tls.VersionTLS13,
		"GET /files/hello.txt HTTP/1.1\nHost: app.test\nX-a: 1\nx-A: 2\n\n",
		"GET /files/none HTTP/1.1\nHost: app.test\n\n",
		"POST /post HTTP/1.1\nHost: app.test\nContent-Length: 5\n\nhello",
		"HEAD /files/hello.txt HTTP/1.1\nHost: app.test\n\n"),
	"TLS 1.2": conversation(tls.VersionTLS12,
		"GET /files/hello.txt HTTP/1.1\nHost: app.test\n\n",
		"POST /post HTTP/1.1\nHost: app.test\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n",
		"GET /last HTTP/1.1\nHost: app.test\nConnection: close\n\n"),
	"HTTP/2":                 overHTTP2,
	"HTTP/2 refused":         refusedHTTP2,
	"renegotiation":          conversation(tls.VersionTLS13, "GET /late HTTP/1.1\nHost: app.test\n\n", "GET /more HTTP/1.1\nHost: app.test\n\n"),
	"origin cuts the answer": conversation(tls.VersionTLS13, "GET /cut HTTP/1.1\nHost: app.test\n\n"),
	"origin resets":          conversation(tls.VersionTLS12, "GET /reset HTTP/1.1\nHost: app.test\n\n"),
	"refused handshake": func(t *testing.T, s *stage) {
		if _, _, err := s.dial(t, tls.VersionTLS13, "stranger.test"); err == nil {
			t.Fatal("a handshake for a strange name was not refused")
		}
	},
	"client aborts": func(t *testing.T, s *stage) {
		c, raw, err := s.dial(t, tls.VersionTLS13, "app.test")
		must(t, err)
		_, err = io.WriteString(c, "POST /post HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000\r\n\r\nonly this")
		must(t, err)
		time.Sleep(100 * time.Millisecond)
		_ = raw.SetLinger(0)
		raw.Close()
	},
}

// agree compares each connection of the door with its packets.
func agree(t *testing.T, live, packets *flow.Trace) {
	t.Helper()
	if len(live.Conns) == 0 {
		t.Fatal("nothing was recorded live")
	}
	for _, l := range live.Conns {
		var p *flow.Conn
		for _, c := range packets.Conns {
			if c.Client == l.Client && c.Server == l.Server {
				p = c
			}
		}
		if p == nil {
			t.Errorf("no packets of\n%s", l)
			continue
		}
		before := t.Failed()
		agreeConn(t, l, p)
		if t.Failed() && !before {
			t.Logf("live:\n%s\ndissected:\n%s", l, p)
		}
	}
}

// joined expects that evidence finds the parents that the door knows.
func joined(t *testing.T, live, packets *flow.Trace) {
	t.Helper()
	want := 0
	for _, c := range live.Conns {
		for _, x := range c.Exchanges {
			if x.Parent != 0 && x.Outcome == flow.Complete {
				want++
			}
		}
	}
	found := 0
	for _, c := range packets.Conns {
		for _, x := range c.Exchanges {
			if x.Parent == 0 || x.Outcome != flow.Complete {
				continue
			}
			found++
			if x.Joined == "" || strings.HasPrefix(x.Joined, "possible") || c.Parent == 0 {
				t.Errorf("%s %s was joined by %q, its connection to %s", x.ID, x.Target, x.Joined, c.Parent)
			}
		}
	}
	if found != want {
		t.Errorf("%d exchanges were joined, want %d", found, want)
	}
}

// same compares a fact that both saw.
func same[T comparable](t *testing.T, what string, live, packets T) {
	t.Helper()
	var unseen T
	if live != unseen && packets != unseen && live != packets {
		t.Errorf("%s: live %v, dissected %v", what, live, packets)
	}
}

// equal compares a fact that both must see.
func equal[T comparable](t *testing.T, what string, live, packets T) {
	t.Helper()
	if live != packets {
		t.Errorf("%s: live %v, dissected %v", what, live, packets)
	}
}

func agreeConn(t *testing.T, l, p *flow.Conn) {
	t.Helper()
	equal(t, "scheme", l.Scheme, p.Scheme)
	if l.TLS != nil && l.TLS.Done == flow.Yes {
		equal(t, "keys", l.Keys, p.Keys)
	}
	if !together(p) {
		equal(t, "close by", l.Close.By, p.Close.By)
		equal(t, "close how", l.Close.How, p.Close.How)
	}
	same(t, "close alert", l.Close.Alert, p.Close.Alert)
	sent, received := [2]int64{l.ServerBytes, p.ServerBytes}, [2]int64{l.ClientBytes, p.ClientBytes}
	if l.Self == flow.Client {
		sent, received = received, sent
	}
	if !together(p) { // what is sent behind a reset is nobody's
		equal(t, "bytes sent", sent[0], sent[1])
	}
	if received[0] > received[1] { // what came after we closed was not read
		t.Errorf("bytes received: live %d, dissected %d", received[0], received[1])
	}
	if l.TLS != nil && p.TLS != nil {
		equal(t, "SNI", l.TLS.SNI, p.TLS.SNI)
		equal(t, "offered ALPN", strings.Join(l.TLS.Offered, ","), strings.Join(p.TLS.Offered, ","))
		equal(t, "offered versions", strings.Join(l.TLS.Versions, ","), strings.Join(p.TLS.Versions, ","))
		equal(t, "version", l.TLS.Version, p.TLS.Version)
		equal(t, "cipher", l.TLS.Cipher, p.TLS.Cipher)
		equal(t, "ALPN", l.TLS.ALPN, p.TLS.ALPN)
		equal(t, "resumed", l.TLS.Resumed, p.TLS.Resumed)
		equal(t, "post-handshake authentication", l.TLS.PHA, p.TLS.PHA)
		equal(t, "handshake done", l.TLS.Done, p.TLS.Done)
	}
	for _, kind := range []flow.Kind{flow.HelloRequest, flow.Renegotiating, flow.Renegotiated, flow.TLSDone, flow.TLSFailed, flow.ClientHello, flow.AuthToken, flow.Tunnel, flow.StreamReset, flow.GoAway} {
		equal(t, "number of events "+kind.String(), count(l, kind), count(p, kind)-unheard(l, p, kind))
	}
	equal(t, "exchanges", len(l.Exchanges), len(p.Exchanges))
	for i := range min(len(l.Exchanges), len(p.Exchanges)) {
		agreeExchange(t, l.Exchanges[i], p.Exchanges[i])
	}
}

// together tells that both ends closed at once: a FIN that was on its way when
// the other left is first for one of them only, and may be met with a reset.
func together(c *flow.Conn) bool {
	var at []time.Time
	for i := range c.Events {
		if kind := c.Events[i].Kind; kind == flow.FIN || kind == flow.RST {
			at = append(at, c.Events[i].At)
		}
	}
	return len(at) >= 2 && at[1].Sub(at[0]) < time.Millisecond
}

func count(c *flow.Conn, kind flow.Kind) (n int) {
	for i := range c.Events {
		if c.Events[i].Kind == kind {
			n++
		}
	}
	return n
}

// unheard are the events of the other side behind our FIN: the door has left and
// cannot hear of them.
func unheard(l, p *flow.Conn, kind flow.Kind) (n int) {
	left := false
	for i := range p.Events {
		switch e := &p.Events[i]; {
		case e.Kind == flow.FIN && e.From == l.Self:
			left = true
		case left && e.Kind == kind && e.From != l.Self:
			n++
		}
	}
	return n
}

func agreeExchange(t *testing.T, l, p *flow.Exchange) {
	t.Helper()
	equal(t, "request", l.Method+" "+l.Target+" "+l.HTTP+" "+l.Host+" "+l.Scheme, p.Method+" "+p.Target+" "+p.HTTP+" "+p.Host+" "+p.Scheme)
	equal(t, "request header", string(flow.FormatFields(l.RequestHeader)), string(flow.FormatFields(p.RequestHeader)))
	equal(t, "status", l.Status, p.Status)
	equal(t, "reason", l.Reason, p.Reason)
	equal(t, "response header", string(flow.FormatFields(l.ResponseHeader)), string(flow.FormatFields(p.ResponseHeader)))
	equal(t, "outcome", l.Outcome, p.Outcome)
	if !l.RequestDone.IsZero() && !p.RequestDone.IsZero() {
		equal(t, "request body", l.RequestBodyBytes, p.RequestBodyBytes)
	}
	if !l.ResponseDone.IsZero() && !p.ResponseDone.IsZero() {
		equal(t, "response body", l.ResponseBodyBytes, p.ResponseBodyBytes)
	}
	same(t, "reused", l.Reused, p.Reused)
	same(t, "tunnel", l.Tunnel, p.Tunnel)
}
