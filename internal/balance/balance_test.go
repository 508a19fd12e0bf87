package balance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/origin"
)

func member(name string, weight int, backup bool) *Member {
	return &Member{Origin: origin.New(origin.Options{Name: name, Host: name, Port: 443}), Weight: weight, Backup: backup}
}

// told keeps what a group says.
type told struct {
	mu    sync.Mutex
	lines []string
}

func (s *told) changed(c Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, strings.TrimSpace(fmt.Sprintf("%s %s -> %s %s", c.Member.Origin.Name, c.Before, c.After, c.Reason)))
}

func (s *told) since() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := strings.Join(s.lines, "\n")
	s.lines = nil
	return out
}

// turns gives who n exchanges go to, first letters.
func turns(g *Group, n int) string {
	var b strings.Builder
	for range n {
		m := g.Pick(&Want{})
		if m == nil {
			b.WriteByte('-')
			continue
		}
		b.WriteString(m.Origin.Name[:1])
	}
	return b.String()
}

func TestTurns(t *testing.T) {
	for _, test := range []struct {
		name    string
		members []*Member
		want    string
	}{
		{"one", []*Member{member("a", 1, false)}, "aaaa"},
		{"equal", []*Member{member("a", 1, false), member("b", 1, false)}, "abababab"},
		{"weights are spread", []*Member{member("a", 5, false), member("b", 1, false), member("c", 1, false)}, "aabacaaaabacaa"},
		{"same ratio, few turns", []*Member{member("a", 100, false), member("b", 50, false)}, "abaaba"},
		{"backups wait", []*Member{member("a", 1, false), member("b", 1, true)}, "aaaa"},
		{"only backups", []*Member{member("a", 1, true), member("b", 1, true)}, "abab"},
	} {
		if got := turns(New(Options{}, test.members...), len(test.want)); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func TestDuty(t *testing.T) {
	s := &told{}
	g := New(Options{Changed: s.changed}, member("a", 1, false), member("b", 1, false), member("c", 1, true))
	g.Members[0].Tag = "tag"
	g.Members[0].SetDuty(Draining)
	if got := turns(g, 4); got != "bbbb" {
		t.Errorf("with a draining: %s", got)
	}
	if g.Stuck([]byte("tag")) != g.Members[0] {
		t.Error("a tied client does not come to a draining origin")
	}
	g.Members[1].SetDuty(Disabled)
	if got := turns(g, 4); got != "cccc" {
		t.Errorf("with a draining and b disabled: %s", got)
	}
	g.Members[0].SetDuty(Disabled)
	g.Members[2].SetDuty(Disabled)
	if got := turns(g, 2); got != "--" || g.Stuck([]byte("tag")) != nil {
		t.Errorf("with all disabled: %s", got)
	}
	if got, want := g.WhyNone(), "a is disabled, b is disabled, c is disabled"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	g.Members[0].SetDuty(Enabled)
	want := "a serving -> draining\nb serving -> disabled\na draining -> disabled\nc serving -> disabled\na disabled -> serving"
	if got := s.since(); got != want {
		t.Errorf("told:\n%s\nwant:\n%s", got, want)
	}
}

func TestOthersAfterTried(t *testing.T) {
	g := New(Options{}, member("a", 1, false), member("b", 1, false), member("c", 1, true))
	var w Want
	var order string
	for m := g.Pick(&w); m != nil; m = g.Pick(&w) {
		w.Try(m)
		order += m.Origin.Name
	}
	if order != "abc" || w.Tries() != 3 {
		t.Errorf("tried %s", order)
	}
}

func TestLeastConnections(t *testing.T) {
	g := New(Options{Method: LeastConnections}, member("a", 1, false), member("b", 2, false))
	for range 30 {
		if m := g.Pick(&Want{}); !m.Enter() {
			t.Fatal("has to wait")
		}
	}
	if a, b := g.Members[0].gate.active.Load(), g.Members[1].gate.active.Load(); a != 10 || b != 20 {
		t.Errorf("a has %d, b %d", a, b)
	}
	for range 5 {
		g.Members[0].Leave()
	}
	for range 5 {
		if m := g.Pick(&Want{}); m != g.Members[0] {
			t.Fatal("the one with fewer exchanges is not taken")
		} else {
			m.Enter()
		}
	}
}

// TestHashMovesFew takes one of four origins away: its keys move, no others do.
func TestHashMovesFew(t *testing.T) {
	g := New(Options{Method: Hash}, member("a", 1, false), member("b", 1, false), member("c", 1, false), member("d", 2, false))
	const keys = 10000
	at := func(i int) *Member { return g.Pick(&Want{Key: HashKey(fmt.Sprint("client", i)), Keyed: true}) }
	before := map[int]*Member{}
	counts := map[string]int{}
	for i := range keys {
		before[i] = at(i)
		counts[before[i].Origin.Name]++
	}
	for name, want := range map[string]int{"a": keys / 5, "b": keys / 5, "c": keys / 5, "d": 2 * keys / 5} {
		if n := counts[name]; n < want*9/10 || n > want*11/10 {
			t.Errorf("%s has %d keys, want about %d", name, n, want)
		}
	}
	g.Members[1].SetDuty(Draining)
	for i := range keys {
		if now := at(i); before[i] != g.Members[1] && now != before[i] {
			t.Fatalf("key %d moved from %s to %s", i, before[i].Origin.Name, now.Origin.Name)
		}
	}
}

func TestPickAllocatesNothing(t *testing.T) {
	for _, method := range []Method{RoundRobin, LeastConnections, Hash} {
		g := New(Options{Method: method}, member("a", 1, false), member("b", 1, false))
		if n := testing.AllocsPerRun(100, func() {
			w := Want{Key: 7, Keyed: true}
			m := g.Pick(&w)
			m.Enter()
			m.Succeeded()
			m.Leave()
		}); n != 0 {
			t.Errorf("method %d: %v allocations", method, n)
		}
	}
}

func TestEjection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &told{}
		g := New(Options{Changed: s.changed, Eject: Eject{Failures: 3, Window: 10 * time.Second, For: 10 * time.Second, SlowReturn: 10 * time.Second}},
			member("a", 1, false), member("b", 1, false))
		a, b := g.Members[0], g.Members[1]
		fail := func(m *Member, n int) {
			for range n {
				m.Failed("status 502")
			}
		}
		pass := func(d time.Duration) { time.Sleep(d); g.Sweep(time.Now()) }

		fail(a, 2)
		a.Succeeded()
		fail(a, 2)
		pass(11 * time.Second)
		fail(a, 1) // the two before are out of the window
		if a.Standing() != Serving {
			t.Fatal("ejected for failures that are not in a row")
		}
		fail(a, 2)
		if got := s.since(); got != "a serving -> ejected failed 3 times in a row, the last time: status 502" {
			t.Fatalf("told %q", got)
		}
		if got := turns(g, 4); got != "bbbb" {
			t.Errorf("with a ejected: %s", got)
		}
		fail(b, 3)
		if got := s.since(); !strings.HasSuffix(got, "it is not left out, because no other origin can be used") || b.Standing() != Serving {
			t.Errorf("the last one: %s, told %q", b.Standing(), got)
		}
		pass(9 * time.Second)
		if a.Standing() != Ejected {
			t.Error("back too early")
		}
		pass(1 * time.Second)
		if got := turns(g, 22); strings.Count(got, "a") != 2 {
			t.Errorf("a tenth of its share at first: %s", got)
		}
		pass(5 * time.Second)
		if got := turns(g, 30); strings.Count(got, "a") != 10 {
			t.Errorf("half of its share: %s", got)
		}
		fail(a, 3)
		pass(19 * time.Second)
		if a.Standing() != Ejected {
			t.Error("the second time is not longer")
		}
		pass(time.Second)
		pass(20 * time.Second) // back for as long as it was out
		if a.Standing() != Serving {
			t.Errorf("it is %s", a.Standing())
		}
		fail(a, 3)
		pass(10 * time.Second)
		if a.Standing() != Returning {
			t.Error("the third time counts from the beginning: it was well in between")
		}
	})
}

