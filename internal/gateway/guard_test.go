package gateway

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

func blocks(list ...string) *Addresses {
	var out []netip.Prefix
	for _, text := range list {
		out = append(out, netip.MustParsePrefix(text))
	}
	return NewAddresses(out)
}

func TestAddresses(t *testing.T) {
	set := blocks("10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "::/128")
	for addr, want := range map[string]string{
		"10.9.9.9": "10.0.0.0/8", "192.0.2.1": "192.0.2.1/32", "2001:db8::7": "2001:db8::/32", "192.0.2.2": "", "11.0.0.0": "", "::1": "", "::": "::/128", "0.0.0.0": "",
	} {
		block, found := set.find(netip.MustParseAddr(addr))
		if found != (want != "") || found && block.String() != want {
			t.Errorf("%s: %s %v, want %q", addr, block, found, want)
		}
	}
	if _, found := (*Addresses)(nil).find(netip.MustParseAddr("::1")); found {
		t.Error("no set holds an address")
	}
}

func TestClientAddress(t *testing.T) {
	g := &Gateway{Options: Options{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10")}}}
	for _, test := range []struct {
		peer  string
		lines []string
		want  string
	}{
		{"127.0.0.1:1", nil, "127.0.0.1"},
		{"127.0.0.1:1", []string{"X-Forwarded-For: 192.0.2.9"}, "192.0.2.9"},
		{"127.0.0.1:1", []string{"X-Forwarded-For: 6.6.6.6, 192.0.2.9 , 10.1.1.1"}, "192.0.2.9"},
		{"127.0.0.1:1", []string{"X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 192.0.2.9,10.1.1.1"}, "192.0.2.9"},
		{"127.0.0.1:1", []string{"X-Forwarded-For: 192.0.2.9:4711"}, "192.0.2.9"},
		{"127.0.0.1:1", []string{"X-Forwarded-For: [2001:db8::9]:4711"}, "2001:db8::9"},
		{"127.0.0.1:1", []string{"X-Forwarded-For: ::ffff:192.0.2.9"}, "192.0.2.9"},
		{"127.0.0.1:1", []string{"X-Forwarded-For: 192.0.2.9, unknown"}, "127.0.0.1"},
		{"127.0.0.1:1", []string{"X-Forwarded-For: 192.0.2.9, unknown, 10.1.1.1"}, "10.1.1.1"},
		{"127.0.0.1:1", []string{"X-Forwarded-For: 10.1.1.1, 10.1.1.2"}, "10.1.1.1"},
		{"127.0.0.1:1", []string{"X-Forwarded-For:"}, "127.0.0.1"},
		{"192.0.2.1:1", []string{"X-Forwarded-For: 192.0.2.9"}, "192.0.2.1"},
		{"[fe80::1%eth0]:1", []string{"X-Forwarded-For: 192.0.2.9"}, "192.0.2.9"},
		{"[::ffff:192.0.2.1]:1", nil, "192.0.2.1"},
	} {
		s := &session{g: g, remote: netip.MustParseAddrPort(test.peer)}
		s.trusted = g.trusts(s.remote.Addr())
		if got := s.clientOf(requested(t, "GET", "/", append([]string{"Host: a"}, test.lines...)...)); got.String() != test.want {
			t.Errorf("%s %q: %s, want %s", test.peer, test.lines, got, test.want)
		}
	}
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &RateLimit{Requests: 10, Per: time.Second, Burst: 3}
		key := l.key(netip.MustParseAddr("192.0.2.1"), nil)
		other := l.key(netip.MustParseAddr("192.0.2.2"), nil)
		spend := func(key uint64, want time.Duration) {
			t.Helper()
			if got := l.spend(key, time.Now()); got != want {
				t.Fatalf("wait %s, want %s", got, want)
			}
		}
		for range 3 {
			spend(key, 0)
		}
		spend(key, 100*time.Millisecond)
		spend(key, 100*time.Millisecond) // what is refused costs nothing
		spend(other, 0)
		time.Sleep(100 * time.Millisecond)
		spend(key, 0)
		spend(key, 100*time.Millisecond)
		time.Sleep(time.Second)
		for range 3 {
			spend(key, 0)
		}
		spend(key, 100*time.Millisecond)
		passed := 0
		for range 10_000 { // ten seconds of a thousand a second
			time.Sleep(time.Millisecond)
			if l.spend(key, time.Now()) == 0 {
				passed++
			}
		}
		if passed < 99 || passed > 101 {
			t.Errorf("%d of 10,000 passed, want 100", passed)
		}
	})
}

// A burst that takes longer to be paid off than a duration can say is a burst.
func TestRateLimitOfYears(t *testing.T) {
	l := &RateLimit{Requests: 1, Per: 24 * 365 * time.Hour, Burst: 1000}
	key := l.key(netip.MustParseAddr("192.0.2.1"), nil)
	passed := 0
	for range 200 {
		if l.spend(key, time.Now()) == 0 {
			passed++
		}
	}
	if passed != 100 {
		t.Errorf("%d of 200 passed at once, want the 100 of a hundred years", passed)
	}
}

func TestRateLimitKeys(t *testing.T) {
	l := &RateLimit{Requests: 1, Per: time.Second}
	key := func(a string) uint64 { return l.key(netip.MustParseAddr(a), nil) }
	if key("2001:db8::1") != key("2001:db8::ffff:1") || key("2001:db8::1") == key("2001:db8:0:1::1") || key("192.0.2.1") == key("192.0.2.2") {
		t.Error("a client is an address, of IPv6 its /64")
	}
	for i := range uint64(5 * maxKeys) {
		l.spend(i, l.epoch.Add(time.Millisecond))
	}
	if n := len(l.current) + len(l.before); n > 2*maxKeys {
		t.Errorf("%d keys are kept", n)
	}
	l.spend(1, l.epoch.Add(time.Hour))
	l.spend(2, l.epoch.Add(2*time.Hour))
	if n := len(l.current) + len(l.before); n > 2 {
		t.Errorf("%d keys are kept that nothing is owed by", n)
	}
}

// guarded starts a door before an origin that answers with 404 and a page.
func guarded(t *testing.T, change func(*Site)) *door {
	const answer = "HTTP/1.1 404 Gone Fishing\r\nX-Origin: 1\r\nSet-Cookie: a=b\r\nRetry-After: 7\r\nContent-Length: 6\r\n\r\norigin"
	peer := testnet.Raw{Responses: []string{answer, answer}, Open: true}.Start(t)
	d := newDoor(t)
	s := &Site{Name: "app", Routes: make([]Route, 2)}
	s.Routes[0].Prefix, s.Routes[0].Reply = "/here", &Reply{Status: 200, Body: NewText("here")}
	s.Routes[1].Prefix, s.Routes[1].Origins = "/", balance.Of(d.to(peer, nil))
	change(s)
	d.site(s, "app.test")
	return d
}

func TestGuards(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Site)
		send   string // what one connection asks
		status []int
		by     string
		cause  string
	}{
		{"denied by the site", func(s *Site) { s.Guard.Deny = blocks("127.0.0.0/8") }, "GET /here", []int{403}, "access",
			"address 127.0.0.1 is denied (127.0.0.0/8) by site app"},
		{"not allowed by the route", func(s *Site) { s.Routes[0].Guard.Allow = blocks("192.0.2.0/24") }, "GET /here|GET /x", []int{403, 404}, "access",
			"address 127.0.0.1 is not among those allowed by route 1 of site app"},
		{"denied though allowed", func(s *Site) { s.Guard.Allow, s.Guard.Deny = blocks("127.0.0.0/8"), blocks("127.0.0.1/32") }, "GET /here", []int{403}, "access",
			"address 127.0.0.1 is denied (127.0.0.1/32) by site app"},
		{"too often", func(s *Site) { s.Guard.Rate = &RateLimit{Requests: 2, Per: time.Hour} }, "GET /here|GET /x|GET /here", []int{200, 404, 429}, "rate-limit",
			"rate limit of site app: more than 2 requests per 1h from address 127.0.0.1"},
		{"too often, the route", func(s *Site) { s.Routes[0].Guard.Rate = &RateLimit{Requests: 1, Per: time.Minute, Whole: true} },
			"GET /here|GET /x|GET /here", []int{200, 404, 429}, "rate-limit", "rate limit of route 1 of site app: more than 1 request per 1m from everybody together"},
		{"too often, by a field", func(s *Site) { s.Guard.Rate = &RateLimit{Requests: 1, Per: time.Minute, Header: "X-Api-Key"} },
			"GET /here\r\nX-Api-Key: secret|GET /here\r\nX-Api-Key: other|GET /here|GET /here\r\nX-Api-Key: secret", []int{200, 200, 200, 429}, "rate-limit",
			"rate limit of site app: more than 1 request per 1m from one value of X-Api-Key"},
		{"too often, by a field that is there twice", func(s *Site) { s.Guard.Rate = &RateLimit{Requests: 1, Per: time.Minute, Header: "X-Api-Key"} },
			"GET /here\r\nX-Api-Key: 1\r\nX-Api-Key: secret|GET /here\r\nX-Api-Key: 2\r\nX-Api-Key: secret", []int{200, 429}, "rate-limit",
			"rate limit of site app: more than 1 request per 1m from address 127.0.0.1"},
		{"too long", func(s *Site) { s.BodyBytes = 3 }, "POST /here\r\nContent-Length: 4", []int{413}, "body-bytes",
			"request body of 4 bytes is longer than the 3 of route 1 of site app"},
		{"too long in chunks", func(s *Site) { s.Routes[1].BodyBytes = 3 }, "POST /x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n", []int{413}, "body-bytes",
			"request body is longer than the 3 bytes of route 2 of site app"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := guarded(t, test.change)
			c := d.dial("app.test")
			var last Incident
			for i, ask := range strings.Split(test.send, "|") {
				method, rest, _ := strings.Cut(ask, " ")
				path, fields, more := strings.Cut(rest, "\r\n")
				if more {
					fields += "\r\n"
				}
				body := ""
				if head, after, chunked := strings.Cut(fields, "\r\n\r\n"); chunked && after != "" {
					fields, body = head+"\r\n", strings.TrimSuffix(after, "\r\n")
				}
				c.send(method + " " + path + " HTTP/1.1\r\nHost: app.test\r\n" + fields + "\r\n" + body)
				res, _, err := c.receive(method)
				if err != nil || res.StatusCode != test.status[i] {
					t.Fatalf("%s: %v %v, want %d", ask, res, err, test.status[i])
				}
				if id := res.Header.Get("Fanlight-Incident"); id != "" {
					last = d.incident(res)
				}
				if res.StatusCode == 429 && res.Header.Get("Retry-After") == "" {
					t.Error("429 without Retry-After")
				}
			}
			if last.Cause != test.cause {
				t.Errorf("cause %q, want %q", last.Cause, test.cause)
			}
			if n := d.g.Metrics.Fired.All()[test.by]; n != 1 {
				t.Errorf("%s fired %d times", test.by, n)
			}
			d.settled(func(tr *flow.Trace) bool { return has(clientConn(t, tr), flow.Decision, "refuse: "+test.cause) })
		})
	}
}

