package bind

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/machine"
)

// freePort gives a port that is free on every address.
func freePort(t *testing.T) uint16 {
	t.Helper()
	ln, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return uint16(ln.Addr().(*net.TCPAddr).Port)
}

func at(ip string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(ip), port)
}

// greet serves connections with a word.
func greet(word string) func(net.Conn) {
	return func(c net.Conn) {
		defer c.Close()
		io.WriteString(c, word)
	}
}

// ask connects and gives the word, or why there is none: refused, reset, or
// the error.
func ask(addr netip.AddrPort) string { return askWithin(addr, 5*time.Second) }

// askBriefly does not wait for the second attempt of a client that came while
// a listener was closing.
func askBriefly(addr netip.AddrPort) string { return askWithin(addr, 50*time.Millisecond) }

func askWithin(addr netip.AddrPort, limit time.Duration) string {
	c, err := net.DialTimeout("tcp", addr.String(), limit)
	if err == nil {
		defer c.Close()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		var word []byte
		if word, err = io.ReadAll(c); err == nil {
			return string(word)
		}
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	}
	return err.Error()
}

func acquire(t *testing.T, ls *Listeners, addr netip.AddrPort, serve func(net.Conn)) *Ref {
	t.Helper()
	ref, err := ls.Acquire(addr, serve)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ref.Release)
	return ref
}

func expect(t *testing.T, addr netip.AddrPort, want string) {
	t.Helper()
	if got := ask(addr); got != want {
		t.Errorf("ask %s: got %q, want %q", addr, got, want)
	}
}

func TestReferences(t *testing.T) {
	ls := New(Options{})
	defer ls.Close()
	addr := at("127.0.0.2", freePort(t))
	first := acquire(t, ls, addr, greet("first"))
	expect(t, addr, "first")
	second := acquire(t, ls, addr, greet("second"))
	expect(t, addr, "second")
	second.Release()
	second.Release()
	expect(t, addr, "first")
	second = acquire(t, ls, addr, greet("again"))
	first.Release()
	expect(t, addr, "again")
	second.Release()
	expect(t, addr, "refused")
	if open := ls.Open(); len(open) != 0 {
		t.Errorf("still open: %v", open)
	}
}

func TestExactAddressLeavesOthersFree(t *testing.T) {
	ls := New(Options{})
	defer ls.Close()
	port := freePort(t)
	acquire(t, ls, at("127.0.0.2", port), greet("ours"))
	for _, ip := range []string{"127.0.0.10", "127.0.0.20"} {
		ln, err := net.Listen("tcp4", at(ip, port).String())
		if err != nil {
			t.Fatalf("another program on another address: %v", err)
		}
		defer ln.Close()
	}
	expect(t, at("127.0.0.2", port), "ours")
	expect(t, at("127.0.0.3", port), "refused")
}

func TestIPv6LeavesIPv4Free(t *testing.T) {
	ls := New(Options{})
	defer ls.Close()
	port := freePort(t)
	if probe, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here: ", err)
	} else {
		probe.Close()
	}
	acquire(t, ls, at("::1", port), greet("six"))
	acquire(t, ls, at("::ffff:127.0.0.1", port), greet("four"))
	expect(t, at("::1", port), "six")
	expect(t, at("127.0.0.1", port), "four")
}

