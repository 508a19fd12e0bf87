package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// ask sends a GET with fields and gives status, fields and the rest.
func (c *client) ask(fields string) (*http.Response, error) {
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: app.test\r\n"+fields+"\r\n"); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(c.r, &http.Request{Method: "GET"})
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
	}
	return res, err
}

// signIn goes through the three steps as a user.
func (c *client) signIn(scheme, user string) error {
	for _, step := range []struct {
		field string
		want  int
	}{
		{"", 401},
		{"Authorization: " + scheme + " " + testnet.NTLMNegotiate() + "\r\n", 401},
		{"Authorization: " + scheme + " " + testnet.NTLMAuthenticate(user) + "\r\n", 200},
	} {
		res, err := c.ask("X-Client: " + user + "\r\n" + step.field)
		if err != nil {
			return err
		}
		if res.StatusCode != step.want {
			return fmt.Errorf("status %d after %.30q, want %d", res.StatusCode, step.field, step.want)
		}
	}
	return nil
}

func TestSignInIsPinned(t *testing.T) {
	for _, scheme := range []string{"NTLM", "Negotiate"} {
		t.Run(scheme, func(t *testing.T) {
			peer := testnet.NTLMOrigin{Scheme: scheme}.Start(t)
			d := front(t, peer, nil)
			alice := d.dial("app.test")
			if err := alice.signIn(scheme, "alice"); err != nil {
				t.Fatal(err)
			}
			if res, err := alice.ask(""); err != nil || res.Header.Get("X-User") != "alice" {
				t.Fatal(res, err)
			}
			if d.does["app"].Routes[0].Origins.Members[0].Origin.Idle() != 0 {
				t.Error("a connection somebody is signed in on is in the pool")
			}
			bob := d.dial("app.test")
			if res, err := bob.ask(""); err != nil || res.StatusCode != 401 {
				t.Fatalf("bob came as %v, %v", res, err)
			}
			bob.Close()
			alice.Close()
			trace := d.settled(func(trace *flow.Trace) bool { return over(trace) && len(originConns(trace)) == 2 })
			for _, o := range originConns(trace) {
				if o.Close.By != flow.Client || o.Close.Why != "client connection ended" || !has(o, flow.Pinned, scheme) {
					t.Errorf("got\n%s", o)
				}
			}
			if text := trace.String(); !strings.Contains(text, "auth-token "+scheme) {
				t.Error("no token in the record")
			}
		})
	}
}

func TestSignedInOriginCloses(t *testing.T) {
	t.Parallel()
	peer := testnet.NTLMOrigin{}.Start(t)
	d := front(t, peer, nil)
	c := d.dial("app.test")
	if err := c.signIn("NTLM", "alice"); err != nil {
		t.Fatal(err)
	}
	peer.Close() // closes what is idle
	c.ended()
	trace := d.settled(over)
	const why = "the origin closed the connection this client had signed in on"
	cc := clientConn(t, trace)
	if cc.Close.Why != why || cc.Close.By != flow.Server {
		t.Errorf("got %+v", cc.Close)
	}
	if o := originConns(trace)[0]; o.Close.By != flow.Server {
		t.Errorf("got %+v", o.Close)
	}
}

// flaky stands before a peer and cuts connections at random.
func flaky(t *testing.T, to string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var carrying sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); l.Close(); carrying.Wait() })
	carrying.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			carrying.Go(func() { carryFlaky(ctx, nc, to) })
		}
	})
	return l.Addr().String()
}

func carryFlaky(ctx context.Context, nc net.Conn, to string) {
	defer nc.Close()
	up, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer up.Close()
	life := time.Duration(10+rand.IntN(200)) * time.Millisecond
	timer := time.AfterFunc(life, func() { nc.Close(); up.Close() })
	defer timer.Stop()
	defer context.AfterFunc(ctx, func() { nc.Close(); up.Close() })()
	go func() { _, _ = io.Copy(up, nc); up.Close() }()
	_, _ = io.Copy(nc, up)
}

// TestSignInsNeverMix has many clients sign in while connections end at random
// on both sides: nobody may ever come as somebody else.
func TestSignInsNeverMix(t *testing.T) {
	t.Parallel()
	peer := testnet.NTLMOrigin{At: testnet.At{Plain: true}}.Start(t)
	d := newDoor(t)
	o := d.at("127.0.0.1", portOf(t, flaky(t, peer.Addr)), false)
	o.Timeouts, o.MaxIdle = patient(), 100
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o)}}}, "app.test")
	var asked, served atomic.Int64
	var users sync.WaitGroup
	for i := range 24 {
		users.Go(func() {
			user := fmt.Sprintf("user%d", i)
			for n := 0; asked.Load() < 6000 && n < 1000; n++ {
				if err := visit(d, user, &asked, &served); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	users.Wait()
	if n := peer.Count(testnet.Leaked); n != 0 {
		t.Errorf("%d requests came on another user's connection", n)
	}
	if asked.Load() < 2000 || served.Load() < 300 {
		t.Errorf("%d requests, %d answered: too few to show anything", asked.Load(), served.Load())
	}
	t.Logf("%d requests, %d answered signed in, %d sign-ins", asked.Load(), served.Load(), peer.Count(testnet.Authenticated))
}

// visit is one client connection of a user; an error is a mix-up.
func visit(d *door, user string, asked, served *atomic.Int64) error {
	nc, err := tls.Dial("tcp", d.addrs["tls"].String(), d.tlsConfig("app.test"))
	if err != nil {
		return nil
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(hang))
	c := &client{Conn: nc, t: d.t, r: bufio.NewReader(nc)}
	asked.Add(3)
	if c.signIn("NTLM", user) != nil {
		return nil // cut off
	}
	for range rand.IntN(20) {
		asked.Add(1)
		if rand.IntN(20) == 0 { // the client leaves with a request under way
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: app.test\r\nX-Client: "+user+"\r\n\r\n")
			return nil
		}
		res, err := c.ask("X-Client: " + user + "\r\n")
		if err != nil || res.StatusCode != 200 {
			return nil
		}
		served.Add(1)
		if got := res.Header.Get("X-User"); got != user {
			return fmt.Errorf("%s got the answer for %s", user, got)
		}
	}
	return nil
}