// TestPanic has all that are not ejected go: better one that failed than none.
// An origin that was back for long is left out as shortly as the first time, by
// whatever way it came back.
func TestEjectionIsForgotten(t *testing.T) {
	o := Options{Eject: Eject{Failures: 1, For: 10 * time.Second}}
	for name, back := range map[string]func(*Member) *Member{
		"after its time": func(m *Member) *Member { return m },
		"by its check": func(m *Member) *Member {
			m.group.mu.Lock()
			defer m.group.mu.Unlock()
			m.heard(errors.New("refused"), time.Now())
			m.inRow = m.group.Health.Rise
			m.heard(nil, time.Now())
			return m
		},
		"over a reload": func(m *Member) *Member {
			time.Sleep(10 * time.Second)
			m.group.Sweep(time.Now())
			next := member("a", 1, false)
			New(o, next, member("b", 1, false))
			next.Inherit(m)
			return next
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := member("a", 1, false)
				New(o, m, member("b", 1, false))
				m.Failed("reset")
				m = back(m)
				for range 2 {
					time.Sleep(time.Hour)
					m.group.Sweep(time.Now())
				}
				m.Failed("reset")
				if out := time.Until(m.Status().Until); out != 10*time.Second {
					t.Errorf("left out for %s two hours later, want 10s", out)
				}
			})
		})
	}
}