func TestConnectionsPerAddress(t *testing.T) {
	d := guarded(t, func(s *Site) { s.PerAddress = 2 })
	one, two, three := d.dial("app.test"), d.dial("app.test"), d.dial("app.test")
	for i, c := range []*client{one, two, one, two} {
		if res, _ := c.get("/here"); res.StatusCode != http.StatusOK {
			t.Fatalf("request %d: %s", i, res.Status)
		}
	}
	res, _ := three.get("/here")
	if in := d.incident(res); res.StatusCode != 429 || !res.Close || in.Cause != "address 127.0.0.1 has more than 2 connections to site app" {
		t.Errorf("%s, close %v, %s", res.Status, res.Close, in.Cause)
	}
	three.ended()
	one.Close()
	d.settled(func(tr *flow.Trace) bool {
		ended := 0
		for _, c := range tr.Conns {
			if c.Close.Ended && c.Self == flow.Server {
				ended++
			}
		}
		return ended == 2
	})
	if res, _ := d.dial("app.test").get("/here"); res.StatusCode != http.StatusOK {
		t.Errorf("after one has gone: %s", res.Status)
	}
}

// Whoever has a network of IPv6 is one client, however many addresses it uses.
func TestConnectionsPerNetwork(t *testing.T) {
	var p perAddress
	does := &Site{Name: "app"}
	for i, test := range []struct {
		remote string
		open   int
	}{{"[2001:db8::1]:1", 1}, {"[2001:db8::2]:2", 2}, {"[2001:db8:0:1::1]:3", 1}, {"192.0.2.1:4", 1}, {"192.0.2.2:5", 1}, {"[::ffff:192.0.2.1]:6", 2}} {
		s := &session{remote: netip.MustParseAddrPort(test.remote)}
		if open := p.enter(s, s.at(does)); open != test.open {
			t.Errorf("%d: %s has %d connections, want %d", i, test.remote, open, test.open)
		}
	}
}

