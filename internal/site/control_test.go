package site

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeDoor keeps what it was asked for.
type fakeDoor struct {
	Door
	mu       sync.Mutex
	open     map[netip.AddrPort]int
	taken    map[netip.AddrPort]bool
	states   []string
	exchange time.Duration // how long what is open takes
	tunnel   time.Duration
	finished []string
}

func newFakeDoor() *fakeDoor {
	d := &fakeDoor{open: map[netip.AddrPort]int{}, taken: map[netip.AddrPort]bool{}}
	d.Door = Door{Listen: d.listen, Finish: d.finishAll, Serve: func(net.Conn, bool) {}, Grace: 10 * time.Second,
		Changed: func(s *Site) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.states = append(d.states, s.State().String())
		}}
	return d
}

type fakeRef struct {
	d    *fakeDoor
	addr netip.AddrPort
	once sync.Once
}

func (r *fakeRef) Release() {
	r.once.Do(func() {
		r.d.mu.Lock()
		defer r.d.mu.Unlock()
		r.d.open[r.addr]--
	})
}

func (d *fakeDoor) listen(addr netip.AddrPort, _ func(net.Conn)) (Listener, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.taken[addr] {
		return nil, errors.New("bind " + addr.String() + ": held by nginx")
	}
	d.open[addr]++
	return &fakeRef{d: d, addr: addr}, nil
}

// finishAll takes as long as what is open does, or until ctx ends.
func (d *fakeDoor) finishAll(ctx context.Context, _ string, tunnels bool) {
	d.mu.Lock()
	d.finished = append(d.finished, map[bool]string{true: "drain", false: "stop"}[tunnels])
	wait := d.exchange
	if tunnels {
		wait = max(wait, d.tunnel)
	} else {
		d.tunnel = 0
	}
	d.mu.Unlock()
	for end := time.Now().Add(wait); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		d.mu.Lock()
		gone := tunnels && d.tunnel == 0 && wait > d.exchange
		d.mu.Unlock()
		if gone {
			return
		}
	}
}

func (d *fakeDoor) opened() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, count := range d.open {
		n += count
	}
	return n
}

func (d *fakeDoor) expect(t *testing.T, s *Site, state State, open int, changes string) {
	t.Helper()
	if s.State() != state || d.opened() != open {
		t.Errorf("%s (%s) with %d listeners, want %s with %d", s.State(), s.Reason(), d.opened(), state, open)
	}
	if got := strings.Join(d.states, " "); got != changes {
		t.Errorf("changes %q, want %q", got, changes)
	}
	d.states = nil
}

func TestStartAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s, ctx := newFakeDoor(), secure("shop", on(two, "a.test"), on(two, "b.test"), on(six)), t.Context()
		for range 2 {
			if err := d.Start(s); err != nil {
				t.Fatal(err)
			}
		}
		d.expect(t, s, Serving, 3, "serving")
		for range 2 {
			if err := d.Stop(ctx, s); err != nil {
				t.Fatal(err)
			}
		}
		d.expect(t, s, Stopped, 0, "draining stopped")
		if err := d.Start(s); err != nil {
			t.Fatal(err)
		}
		d.Shut(s)
		d.expect(t, s, Stopped, 0, "serving")
	})
}

func TestStopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := newFakeDoor(), secure("shop", on(two))
		d.exchange, d.tunnel = time.Hour, 2*time.Hour
		for _, end := range []struct {
			name string
			f    func(context.Context, *Site) error
			want time.Duration
		}{{"drain", d.Drain, 2 * time.Hour}, {"stop", d.Stop, d.Grace}} {
			if err := d.Start(s); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			go func() {
				time.Sleep(time.Second)
				if s.State() != Draining || d.opened() != 0 {
					t.Errorf("%s: %s with %d listeners meanwhile", end.name, s.State(), d.opened())
				}
			}()
			if err := end.f(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began).Round(time.Second); took != end.want || s.State() != Stopped {
				t.Errorf("%s took %s, want %s", end.name, took, end.want)
			}
		}
	})
}

func TestStopCutsDrainShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := newFakeDoor(), secure("shop", on(two))
		d.exchange, d.tunnel = time.Second, 100*time.Hour
		if err := d.Start(s); err != nil {
			t.Fatal(err)
		}
		drained := make(chan error)
		go func() { drained <- d.Drain(t.Context(), s) }()
		time.Sleep(time.Hour)
		began := time.Now()
		if err := d.Stop(t.Context(), s); err != nil {
			t.Error(err)
		}
		if err := <-drained; err != nil || s.State() != Stopped || time.Since(began) > d.Grace {
			t.Errorf("drain gave %v, site %s after %s", err, s.State(), time.Since(began))
		}
		if !slices.Equal(d.finished, []string{"drain", "stop"}) {
			t.Errorf("finished %v", d.finished)
		}
	})
}

func TestPageKeepsAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := newFakeDoor(), secure("shop", on(two))
		s.StoppedPage = true
		for range 2 {
			if err := d.Hold(s); err != nil {
				t.Fatal(err)
			}
		}
		d.expect(t, s, Stopped, 1, "")
		if err := d.Start(s); err != nil {
			t.Fatal(err)
		}
		d.expect(t, s, Serving, 1, "serving")
		if err := d.Stop(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		d.expect(t, s, Stopped, 1, "draining stopped")
		d.Shut(s)
		d.expect(t, s, Stopped, 0, "")
		other := secure("other", on(two))
		if err := d.Hold(other); err != nil || d.opened() != 0 {
			t.Errorf("a site without a page holds its address: %v", err)
		}
	})
}

func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		d, s := newFakeDoor(), secure("shop", on(two), on(three), on(six))
		d.taken[three] = true
		err := d.Start(s)
		if err == nil || err.Error() != "start site shop: bind 127.0.0.3:443: held by nginx" || s.Reason() != "bind 127.0.0.3:443: held by nginx" {
			t.Errorf("start gave %v, reason %q", err, s.Reason())
		}
		d.expect(t, s, Failed, 0, "failed")
		if err := d.Stop(ctx, s); err != nil {
			t.Error(err)
		}
		d.expect(t, s, Stopped, 0, "stopped")
		if s.Reason() != "" {
			t.Errorf("a stopped site has the reason %q", s.Reason())
		}
		_ = d.Start(s)
		d.taken[three] = false
		if err := d.Start(s); err != nil {
			t.Error(err)
		}
		d.expect(t, s, Serving, 3, "failed serving")
		d.Shut(s)

		s.StoppedPage = true
		d.taken[six] = true
		if err := d.Hold(s); err == nil || err.Error() != "hold addresses of site shop: bind [::1]:443: held by nginx" {
			t.Errorf("hold gave %v", err)
		}
		d.expect(t, s, Failed, 0, "failed")
	})
}

func TestFaultySiteStaysFailed(t *testing.T) {
	plain := &Site{Name: "plain", Bindings: []Binding{{Addr: two, Plain: true}}, StoppedPage: true}
	plain.Fail("sites.plain: a fault")
	bare := &Site{Name: "bare", Bindings: []Binding{on(two)}}
	bare.Fail("read certificate: no such file")
	for _, s := range []*Site{plain, bare} {
		d := newFakeDoor()
		for name, err := range map[string]error{
			"start": d.Start(s), "stop": d.Stop(t.Context(), s), "drain": d.Drain(t.Context(), s),
		} {
			if err == nil || !strings.HasSuffix(err.Error(), s.Name+": "+s.Reason()) {
				t.Errorf("%s %s gave %v", name, s.Name, err)
			}
		}
		if err := d.Hold(s); err != nil {
			t.Error(err)
		}
		d.Shut(s)
		d.expect(t, s, Failed, 0, "")
	}
	d := newFakeDoor()
	bare = &Site{Name: "bare", Bindings: []Binding{on(two)}}
	if err := d.Start(bare); err == nil || err.Error() != "start site bare: it has no certificate" {
		t.Errorf("start gave %v", err)
	}
}

// Whatever is asked at once, in the end the listeners are those of the state.
func TestStorm(t *testing.T) {
	d := newFakeDoor()
	d.Grace = time.Millisecond
	sites := []*Site{secure("a", on(two), on(three)), secure("b", on(two)), secure("c", on(two), on(six))}
	sites[2].StoppedPage = true
	tab := table(sites...)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for range 100 {
				s := sites[rand.IntN(len(sites))]
				switch rand.IntN(4) {
				case 0:
					_ = d.Stop(t.Context(), s)
				case 1:
					_ = d.Drain(t.Context(), s)
				default:
					_ = d.Start(s)
				}
				tab.Choose(two, "x.test")
			}
		})
	}
	all.Wait()
	want := 0
	for _, s := range sites {
		if s.State() == Serving || s.StoppedPage && d.opened() > 0 && len(s.refs) > 0 {
			want += len(s.Bindings)
		}
	}
	if d.opened() != want {
		t.Errorf("%d listeners are open, want %d", d.opened(), want)
	}
	for _, s := range sites {
		if err := d.Stop(t.Context(), s); err != nil {
			t.Error(err)
		}
		d.Shut(s)
	}
	if d.opened() != 0 {
		t.Errorf("%d listeners are left", d.opened())
	}
}
