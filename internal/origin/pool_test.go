package origin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
	"unsafe"

	"fanlight/internal/httpconn"
	"fanlight/internal/testnet"
)

func to(t *testing.T, peer *testnet.Origin, tune func(*Options)) *Origin {
	t.Helper()
	host, port, err := net.SplitHostPort(peer.Addr)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(port)
	o := Options{Name: peer.URL(""), Host: host, Port: uint16(n), MaxIdle: 2, Buffers: httpconn.NewBuffers(),
		Timeouts: Timeouts{Connect: time.Minute, TLS: time.Minute, FirstByte: time.Minute, Idle: time.Minute}}
	if tune != nil {
		tune(&o)
	}
	out := New(o)
	t.Cleanup(out.Close)
	return out
}

func dial(t *testing.T, o *Origin, host string) *Conn {
	t.Helper()
	c, err := o.Dial(context.Background(), host, 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPoolKeepsAndGives(t *testing.T) {
	o := to(t, testnet.Silent{At: testnet.At{Plain: true}}.Start(t), nil)
	if o.Take("a.test", false) != nil {
		t.Fatal("a connection out of nothing")
	}
	first, second, third := dial(t, o, "a.test"), dial(t, o, "a.test"), dial(t, o, "a.test")
	o.Put(first)
	o.Put(second)
	o.Put(third) // one more than MaxIdle: closed
	if o.Idle() != 2 || !third.Gone() {
		t.Errorf("%d idle, the third closed: %v", o.Idle(), third.Gone())
	}
	if got := o.Take("a.test", false); got != second {
		t.Error("not the one that was used last")
	}
	second.Pin("NTLM")
	o.Put(second)
	if got := o.Take("a.test", false); got != first || o.Idle() != 0 {
		t.Error("a pinned connection went back")
	}
	o.Close()
	o.Put(first)
	if o.Idle() != 0 || !first.Gone() {
		t.Error("a closed pool keeps connections")
	}
}

// TestPoolByServerName checks that a connection made under one verified name is
// never used for another.
func TestPoolByServerName(t *testing.T) {
	peer := testnet.SilentAfterTLS{At: testnet.At{Leaf: testnet.Leaf{Names: []string{"a.test", "b.test"}}}}.Start(t)
	o := to(t, peer, func(o *Options) { o.Secure, o.Roots = true, peer.Pool() })
	o.Put(dial(t, o, "a.test:8443"))
	if o.Take("b.test", false) != nil {
		t.Error("the connection for a.test was given for b.test")
	}
	if o.Take("a.test", false) == nil {
		t.Error("the connection for a.test was not found")
	}
	var f *Failure
	if _, err := o.Dial(context.Background(), "c.test", 0); !errors.As(err, &f) || f.Fault != "wrong-name" {
		t.Errorf("got %v", err)
	}
}

// The forwarded host is a view of a buffer that the next request overwrites;
// what is kept under a server name must not change with it.
func TestServerNameOutlivesRequest(t *testing.T) {
	peer := testnet.Echo{}.Start(t)
	o := to(t, peer, func(o *Options) { o.Secure, o.Insecure = true, true })
	buffer := []byte("one.test")
	host := unsafe.String(&buffer[0], len(buffer))
	overwrite := func() { copy(buffer, "two.test") }

	c := dial(t, o, host)
	overwrite()
	o.Put(c)
	if o.Take("two.test", false) != nil {
		t.Fatal("a connection made for one name is given for another")
	}
	copy(buffer, "one.test")
	if c = o.Take(host, false); c == nil {
		t.Fatal("a connection is not given for its own name")
	}
	overwrite()
	o.Put(c)
	if o.Take("two.test", false) != nil {
		t.Fatal("a connection that was taken once is given for another name")
	}
	if name := o.base("one.test").ServerName; name != "one.test" {
		t.Errorf("the name that is verified became %q", name)
	}
}

func TestPoolForgetsNames(t *testing.T) {
	o := to(t, testnet.Silent{At: testnet.At{Plain: true}}.Start(t), nil)
	for i := range 10 * maxNames {
		o.keep(fmt.Sprint(i), nil)
	}
	if len(o.idle) > maxNames+1 {
		t.Errorf("%d names without connections are kept", len(o.idle))
	}
	for i := range 10 * maxNames {
		o.base(fmt.Sprint(i))
	}
	if len(o.bases) > maxNames {
		t.Errorf("%d configurations are kept", len(o.bases))
	}
}

func TestSweep(t *testing.T) {
	peer := testnet.Silent{At: testnet.At{Plain: true}}.Start(t)
	o := to(t, peer, func(o *Options) { o.MaxIdle = 10 })
	old, fresh := dial(t, o, ""), dial(t, o, "")
	o.Put(old)
	o.Put(fresh)
	now := time.Now()
	old.idleSince = now.Add(-2 * time.Minute)
	if out := o.expired(now); len(out) != 1 || out[old] != "idle timeout" || o.Idle() != 1 {
		t.Errorf("got %v, %d idle", out, o.Idle())
	}
	peer.Close()
	fresh.idleSince = now.Add(-2 * pollEvery)
	for range 100 {
		if fresh.Gone() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if out := o.expired(now); out[fresh] != closedIdle || o.Idle() != 0 {
		t.Errorf("got %v, %d idle", out, o.Idle())
	}
}

func TestStaleConnectionIsNotGiven(t *testing.T) {
	peer := testnet.Silent{At: testnet.At{Plain: true}}.Start(t)
	o := to(t, peer, nil)
	c := dial(t, o, "")
	o.Put(c)
	peer.Close()
	for range 100 {
		if c.Gone() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if o.Take("", false) != nil || o.Idle() != 0 {
		t.Error("a connection that the origin closed was given")
	}
}

// TestInterruptIsForGood checks that a deadline set after the interruption does
// not undo it.
func TestInterruptIsForGood(t *testing.T) {
	o := to(t, testnet.Silent{At: testnet.At{Plain: true}}.Start(t), nil)
	c := dial(t, o, "")
	defer c.Close("test over")
	var reader sync.WaitGroup
	reader.Go(func() {
		for range 100 {
			_ = c.Transport().SetReadDeadline(time.Now().Add(time.Minute))
		}
		if _, err := c.ReadHead(time.Minute); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	c.Interrupt("enough")
	reader.Wait()
	if f := c.Fail(0, PhaseFirstByte, os.ErrDeadlineExceeded); !f.Given || f.Timeout || f.Dead {
		t.Errorf("got %+v", f)
	}
}

func TestDialIsGivenUp(t *testing.T) {
	peer := testnet.Silent{}.Start(t)
	o := to(t, peer, func(o *Options) { o.Secure, o.Timeouts.TLS = true, time.Minute })
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	var f *Failure
	if _, err := o.Dial(ctx, "", 0); !errors.As(err, &f) || !f.Given || f.Timeout {
		t.Errorf("got %v", err)
	}
}

func TestServerName(t *testing.T) {
	for _, test := range []struct {
		o          Options
		host, want string
	}{
		{Options{Host: "10.0.0.5", Secure: true, ServerName: "app.internal"}, "shop.test", "app.internal"},
		{Options{Host: "inner.test", Secure: true}, "shop.test", "inner.test"},
		{Options{Host: "10.0.0.5", Secure: true}, "shop.test:8443", "shop.test"},
		{Options{Host: "10.0.0.5", Secure: true}, "192.0.2.1", "10.0.0.5"},
		{Options{Host: "10.0.0.5", Secure: true}, "", "10.0.0.5"},
		{Options{Host: "::1", Secure: true}, "[::1]:443", "::1"},
		{Options{Host: "10.0.0.5"}, "shop.test", ""},
	} {
		if got := New(test.o).serverName(test.host); got != test.want {
			t.Errorf("%+v for %q: got %q, want %q", test.o.Host, test.host, got, test.want)
		}
	}
}

func TestFailureText(t *testing.T) {
	for _, test := range []struct {
		f    Failure
		want string
	}{
		{Failure{Phase: PhaseSend, Timeout: true, Limit: 30 * time.Second}, "send request to O: not done within 30s (timeout: send)"},
		{Failure{Phase: PhaseFirstByte, Dead: true}, "wait for O: the origin closed the kept-alive connection as the request arrived"},
		{Failure{Phase: PhaseTLS, Reason: "no", Fix: "do this"}, "shake hands with O: no; do this"},
		{Failure{Phase: PhaseResolve, Err: &net.DNSError{Err: "no such host", Name: "o.test"}}, "resolve the name of O: no such host"},
	} {
		test.f.Origin = "O"
		if got := test.f.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
