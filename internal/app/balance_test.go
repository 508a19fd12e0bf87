package app_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"fanlight/internal/console"
	"fanlight/internal/flow"
)

// backend is an origin that says its name, and can be killed and revived at the
// same address.
type backend struct {
	t      testing.TB
	name   string
	addr   string
	asked  atomic.Int64
	status atomic.Int32           // 0: 200
	sick   atomic.Bool            // /health says 500
	fails  atomic.Pointer[string] // reset or silence, instead of an answer
	hold   chan struct{}          // not nil: responses to /hold wait for it
	holds  atomic.Int32

	mu     sync.Mutex
	server *http.Server
}

func startBackend(t testing.TB, name string) *backend {
	t.Helper()
	b := &backend{t: t, name: name, addr: "127.0.0.1:0", hold: make(chan struct{})}
	b.revive()
	t.Cleanup(b.kill)
	return b
}

func (b *backend) revive() {
	b.t.Helper()
	l, err := net.Listen("tcp", b.addr)
	must(b.t, err)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addr = l.Addr().String()
	b.server = &http.Server{Handler: b}
	go b.server.Serve(l)
}

// kill closes the listener and every connection.
func (b *backend) kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.server.Close()
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health" {
		if b.sick.Load() {
			w.WriteHeader(500)
		}
		w.Header().Set("X-Host", r.Host)
		return
	}
	b.asked.Add(1)
	if how := b.fails.Load(); how != nil {
		if *how == "silence" {
			<-r.Context().Done()
		}
		panic(http.ErrAbortHandler)
	}
	if r.URL.Path == "/hold" {
		b.holds.Add(1)
		select {
		case <-b.hold:
		case <-r.Context().Done():
		}
		b.holds.Add(-1)
	}
	if status := b.status.Load(); status != 0 {
		w.WriteHeader(int(status))
	}
	io.WriteString(w, b.name)
}

// fleet starts a door before several backends; route is what is said of the
// route beside its path and origins.
func fleet(t *testing.T, n int, route string) (*door, []*backend) {
	t.Helper()
	var all []*backend
	var to []string
	for i := range n {
		b := startBackend(t, string(rune('a'+i)))
		all = append(all, b)
		to = append(to, "http://"+b.addr)
	}
	text := `
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test"]
    routes:
      - path: /
        to: [` + strings.Join(to, ", ") + "]\n"
	for _, line := range strings.Split(strings.TrimSpace(route), "\n") {
		text += "        " + strings.TrimSpace(line) + "\n"
	}
	return serve(t, text), all
}

// askBalanced gives the status and body of an answer.
func askBalanced(t testing.TB, c *http.Client, method, path string, fields ...string) (int, string) {
	t.Helper()
	status, body, err := tryAsk(c, method, path, fields...)
	must(t, err)
	return status, body
}

func tryAsk(c *http.Client, method, path string, fields ...string) (int, string, error) {
	var send io.Reader
	if method == "POST" {
		send = strings.NewReader("body")
	}
	req, err := http.NewRequest(method, "https://app.test"+path, send)
	if err != nil {
		return 0, "", err
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return res.StatusCode, string(raw), err
}

// countAnswers makes n requests one after the other and counts the answers.
func countAnswers(t testing.TB, c *http.Client, n int, fields ...string) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range n {
		status, body := askBalanced(t, c, "GET", "/", fields...)
		if status != 200 {
			body = fmt.Sprint(status)
		}
		got[body]++
	}
	return got
}

// causeOf is the cause of the newest incident.
func (d *door) causeOf() string {
	d.t.Helper()
	var all []struct{ Cause string }
	must(d.t, d.call(http.MethodGet, "/api/incidents", nil, &all))
	if len(all) == 0 {
		d.t.Fatal("no incident")
	}
	return all[0].Cause
}

// waiting is how many requests wait in queues.
func (d *door) waiting() (n int) {
	d.t.Helper()
	for _, o := range d.origins() {
		n += o.Waiting
	}
	return n
}

func (d *door) origins() (out []console.Origin) {
	d.t.Helper()
	must(d.t, d.call(http.MethodGet, "/api/origins", nil, &out))
	return out
}