// Clients that are tied to an origin stay there while it drains, but not once it
// has gone.
func TestTiesWhileDraining(t *testing.T) {
	a, b := member("a", 1, false), member("b", 1, false)
	a.Tag = "A"
	g := New(Options{Eject: Eject{Failures: 1, For: time.Minute}}, a, b)
	a.SetDuty(Draining)
	stays := func(when string, want bool) {
		t.Helper()
		if got := g.Stuck([]byte("A")) == a; got != want || a.Standing() != DrainingOf {
			t.Errorf("%s: a tied client goes there: %v, want %v; it is %s", when, got, want, a.Standing())
		}
	}
	stays("while it works", true)
	g.mu.Lock()
	a.heard(errors.New("refused"), time.Now())
	g.mu.Unlock()
	stays("when its check fails", false)
	g.mu.Lock()
	a.inRow = g.Health.Rise
	a.heard(nil, time.Now())
	g.mu.Unlock()
	stays("when it is up again", true)
	a.Failed("reset")
	stays("when exchanges fail", false)
	g.Sweep(time.Now().Add(2 * time.Minute))
	stays("after its time", true)
}

// A group that was replaced says nothing of origins that are another's by now.
func TestRetiredGroupIsSilent(t *testing.T) {
	var s told
	a, b := member("a", 1, false), member("b", 1, false)
	g := New(Options{Changed: s.changed, Eject: Eject{Failures: 1, For: time.Second}}, a, b)
	g.Retire(func(*origin.Origin) bool { return true })
	a.Failed("reset")
	if said := s.since(); said != "" {
		t.Errorf("it said: %s", said)
	}
}

func TestPanic(t *testing.T) {
	g := New(Options{Eject: Eject{Failures: 1, For: time.Minute}}, member("a", 1, false), member("b", 1, false))
	g.Members[0].Failed("connection refused")
	if got := turns(g, 2); got != "bb" {
		t.Errorf("with a ejected: %s", got)
	}
	g.Members[1].SetDuty(Disabled)
	if got := turns(g, 2); got != "aa" {
		t.Errorf("with b disabled too: %s", got)
	}
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &told{}
		ill := map[string]error{}
		var mu sync.Mutex
		set := func(name string, err error) { mu.Lock(); defer mu.Unlock(); ill[name] = err }
		g := New(Options{Changed: s.changed, Health: Health{Interval: 5 * time.Second, Timeout: time.Second, Rise: 2, Fall: 3,
			Slots: make(chan struct{}, 1), Check: func(_ context.Context, o *origin.Origin) error {
				mu.Lock()
				defer mu.Unlock()
				return ill[o.Name]
			}}}, member("a", 1, false), member("b", 1, false))
		defer g.Close()
		set("b", errors.New("status 500"))
		round := func() {
			for range 20 {
				g.Sweep(time.Now())
				synctest.Wait()
				time.Sleep(250 * time.Millisecond)
			}
		}
		round() // the first check of all decides alone
		if got := s.since(); got != "b serving -> down health check: status 500" {
			t.Errorf("told %q", got)
		}
		set("a", errors.New("no answer"))
		set("b", nil)
		round()
		if got := turns(g, 2); got != "aa" {
			t.Errorf("after one check each that says the other: %s", got)
		}
		round()
		if got := s.since(); got != "b down -> serving" {
			t.Errorf("told %q", got)
		}
		round()
		if got := s.since(); got != "a serving -> down health check: no answer" {
			t.Errorf("told %q", got)
		}
		set("b", errors.New("gone"))
		round()
		round()
		round()
		if got := turns(g, 2); got != "--" {
			t.Errorf("with all down: %s", got)
		}
		if got := g.WhyNone(); got != "a is down (health check: no answer), b is down (health check: gone)" {
			t.Errorf("why: %s", got)
		}
	})
}