func TestRefusedBeforeBinding(t *testing.T) {
	ls := New(Options{})
	defer ls.Close()
	kept := acquire(t, ls, at("127.0.0.3", freePort(t)), greet("kept"))
	outside := ls.SetAllowed([]netip.Addr{netip.MustParseAddr("127.0.0.2")})
	if len(outside) != 1 || outside[0] != kept.Addr() {
		t.Errorf("open listeners outside the list: got %v, want %v", outside, kept.Addr())
	}
	for _, test := range []struct {
		addr netip.AddrPort
		want string
	}{
		{at("0.0.0.0", 8443), "bind 0.0.0.0:8443: a listener takes one exact address, never all"},
		{at("::", 8443), "bind [::]:8443: a listener takes one exact address, never all"},
		{at("::ffff:0.0.0.0", 8443), "bind 0.0.0.0:8443: a listener takes one exact address, never all"},
		{at("127.0.0.2", 0), "bind 127.0.0.2:0: a listener needs an exact port"},
		{at("127.0.0.9", 8443), "bind 127.0.0.9:8443: the address is not in the list of addresses that may be bound ([127.0.0.2])"},
	} {
		_, err := ls.Acquire(test.addr, greet(""))
		if err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
	var outsideList *NotAllowedError
	if _, err := ls.Acquire(at("127.0.0.9", 8443), greet("")); !errors.As(err, &outsideList) {
		t.Errorf("got %T, want *NotAllowedError", err)
	}
	ls.SetAllowed(nil)
	acquire(t, ls, at("127.0.0.9", freePort(t)), greet(""))
}

func TestRefusedBySystem(t *testing.T) {
	port := freePort(t)
	ln, err := net.Listen("tcp4", at("0.0.0.0", port).String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var asked netip.AddrPort
	ls := New(Options{Explain: func(want netip.AddrPort, err error) *machine.BindError {
		asked = want
		return &machine.BindError{Addr: want, Cause: machine.InUse, Err: err}
	}})
	_, err = ls.Acquire(at("127.0.0.2", port), greet(""))
	var refused *machine.BindError
	if !errors.As(err, &refused) || asked != at("127.0.0.2", port) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, asked to explain %v", err, asked)
	}
}

func TestClosed(t *testing.T) {
	ls := New(Options{})
	addr := at("127.0.0.2", freePort(t))
	ref := acquire(t, ls, addr, greet("on"))
	ls.Close()
	expect(t, addr, "refused")
	ref.Release()
	if _, err := ls.Acquire(addr, greet("")); !errors.Is(err, errClosed) {
		t.Errorf("got %v, want %v", err, errClosed)
	}
}

// TestStopAndStartUnderLoad stops and starts a listener while clients connect
// to it without pause: each is served or refused and none is reset, the
// clients of another address notice nothing, and nothing is left open.
func TestStopAndStartUnderLoad(t *testing.T) {
	const rounds, clients = 200, 8
	ls := New(Options{})
	defer ls.Close()
	addr, other := at("127.0.0.2", freePort(t)), at("127.0.0.3", freePort(t))
	acquire(t, ls, other, greet("other"))
	var running, served atomic.Int64
	serve := func(c net.Conn) {
		running.Add(1)
		defer running.Add(-1)
		served.Add(1)
		greet("yes")(c)
	}
	before := runtime.NumGoroutine()
	var stop atomic.Bool
	var load sync.WaitGroup
	for range clients {
		load.Go(func() {
			for !stop.Load() {
				if got := askBriefly(addr); got == "reset" {
					t.Error("a client was reset")
				}
				if got := ask(other); got != "other" {
					t.Errorf("a client of the other address got %q", got)
				}
			}
		})
	}
	for range rounds {
		ref, err := ls.Acquire(addr, serve)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, addr, "yes")
		ref.Release()
		expect(t, addr, "refused")
	}
	stop.Store(true)
	load.Wait()
	if got := served.Load(); got <= rounds {
		t.Errorf("%d connections were served, which is no load", got)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if now := runtime.NumGoroutine(); now > before || running.Load() != 0 {
		t.Errorf("%d goroutines, %d before; %d connections are still served", now, before, running.Load())
	}
}

// TestReleaseServesTheQueue fills the queue of a listener whose accept loop is
// held up, and expects every queued client to be served by the release.
func TestReleaseServesTheQueue(t *testing.T) {
	const clients = 20
	inner, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := inner.Addr().(*net.TCPAddr).AddrPort()
	l := newListener(addr, inner, nil)
	close(l.done) // its loop never ran
	l.add(&Ref{listener: l, serve: greet("late")})
	var conns []net.Conn
	for range clients {
		c, err := net.Dial("tcp4", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	l.close()
	for _, c := range conns {
		c.SetDeadline(time.Now().Add(5 * time.Second))
		if word, err := io.ReadAll(c); string(word) != "late" {
			t.Errorf("a queued client got %q, %v", word, err)
		}
	}
}

// flaky is a listener that fails a few times before every connection.
type flaky struct {
	net.Listener
	failures int
	conns    chan net.Conn
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.failures > 0 {
		f.failures--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	c, ok := <-f.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (f *flaky) Close() error { close(f.conns); return nil }

func TestAcceptBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{failures: 10, conns: make(chan net.Conn, 1)}
		l := newListener(at("127.0.0.2", 443), f, nil)
		served := make(chan bool, 1)
		l.add(&Ref{serve: func(net.Conn) { served <- true }})
		var told []string
		began := time.Now()
		go l.acceptLoop(newGate(false), func(_ netip.AddrPort, err error) { told = append(told, fmt.Sprint(err)) })
		here, there := net.Pipe()
		defer here.Close()
		f.conns <- there
		<-served
		l.close()
		if waited := time.Since(began); waited < 2*time.Second || waited > 5*time.Second {
			t.Errorf("10 failures took %v of waiting", waited)
		}
		if len(told) != 2 || !strings.Contains(told[0], "too many open files") || told[1] != "<nil>" {
			t.Errorf("told %q", told)
		}
	})
}

func TestCloseEndsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{failures: 1 << 30, conns: make(chan net.Conn)}
		l := newListener(at("127.0.0.2", 443), f, nil)
		go l.acceptLoop(newGate(false), func(netip.AddrPort, error) {})
		time.Sleep(10500 * time.Millisecond)
		began := time.Now()
		l.close()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("closing waited %v", waited)
		}
	})
}