// TestOriginDiesUnderLoad kills one of three origins under load and revives it:
// no request of an idempotent method fails, and the one that came back is asked
// again.
func TestOriginDiesUnderLoad(t *testing.T) {
	d, origins := fleet(t, 3, `
		retry: {on: [connect, reset]}
		eject: {failures: 3, for: 300ms, slow_return: 200ms}`)
	ctx, stop := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	var served atomic.Int64
	for range 6 {
		c := d.client("app.test")
		clients.Go(func() {
			defer c.CloseIdleConnections()
			for ctx.Err() == nil {
				status, body, err := tryAsk(c, "GET", "/")
				if err != nil || status != 200 {
					t.Errorf("%d %s %v", status, body, err)
					return
				}
				served.Add(1)
			}
		})
	}
	victim := origins[1]
	pass := func(n int64) {
		t.Helper()
		from := served.Load()
		until(t, "requests", func() bool { return served.Load() > from+n || t.Failed() })
	}
	for range 3 {
		pass(100)
		victim.kill()
		pass(200)
		victim.revive()
		before := victim.asked.Load()
		until(t, "requests at the origin that came back", func() bool { return victim.asked.Load() > before+10 || t.Failed() })
	}
	stop()
	clients.Wait()
	states := ""
	for _, e := range d.ended().Facts {
		if e.Kind == flow.OriginState && strings.HasSuffix(victim.addr, e.Text[len("http://127.0.0.1"):]) {
			states += e.Attr(flow.KeyState) + " "
		}
	}
	says(t, "the states of the origin that died", states, "ejected returning")
	t.Logf("%d requests; the victim was %s", served.Load(), states)
}

// TestHealthChecks has origins that say they are ill: they get nothing, and with
// all of them ill the answer is 503 and says so.
func TestHealthChecks(t *testing.T) {
	d, origins := fleet(t, 2, `
		health: {path: /health, interval: 100ms, rise: 1, fall: 2}`)
	c := d.client("app.test")
	origins[0].sick.Store(true)
	until(t, "the ill one to be left out", func() bool { return countAnswers(t, c, 4)["b"] == 4 })
	origins[1].sick.Store(true)
	until(t, "503", func() bool { status, _ := askBalanced(t, c, "GET", "/"); return status == 503 })
	says(t, "cause", d.causeOf(), "no origin can be used", "is down (health check: /health answered 500, expected 200-399)")
	origins[0].sick.Store(false)
	until(t, "the well one to be asked", func() bool { status, body := askBalanced(t, c, "GET", "/"); return status == 200 && body == "a" })
	c.CloseIdleConnections()
	checks := 0
	for _, conn := range d.ended().Conns {
		if len(conn.Events) > 0 && conn.Self == flow.Client && conn.Parent == 0 {
			checks++
			if len(conn.Exchanges) > 0 && conn.Exchanges[0].Host != "app.test" {
				t.Errorf("a check asked for %q", conn.Exchanges[0].Host)
			}
		}
	}
	if checks < 4 {
		t.Errorf("%d checks in the record", checks)
	}
}

// TestStickyCookie ties a client to an origin, as long as that can be used.
func TestStickyCookie(t *testing.T) {
	d, origins := fleet(t, 2, `
		sticky: at
		eject: {failures: 1, for: 1m}`)
	c := d.client("app.test")
	req, _ := http.NewRequest("GET", "https://app.test/", nil)
	res, err := c.Do(req)
	must(t, err)
	raw, _ := io.ReadAll(res.Body)
	res.Body.Close()
	first := string(raw)
	cookie := res.Header.Get("Set-Cookie")
	says(t, "cookie", cookie, "at=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax")
	if strings.Contains(cookie, "127") {
		t.Errorf("the cookie tells the address: %s", cookie)
	}
	value, _, _ := strings.Cut(cookie, ";")
	if got := countAnswers(t, c, 6, "Cookie", "x=y; "+value); got[first] != 6 {
		t.Errorf("tied to %s, came to %v", first, got)
	}
	if got := countAnswers(t, c, 6, "Cookie", "at=forged"); got["a"] != 3 || got["b"] != 3 {
		t.Errorf("a forged cookie leads to %v", got)
	}
	origins[first[0]-'a'].kill()
	if got := countAnswers(t, c, 4, "Cookie", value); got[first] != 0 || got["a"]+got["b"] != 4 {
		t.Errorf("tied to one that is gone, came to %v", got)
	}
}