func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := member("a", 1, false)
		m.Limits = Limits{Exchanges: 2, Queue: 3, Wait: 5 * time.Second}
		New(Options{}, m)
		first, second, third := m.Enter(), m.Enter(), m.Enter()
		if !first || !second || third {
			t.Fatal("two at a time")
		}
		var mu sync.Mutex
		var order []string
		note := func(text string) { mu.Lock(); defer mu.Unlock(); order = append(order, text) }
		wait := func(name string, ctx context.Context) {
			go func() {
				err := m.Wait(ctx)
				note(fmt.Sprintf("%s: %v", name, err))
			}()
			synctest.Wait()
		}
		leaving, leave := context.WithCancel(context.Background())
		wait("first", context.Background())
		wait("second", leaving)
		wait("third", context.Background())
		if err := m.Wait(context.Background()); err == nil || err.Error() != "queue of a is full: 3 wait and 2 are under way" {
			t.Errorf("the fourth: %v", err)
		}
		leave()
		synctest.Wait()
		m.Leave()
		synctest.Wait()
		time.Sleep(6 * time.Second)
		want := "second: context canceled|first: <nil>|third: waited 5s in the queue of a: 2 exchanges were under way there all the time, as many as it may have"
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if got := strings.Join(order, "|"); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
		m.Leave()
		m.Leave()
		if n, q := m.gate.active.Load(), m.gate.queued.Load(); n != 0 || q != 0 {
			t.Errorf("%d under way and %d waiting at the end", n, q)
		}
	})
}

// TestQueueUnderLoad has many come and go: never more than the limit are in, and
// all get in.
// A limit holds over a change of the configuration: exchanges that are under way
// count, and let in who waits in the new queue.
func TestLimitOverReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := Limits{Exchanges: 1, Queue: 1, Wait: time.Minute}
		before, after := member("a", 1, false), member("a", 1, false)
		before.Limits, after.Limits = limits, limits
		New(Options{}, before)
		New(Options{}, after)
		if !before.Enter() {
			t.Fatal("the first one has to wait")
		}
		after.Inherit(before)
		if after.Enter() {
			t.Fatal("two are under way, and one may be")
		}
		entered := make(chan error)
		go func() { entered <- after.Wait(t.Context()) }()
		synctest.Wait()
		before.Leave()
		if err := <-entered; err != nil {
			t.Error(err)
		}
		after.Leave()
		if s := after.Status(); s.Active != 0 || s.Waiting != 0 {
			t.Errorf("%d are under way and %d wait", s.Active, s.Waiting)
		}
	})
}

// An origin that turns out to take many exchanges on a connection has no limit
// any more for one that was about to wait.
func TestLimitGoes(t *testing.T) {
	m := member("a", 1, false)
	New(Options{}, m)
	if err := m.Wait(t.Context()); err != nil {
		t.Errorf("refused by no limit: %v", err)
	}
	if n := m.Status().Active; n != 1 {
		t.Errorf("%d are under way, want 1", n)
	}
}

func TestQueueUnderLoad(t *testing.T) {
	m := member("a", 1, false)
	m.Limits = Limits{Exchanges: 3, Queue: 100, Wait: time.Minute}
	New(Options{}, m)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 200 {
				if !m.Enter() {
					if err := m.Wait(context.Background()); err != nil {
						t.Error(err)
						return
					}
				}
				if n := m.gate.active.Load(); n > 3 {
					t.Errorf("%d at a time", n)
				}
				m.Leave()
			}
		})
	}
	wg.Wait()
	if n, q := m.gate.active.Load(), m.gate.queued.Load(); n != 0 || q != 0 {
		t.Errorf("%d under way and %d waiting at the end", n, q)
	}
}

func TestFullOnesArePassedOver(t *testing.T) {
	a, b := member("a", 1, false), member("b", 1, false)
	a.Limits, b.Limits = Limits{Exchanges: 1, Queue: 5, Wait: time.Second}, Limits{Exchanges: 3, Queue: 5, Wait: time.Second}
	g := New(Options{}, a, b)
	a.Enter()
	if got := turns(g, 3); got != "bbb" {
		t.Errorf("with a full: %s", got)
	}
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Options{Retry: Retry{Budget: 20}}, member("a", 1, false))
		m := g.Members[0]
		serve := func(n int) {
			for range n {
				m.Enter()
				m.Leave()
			}
		}
		allowed := func() (n int) {
			for g.Allow() {
				n++
			}
			return n
		}
		if n := allowed(); n != budgetLeast {
			t.Errorf("%d tries without exchanges", n)
		}
		serve(1000)
		if n := allowed(); n != 200-budgetLeast {
			t.Errorf("%d further tries for 1000 exchanges", n)
		}
		time.Sleep(11 * time.Second)
		if n := allowed(); n < 170 || n > 200 {
			t.Errorf("%d tries in the window after 1000 exchanges", n)
		}
		time.Sleep(time.Minute)
		if n := allowed(); n != budgetLeast {
			t.Errorf("%d tries after a quiet minute", n)
		}
	})
}