func TestPages(t *testing.T) {
	page := func(kind, text string) *Page { return &Page{Type: kind, Body: NewText(text)} }
	set := HeaderRules{Set: [][2]string{{"Server", "Fanlight"}, {"X-Status", "{status} {incident}"}}}
	site := &Pages{By: map[int]*Page{4: page("text/html; charset=utf-8", "<b>{status} {path} {incident}</b>")}}
	for _, test := range []struct {
		name   string
		change func(*Site)
		path   string
		want   string // status, type, body; INCIDENT stands for the id
		fields []string
	}{
		{"own 404", func(s *Site) { s.Pages = site; s.Routes[1].When.Methods = []string{"POST"} }, "/<x>", "404 text/html; charset=utf-8 <b>404 /&lt;x&gt; INCIDENT</b>",
			[]string{"X-Status: 404 INCIDENT", "Server: Fanlight", "Fanlight-Incident: INCIDENT"}},
		{"in XML too", func(s *Site) {
			s.Pages = &Pages{By: map[int]*Page{4: page("Application/XHTML+XML; charset=utf-8", "<b>{path}</b>")}}
			s.Routes[1].When.Methods = []string{"POST"}
		}, "/<x>", "404 Application/XHTML+XML; charset=utf-8 <b>/&lt;x&gt;</b>", nil},
		{"in JSON too", func(s *Site) {
			s.Pages = &Pages{By: map[int]*Page{4: page("application/problem+json", `{"at":"{path}"}`)}}
			s.Routes[1].When.Methods = []string{"POST"}
		}, `/"x`, `404 application/problem+json {"at":"/\"x"}`, nil},
		{"that of the route", func(s *Site) {
			s.Pages = site
			s.Routes[0].Guard.Deny, s.Routes[0].Pages = blocks("127.0.0.1/32"), &Pages{By: map[int]*Page{403: page("application/json", `{"at":"{path}"}`)}}
		}, "/here", `403 application/json {"at":"/here"}`, nil},
		{"the origin's stays", func(s *Site) { s.Pages = site }, "/x", "404  origin", []string{"X-Origin: 1", "X-Status: 404 "}},
		{"the origin's is replaced", func(s *Site) { s.Pages = &Pages{By: site.By, Replace: true} }, "/x", "404 text/html; charset=utf-8 <b>404 /x </b>",
			[]string{"X-Origin: ", "Retry-After: 7", "Set-Cookie: a=b", "Server: Fanlight"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := guarded(t, func(s *Site) { s.ResponseHeaders = set; test.change(s) })
			c := d.dial("app.test")
			for range 2 { // the connection goes on
				res, body := c.get(test.path)
				id := res.Header.Get("Fanlight-Incident")
				got := fmt.Sprintf("%d %s %s", res.StatusCode, res.Header.Get("Content-Type"), body)
				if want := strings.ReplaceAll(test.want, "INCIDENT", id); got != want {
					t.Errorf("got %s\nwant %s", got, want)
				}
				for _, f := range test.fields {
					name, value, _ := strings.Cut(strings.ReplaceAll(f, "INCIDENT", id), ": ")
					if got := strings.TrimSpace(res.Header.Get(name)); got != strings.TrimSpace(value) {
						t.Errorf("%s is %q, want %q", name, got, value)
					}
				}
			}
		})
	}
}

// A page in place of one that the origin sends slowly, or not to its end, does
// not wait for it.
func TestPageDoesNotWaitForTheOrigins(t *testing.T) {
	page := &Page{Type: "text/plain", Body: NewText("sorry")}
	peer := testnet.Raw{Responses: []string{"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nhalf"}, Open: true}.Start(t)
	d := newDoor(t)
	d.site(&Site{Name: "app", Pages: &Pages{By: map[int]*Page{5: page}, Replace: true},
		Routes: []Route{{Prefix: "/", Origins: balance.Of(d.to(peer, nil))}}}, "app.test")
	c := d.dial("app.test")
	_ = c.SetDeadline(time.Now().Add(2 * time.Second)) // of the origin's body five are waited between bytes
	for range 2 {
		if res, body := c.get("/"); res.StatusCode != 500 || body != "sorry" {
			t.Fatalf("%s %q", res.Status, body)
		}
	}
	c.Close()
	trace := d.settled(over)
	if x := clientConn(t, trace).Exchanges[0]; x.Outcome != flow.Complete {
		t.Errorf("recorded as %s", x.Outcome)
	}
}