// TestOriginsAreSwitchedOff drains and disables origins while the door runs; it
// is kept over a reload and a restart, until they are enabled again.
func TestOriginsAreSwitchedOff(t *testing.T) {
	d, origins := fleet(t, 2, `sticky: at`)
	c := d.client("app.test")
	set := func(action string, b *backend) {
		t.Helper()
		must(t, d.call(http.MethodPost, "/api/origins/"+action, map[string]string{"origin": b.addr}, nil))
	}
	req, _ := http.NewRequest("GET", "https://app.test/", nil)
	res, err := c.Do(req)
	must(t, err)
	raw, _ := io.ReadAll(res.Body)
	res.Body.Close()
	tied, other := origins[raw[0]-'a'], origins['b'-raw[0]]
	value, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
	set("drain", tied)
	if got := countAnswers(t, c, 4); got[other.name] != 4 {
		t.Errorf("new clients of a draining origin came to %v", got)
	}
	if got := countAnswers(t, c, 4, "Cookie", value); got[tied.name] != 4 {
		t.Errorf("a tied client of a draining origin came to %v", got)
	}
	set("disable", tied)
	if got := countAnswers(t, c, 4, "Cookie", value); got[other.name] != 4 {
		t.Errorf("a tied client of a disabled origin came to %v", got)
	}
	must(t, d.call(http.MethodPost, "/api/reload", nil, nil))
	if got := countAnswers(t, c, 4); got[other.name] != 4 {
		t.Errorf("after a reload: %v", got)
	}
	c.CloseIdleConnections()
	d.shut()
	must(t, d.start())
	if got := countAnswers(t, c, 4); got[other.name] != 4 {
		t.Errorf("after a restart: %v", got)
	}
	for _, o := range d.origins() {
		if (o.State == "disabled") != (o.Origin == "http://"+tied.addr) || o.Differs != (o.State == "disabled") {
			t.Errorf("shown as %+v", o)
		}
	}
	set("enable", tied)
	if got := countAnswers(t, c, 4, "Cookie", value); got[tied.name] != 4 {
		t.Errorf("enabled again, with the cookie of before: %v", got)
	}
	if err := d.call(http.MethodPost, "/api/origins/drain", map[string]string{"origin": "10.9.9.9"}, nil); err == nil || !strings.Contains(err.Error(), "is not known (origins are: ") {
		t.Errorf("an unknown origin: %v", err)
	}
}

func TestHashOfHeader(t *testing.T) {
	d, _ := fleet(t, 3, `balance: hash header X-User`)
	c := d.client("app.test")
	met := map[string]bool{}
	for i := range 20 {
		got := countAnswers(t, c, 3, "X-User", fmt.Sprint("user", i))
		if len(got) != 1 {
			t.Errorf("user%d came to %v", i, got)
		}
		for name := range got {
			met[name] = true
		}
	}
	if len(met) != 3 {
		t.Errorf("all users came to %v", met)
	}
}

// TestRetryOfStatus asks another origin after a 503, and tells it in the record;
// POST goes to one only, and the budget ends it.
func TestRetryOfStatus(t *testing.T) {
	d, origins := fleet(t, 2, `
		retry: {on: [503]}
		eject: off`)
	c := d.client("app.test")
	origins[0].status.Store(503)
	if got := countAnswers(t, c, 6); got["b"] != 6 {
		t.Errorf("got %v", got)
	}
	refused := 0
	for range 4 {
		if status, _ := askBalanced(t, c, "POST", "/"); status == 503 {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d of 4 POSTs came to the one that says 503", refused)
	}
	origins[1].status.Store(503)
	for range 20 {
		askBalanced(t, c, "GET", "/")
	}
	c.CloseIdleConnections()
	retries, spent := 0, false
	for _, conn := range d.ended().Conns {
		for _, e := range conn.Events {
			if e.Kind == flow.Retry {
				retries++
				says(t, "retry", e.Text, "it answered 503")
			}
			spent = spent || e.Kind == flow.Decision && strings.Contains(e.Text, "the retry budget of 20 % of the requests is used up")
		}
	}
	if retries < 10 || retries > 13 || !spent {
		t.Errorf("%d further tries; budget named: %v", retries, spent)
	}
}

// TestQueues has an origin that takes one request at a time: the next one waits,
// the one after that is refused.
func TestQueues(t *testing.T) {
	d, origins := fleet(t, 1, `pool: {connections: 1, queue: 1, queue_timeout: 2s}`)
	done := make(chan int, 2)
	hold := func() {
		c := d.client("app.test")
		go func() { status, _, _ := tryAsk(c, "GET", "/hold"); done <- status }()
	}
	hold()
	until(t, "the first to be with the origin", func() bool { return origins[0].holds.Load() == 1 })
	hold()
	until(t, "the second to wait", func() bool { return d.waiting() == 1 })
	if status, _ := askBalanced(t, d.client("app.test"), "GET", "/"); status != 503 {
		t.Errorf("status %d", status)
	}
	says(t, "cause", d.causeOf(), "queue of http://"+origins[0].addr+" is full: 1 wait and 1 are under way")
	if status := <-done; status != 503 {
		t.Errorf("the one that waited got %d", status)
	}
	says(t, "cause", d.causeOf(), "waited 2s in the queue of http://"+origins[0].addr)
	close(origins[0].hold)
	if status := <-done; status != 200 {
		t.Errorf("the first got %d", status)
	}
	if got := countAnswers(t, d.client("app.test"), 3); got["a"] != 3 {
		t.Errorf("afterwards: %v", got)
	}
	if origins[0].asked.Load() != 4 {
		t.Errorf("the origin was asked %d times", origins[0].asked.Load())
	}
}
