package tap

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"

	"golang.org/x/sys/unix"
)

// Steps of TestEnds; each is over on both ends before the next.
var steps = map[string]func(t *testing.T, c *Conn, peer *net.TCPConn){
	"peer fin": func(t *testing.T, c *Conn, peer *net.TCPConn) { _ = peer.CloseWrite() },
	"peer rst": func(t *testing.T, c *Conn, peer *net.TCPConn) { _ = peer.SetLinger(0); peer.Close() },
	"read": func(t *testing.T, c *Conn, peer *net.TCPConn) {
		if n, err := c.Read(make([]byte, 10)); err == nil {
			t.Errorf("read %d bytes", n)
		}
	},
	"write until it fails": func(t *testing.T, c *Conn, peer *net.TCPConn) {
		for {
			if _, err := c.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	},
	"timeout": func(t *testing.T, c *Conn, peer *net.TCPConn) {
		_ = c.SetReadDeadline(time.Unix(1, 0))
		if _, err := c.Read(make([]byte, 10)); !IsTimeout(err) {
			t.Errorf("read gave %v", err)
		}
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	},
	"wait": func(t *testing.T, c *Conn, peer *net.TCPConn) {
		for range 1000 {
			if c.Poll() {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Error("the peer's end was not seen in a second")
	},
	"arrive": func(t *testing.T, c *Conn, peer *net.TCPConn) { // without the tap looking
		for range 1000 {
			if events, err := c.events(unix.POLLIN); err != nil || events != 0 {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Error("nothing arrived in a second")
	},
	"close write": func(t *testing.T, c *Conn, peer *net.TCPConn) { _ = c.CloseWrite() },
	"abort":       func(t *testing.T, c *Conn, peer *net.TCPConn) { _ = c.Abort() },
	"close":       func(t *testing.T, c *Conn, peer *net.TCPConn) { _ = c.Close() },
}

func TestEnds(t *testing.T) {
	for _, test := range []struct{ does, want string }{
		{"close", "fin by server, closed"},
		{"abort", "rst by server, closed"},
		{"peer fin, read, close", "fin by client, fin by server, closed"},
		{"peer fin, read, read, abort", "fin by client, rst by server, closed"},
		{"peer fin, arrive, close", "fin by client, fin by server, closed"},
		{"peer rst, read, close", "rst by client, closed"},
		{"peer rst, arrive, close", "rst by client, closed"},
		{"peer rst, read, abort", "rst by client, closed"},
		{"close write, peer fin, read, close", "fin by server, fin by client, closed"},
		{"close write, close write, abort", "fin by server, rst by server, closed"},
		{"close write, peer rst, read, close", "fin by server, rst by client, closed"},
		{"close write, write until it fails, close", "fin by server, closed"},
		{"timeout, timeout, close", "fin by server, closed"},
		{"peer fin, wait, read, wait, close", "fin by client, fin by server, closed"},
		{"peer rst, wait, read, close", "rst by client, closed"},
		{"peer fin, read, peer rst, write until it fails, close", "fin by client, rst by client, closed"},
		{"close, close, abort", "fin by server, closed"},
	} {
		t.Run(test.does, func(t *testing.T) {
			var s sink
			peer, far := loopback(t)
			c := Accepted(flow.NewRecorder(&s), far, false)
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			for step := range strings.SplitSeq(test.does, ", ") {
				steps[step](t, c, peer)
			}
			tr := s.conn(t)
			if got := words(tr); got != test.want {
				t.Errorf("recorded %s, want %s", got, test.want)
			}
			if by, _, _ := strings.Cut(test.want, ","); tr.Close.How.String()+" by "+tr.Close.By.String() != by {
				t.Errorf("folded to %+v, want %s", tr.Close, by)
			}
		})
	}
}

func TestPoll(t *testing.T) {
	near, far := loopback(t)
	c := Accepted(nil, far, false)
	if c.Poll() || !c.Quiet() {
		t.Error("a connection with a silent peer is gone or not quiet")
	}
	_, _ = near.Write([]byte("x"))
	steps["arrive"](t, c, near)
	if c.Poll() || c.Quiet() {
		t.Error("unread bytes: the peer is gone, or it is quiet")
	}
	near.Close()
	steps["wait"](t, c, near)
	if !c.PeerGone() || c.Quiet() {
		t.Error("a peer that closed behind unread bytes is there")
	}
	if n, err := c.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Errorf("read %d, %v: the look took bytes away", n, err)
	}
	c.Close()
	if !c.Poll() {
		t.Error("a closed connection has a peer")
	}
}

func TestClosing(t *testing.T) {
	var s sink
	near, far := loopback(t)
	c := Accepted(flow.NewRecorder(&s), far, false)
	_, _ = io.WriteString(near, "hello")
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "ok")
	c.SetWhy("first")
	c.SetWhy("second")
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	c.Log().Add(flow.Event{At: time.Now(), Kind: flow.Decision, Text: "late"})
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second close gave %v", err)
	}
	tr := s.conn(t)
	if got := words(tr); got != "fin by server, closed first, decision" {
		t.Errorf("recorded %s", got)
	}
	if !tr.Counted || tr.ClientBytes != 5 || tr.ServerBytes != 2 || tr.Close.Why != "first" {
		t.Errorf("recorded:\n%s", tr)
	}
}

// Everything that may run concurrently does.
func TestConcurrently(t *testing.T) {
	var s sink
	near, far := loopback(t)
	c := Accepted(flow.NewRecorder(&s), far, false)
	done := make(chan struct{})
	for _, f := range []func(){
		func() { _, _ = io.Copy(io.Discard, c) },
		func() { _, _ = c.Write([]byte("x")) },
		func() { c.Poll(); c.Quiet(); c.PeerGone(); c.Bytes() },
		func() { c.SetWhy("why") },
		func() { near.Close() },
		func() { _ = c.Close() },
		func() { _ = c.Abort() },
	} {
		go func() { f(); done <- struct{}{} }()
	}
	for range 7 {
		<-done
	}
	if n := strings.Count(words(s.conn(t)), "closed"); n != 1 {
		t.Errorf("closed %d times: %s", n, words(s.conn(t)))
	}
}

func TestDial(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(ln.Addr().String())
	var s sink
	c, err := Dial(within(t, 5*time.Second), flow.NewRecorder(&s), Call{Addr: addr, Secure: true, Parent: 7, Origin: "https://origin"})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	tr := s.conn(t)
	if tr.Parent != 7 || tr.Self != flow.Client || tr.Origin != "https://origin" || tr.Server != addr || tr.Client != c.Local() || !tr.Client.IsValid() {
		t.Errorf("recorded:\n%s", tr)
	}
	ln.Close()
	failed := func(ctx context.Context, addr netip.AddrPort, want string) {
		t.Helper()
		var s sink
		if _, err := Dial(ctx, flow.NewRecorder(&s), Call{Addr: addr}); err == nil {
			t.Fatal("connected")
		}
		tr := s.conn(t)
		if last := tr.Events[len(tr.Events)-1]; last.Kind != flow.ConnectFailed || last.Text != want || !tr.Close.Ended {
			t.Errorf("want %s, recorded:\n%s", want, tr)
		}
	}
	failed(within(t, 5*time.Second), addr, "refused")
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	failed(cancelled, addr, "canceled")
	hole := netip.MustParseAddrPort(testnet.BlackHole(t))
	failed(within(t, 50*time.Millisecond), hole, "timeout")
}

func TestConnectFault(t *testing.T) {
	for err, want := range map[error]string{
		syscall.ECONNREFUSED:  "refused",
		syscall.EHOSTUNREACH:  "unreachable",
		syscall.EADDRNOTAVAIL: flow.NoSourcePort,
		syscall.EMFILE:        "too many open files",
	} {
		if got := connectFault(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", err)}); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}

// A close_notify that nobody has read does not hide the FIN behind it.
func TestPollBehindCloseNotify(t *testing.T) {
	p := newPKI(t)
	s := shake(t, p.client, p.server)
	if s.clientErr != nil || s.serverErr != nil {
		t.Fatal(s.clientErr, s.serverErr)
	}
	go s.client.Close()
	steps["wait"](t, s.far, nil)
	s.server.Close()
	if got := words(s.ofServer.conn(t)); !strings.HasSuffix(got, "tls-done, fin by client, fin by server, closed") {
		t.Errorf("recorded %s", got)
	}
}
