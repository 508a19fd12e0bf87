package origin

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/testnet"
)

// names is a resolver whose answers change.
type names struct{ now atomic.Pointer[net.Resolver] }

func (n *names) lead(t *testing.T, addrs ...string) {
	t.Helper()
	var list []netip.Addr
	for _, a := range addrs {
		list = append(list, netip.MustParseAddr(a))
	}
	answers := map[string][]netip.Addr{"app.internal": list}
	if len(addrs) == 0 {
		answers = nil
	}
	n.now.Store(testnet.Resolver(t, answers))
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return n.now.Load().Dial(ctx, network, addr)
	}}
}

// moving is an origin whose name leads to some of 127.0.0.1 to 127.0.0.3, where
// a peer accepts and keeps silent.
func moving(t *testing.T, n *names) *Origin {
	t.Helper()
	port := uint16(0)
	for i := 1; i <= 3; i++ {
		l, err := net.Listen("tcp", "127.0.0."+strconv.Itoa(i)+":"+strconv.Itoa(int(port)))
		if err != nil {
			t.Fatal(err)
		}
		port = uint16(l.Addr().(*net.TCPAddr).Port)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				t.Cleanup(func() { c.Close() })
			}
		}()
		t.Cleanup(func() { l.Close() })
	}
	o := New(Options{Name: "http://app.internal", Host: "app.internal", Port: port, MaxIdle: 10, Buffers: httpconn.NewBuffers(),
		Resolver: n.resolver(), Resolve: time.Second, Timeouts: Timeouts{Connect: 2 * time.Second, Idle: time.Minute}})
	t.Cleanup(o.Close)
	return o
}

func at(c *Conn) string { return c.tap.Remote().Addr().String() }

// renewed has the next sweep look the name up, and waits for it.
func renewed(o *Origin) {
	k := *o.known.Load()
	k.at = k.at.Add(-2 * o.Resolve)
	o.known.Store(&k)
	o.renewAt = time.Time{}
	o.Sweep()
	o.lookups.Wait()
}

// facts keeps what is told of origins that moved.
type facts struct {
	mu  sync.Mutex
	all []string
}

func (f *facts) Take(_ flow.ConnID, _ bool, b flow.Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for e := range b.Events {
		if e.Kind == flow.OriginState && e.Attr(flow.KeyState) == "moved" {
			f.all = append(f.all, e.Attr(flow.KeyAddresses)+" "+e.Attr(flow.KeyReason))
		}
	}
}

func (f *facts) last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) == 0 {
		return ""
	}
	return f.all[len(f.all)-1]
}

// TestAddressesInTurn takes all addresses of a name in turn, those of the family
// that comes first before the others.
func TestAddressesInTurn(t *testing.T) {
	n := &names{}
	n.lead(t, "127.0.0.1", "127.0.0.2", "::1")
	o := moving(t, n)
	counts := map[string]int{}
	for range 6 {
		counts[at(dial(t, o, ""))]++
	}
	if counts["127.0.0.1"] != 3 || counts["127.0.0.2"] != 3 {
		t.Errorf("connections went to %v", counts)
	}
}

// TestNameMoves has a name lead elsewhere: idle connections to the old address
// are closed at once, those in use after their exchange, and new ones go to the
// new address.
// A name with very many addresses leaves each the time that a connection over
// an ocean takes.
func TestConnectShare(t *testing.T) {
	for _, test := range []struct {
		left      time.Duration
		addresses int
		want      time.Duration
	}{
		{5 * time.Second, 2, 2500 * time.Millisecond},
		{5 * time.Second, 500, time.Second},
		{300 * time.Millisecond, 2, 150 * time.Millisecond},
		{300 * time.Millisecond, 500, 150 * time.Millisecond},
	} {
		if got := connectShare(test.left, test.addresses); got != test.want {
			t.Errorf("%d addresses in %s: %s for the next, want %s", test.addresses, test.left, got, test.want)
		}
	}
}

func TestNameMoves(t *testing.T) {
	n := &names{}
	n.lead(t, "127.0.0.1")
	o := moving(t, n)
	facts := &facts{}
	o.Recorder = flow.NewRecorder(facts)
	idle, used := dial(t, o, ""), dial(t, o, "")
	o.Put(idle)
	n.lead(t, "127.0.0.2", "127.0.0.3")
	renewed(o)
	o.Sweep()
	if !idle.Gone() || o.Idle() != 0 {
		t.Error("the idle connection to the old address is kept")
	}
	if used.Gone() {
		t.Error("the connection in use was closed")
	}
	o.Put(used)
	if !used.Gone() {
		t.Error("the connection in use is kept after its exchange")
	}
	if c := dial(t, o, ""); at(c) == "127.0.0.1" {
		t.Errorf("a new connection goes to %s", at(c))
	}
	if got, want := facts.last(), "127.0.0.2,127.0.0.3 127.0.0.1 no longer in DNS"; got != want {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

// TestResolverFails keeps what is known while the resolver has no answer, and
// looks anew when nobody is to be reached there.
func TestResolverFails(t *testing.T) {
	n := &names{}
	n.lead(t, "127.0.0.1")
	o := moving(t, n)
	c := dial(t, o, "")
	o.Put(c)
	n.lead(t) // no such name
	renewed(o)
	if c.Gone() || at(dial(t, o, "")) != "127.0.0.1" {
		t.Error("a lookup that failed took the address away")
	}
	o.learn([]netip.Addr{netip.MustParseAddr("127.0.0.9")})
	if _, err := o.Dial(context.Background(), "", 0); err == nil {
		t.Fatal("127.0.0.9 answers")
	}
	n.lead(t, "127.0.0.2")
	if at(dial(t, o, "")) != "127.0.0.2" {
		t.Error("the name is not looked up anew after nobody was to be reached")
	}
}

// TestConnectionLimit closes an idle connection of another name for a new one.
func TestConnectionLimit(t *testing.T) {
	o := to(t, testnet.Echo{}.Start(t), func(o *Options) { o.MaxConns, o.Insecure = 2, true })
	a, b := dial(t, o, "a.test"), dial(t, o, "b.test")
	o.Put(a)
	o.Put(b)
	c := dial(t, o, "c.test")
	if a.Gone() == b.Gone() || o.Idle() != 1 {
		t.Errorf("a closed: %v, b closed: %v, %d idle", a.Gone(), b.Gone(), o.Idle())
	}
	c.Close("")
	c.Close("")
	if n := o.open.Load(); n != 1 {
		t.Errorf("%d open", n)
	}
}
