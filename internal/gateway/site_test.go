package gateway

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/site"
	"fanlight/internal/testnet"
)

// twoSites are app.test and other.test on one address.
func twoSites(t *testing.T) *door {
	d := newDoor(t)
	o := d.to(testnet.Echo{}.Start(t), nil)
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o)}}}, "app.test")
	d.site(&Site{Name: "other", Routes: []Route{{Prefix: "/", Origins: balance.Of(o)}}}, "other.test")
	return d
}

func (d *door) stop(name string) {
	d.t.Helper()
	if err := d.ctl.Stop(context.Background(), d.table.Get(name)); err != nil {
		d.t.Fatal(err)
	}
}

// refusal dials and gives the alert; certificates tells whether one was shown.
func (d *door) refusal(config *tls.Config) (alert string, certificates bool) {
	d.t.Helper()
	config.VerifyConnection = func(s tls.ConnectionState) error {
		certificates = certificates || len(s.PeerCertificates) > 0
		return nil
	}
	c, err := tls.Dial("tcp", d.addrs["tls"].String(), config)
	if err == nil {
		c.Close()
		return "", certificates
	}
	return err.Error(), certificates
}

func TestStoppedSiteIsRefused(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, ticket := range []string{"", "own", "under the other name"} {
			t.Run(tls.VersionName(version)+" ticket "+ticket, func(t *testing.T) {
				d := twoSites(t)
				config := d.tlsConfig("app.test")
				config.MinVersion, config.MaxVersion = version, version
				if ticket != "" {
					config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
					d.withTicket(config)
				}
				d.stop("app")
				if ticket == "under the other name" {
					config.ClientSessionCache = &renamed{config.ClientSessionCache}
					config.ServerName = "other.test"
					c, err := tls.Dial("tcp", d.addrs["tls"].String(), config)
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					if s := c.ConnectionState(); s.DidResume || s.PeerCertificates[0].Subject.CommonName != "other" {
						t.Errorf("resumed %v with the certificate of %s", s.DidResume, s.PeerCertificates[0].Subject)
					}
					return
				}
				alert, certificates := d.refusal(config)
				if !strings.Contains(alert, "unrecognized name") || certificates {
					t.Errorf("got %q, certificates %v", alert, certificates)
				}
				d.settled(func(tr *flow.Trace) bool {
					return slices.ContainsFunc(tr.Conns, func(c *flow.Conn) bool {
						return c.Close.Why == "site app is stopped" && has(c, flow.Decision, "refuse: site app is stopped")
					})
				})
				if n := d.g.Metrics.Handshakes[HandshakeRefused].Load(); n != 1 {
					t.Errorf("%d refused handshakes, want 1", n)
				}
				// The other site loses nothing.
				c := d.dial("other.test")
				c.send("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n")
				if res, _, err := c.receive("GET"); err != nil || res.StatusCode != 200 {
					t.Error(res, err)
				}
			})
		}
	}
}

// withTicket makes a connection whose session the cache keeps.
func (d *door) withTicket(config *tls.Config) {
	d.t.Helper()
	for range 2 {
		c, err := tls.Dial("tcp", d.addrs["tls"].String(), config)
		if err != nil {
			d.t.Fatal(err)
		}
		client := newClient(d.t, c)
		client.send("GET / HTTP/1.1\r\nHost: " + config.ServerName + "\r\nConnection: close\r\n\r\n")
		if res, _, err := client.receive("GET"); err != nil || res.StatusCode != 200 {
			d.t.Fatal(res, err)
		}
		resumed := c.ConnectionState().DidResume
		c.Close()
		if resumed {
			return
		}
	}
	d.t.Fatal("sessions are not resumed at all: the test would show nothing")
}

// renamed gives the one session it has under every name.
type renamed struct{ cache tls.ClientSessionCache }

func (r *renamed) Get(string) (*tls.ClientSessionState, bool) { return r.cache.Get("app.test") }
func (r *renamed) Put(name string, s *tls.ClientSessionState) { r.cache.Put(name, s) }

func TestTicketOfAnotherSite(t *testing.T) {
	d := twoSites(t)
	config := d.tlsConfig("app.test")
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	d.withTicket(config)
	config.ClientSessionCache, config.ServerName = &renamed{config.ClientSessionCache}, "other.test"
	c, err := tls.Dial("tcp", d.addrs["tls"].String(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.ConnectionState().DidResume {
		t.Error("a ticket of one site was resumed at the other")
	}
}

func TestNamesWithoutSite(t *testing.T) {
	d := twoSites(t)
	for i, test := range []struct{ name, why string }{
		{"unknown.test", "has the name unknown.test"},
		{"", "takes clients that name no host"},
	} {
		alert, certificates := d.refusal(&tls.Config{ServerName: test.name, InsecureSkipVerify: true})
		if !strings.Contains(alert, "unrecognized name") || certificates {
			t.Errorf("%q: got %q, certificates %v", test.name, alert, certificates)
		}
		trace := d.settled(func(tr *flow.Trace) bool { return len(tr.Conns) == i+1 && over(tr) })
		contains(t, "why", trace.Conns[i].Close.Why, test.why)
	}
	goldenOpenEnd(t, "names without a site", d.settled(over))
}

func TestHostOfAnotherSite(t *testing.T) {
	d := twoSites(t)
	c := d.dial("app.test")
	c.send("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n")
	res, _, err := c.receive("GET")
	if err != nil || res.StatusCode != 421 {
		t.Fatal(res, err)
	}
	contains(t, "cause", d.incident(res).Cause, `host "other.test" does not belong to 127.0.0.1:`, "and name app.test")
	if res, _ := c.get("/"); res.StatusCode != 200 {
		t.Error("the connection did not go on")
	}
	p := d.dialPlain()
	for host, status := range map[string]int{"app.test": 200, "OTHER.test:81": 200, "app.test.": 200, "nobody.test": 421} {
		p.send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		if res, _, err := p.receive("GET"); err != nil || res.StatusCode != status {
			t.Errorf("%s: got %v, %v, want %d", host, res, err, status)
		}
	}
}

func TestStoppedPage(t *testing.T) {
	d := twoSites(t)
	s := d.table.Get("app")
	s.StoppedPage = true
	c := d.dial("app.test")
	c.get("/")
	d.stop("app")
	c.ended()
	c = d.dial("app.test")
	res, body := c.get("/")
	if res.StatusCode != 503 || !strings.Contains(body, "503") {
		t.Fatal(res, body)
	}
	contains(t, "cause", d.incident(res).Cause, "site app is stopped")
	if err := d.ctl.Start(s); err != nil {
		t.Fatal(err)
	}
	if res, _ := c.get("/"); res.StatusCode != 200 {
		t.Error(res)
	}
}

func TestStopPlain(t *testing.T) {
	d := twoSites(t)
	before := d.dialPlain()
	d.stop("app")
	before.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
	before.ended()
	trace := d.settled(over)
	contains(t, "why", clientConn(t, trace).Close.Why, "site app is stopped")
}

func TestStopEndsIdleAndWaitsForOpen(t *testing.T) {
	t.Parallel()
	d := front(t, testnet.SlowBody{Length: 5, Piece: 1, Every: 400 * time.Millisecond}.Start(t), nil)
	idle, open := d.dial("app.test"), d.dial("app.test")
	idle.get("/")
	open.send("GET /open HTTP/1.1\r\nHost: app.test\r\n\r\n")
	head := open.lines()
	stopped := make(chan time.Time, 1)
	go func() {
		_ = d.ctl.Stop(context.Background(), d.table.Get("app"))
		stopped <- time.Now()
	}()
	idle.ended()
	select {
	case <-stopped:
		t.Error("the stop did not wait for the open exchange")
	default:
	}
	body := make([]byte, 5)
	if _, err := io.ReadFull(open.r, body); err != nil || string(body) != "xxxxx" {
		t.Fatalf("%v: body %q, %v", head, body, err)
	}
	open.ended()
	<-stopped
	for _, c := range d.settled(func(tr *flow.Trace) bool { return d.g.Open() == 0 && over(tr) || d.g.Open() == 0 }).Conns {
		if c.Self == flow.Server && (c.Close.By != flow.Server || c.Close.Why == "") {
			t.Errorf("got %+v", c.Close)
		}
	}
}

func TestClientsThatSayNothing(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *Options) { o.TLSLimit, o.Limits.HeadTimeout = roomy, roomy })
	d.site(&Site{Name: "app"}, "app.test")
	addr := d.addrs["tls"].String()
	dial := func(text string) *client {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		cl := newClient(t, c)
		cl.send(text)
		return cl
	}
	waits := dial("")
	waits.ended()
	gone := dial("")
	gone.Close()
	half := dial("\x16\x03\x01\x02\x00\x01")
	half.ended()
	plain := dial("GET / HTTP/1.1\r\nHost: app.test\r\nX: " + strings.Repeat("x", 4000) + "\r\n\r\n")
	if res, body, err := plain.receive("GET"); err != nil || res.StatusCode != 400 || !strings.Contains(body, "https://") {
		t.Error(res, body, err)
	}
	plain.Close()
	quiet := d.dial("app.test")
	quiet.ended()
	garbage := dial("\x00\x01\x02\x03\x04\x05\x06\x07")
	garbage.ended()
	trace := d.settled(func(tr *flow.Trace) bool { return over(tr) && len(tr.Conns) == 6 })
	var whys []string
	for _, c := range trace.Conns {
		whys = append(whys, c.Close.Why)
	}
	contains(t, "reasons", strings.Join(whys, "|"), "timeout: tls", "client closed without a word", "plain HTTP to a TLS address", "timeout: request-head", "does not speak TLS")
	for outcome, want := range map[HandshakeOutcome]int64{HandshakeDone: 1, HandshakeSilent: 1, HandshakeTimeout: 2, HandshakeFailed: 2} {
		if got := d.g.Metrics.Handshakes[outcome].Load(); got != want {
			t.Errorf("%s: %d, want %d (%q)", outcome, got, want, whys)
		}
	}
}

func TestMaxConns(t *testing.T) {
	d := front(t, testnet.Echo{}.Start(t), nil, func(o *Options) { o.MaxConns = 2 })
	first, second := d.dial("app.test"), d.dial("app.test")
	if third, err := net.Dial("tcp", d.addrs["tls"].String()); err == nil { // else reset already
		newClient(t, third).ended()
	}
	if n := d.g.Metrics.Shed.Load(); n != 1 {
		t.Errorf("%d shed, want 1", n)
	}
	first.get("/")
	second.Close()
	for d.g.Open() > 1 {
		time.Sleep(time.Millisecond)
	}
	d.dial("app.test").get("/")
}

func TestReplacedSiteKeepsItsConnections(t *testing.T) {
	d := twoSites(t)
	c := d.dial("app.test")
	c.get("/")
	old := d.table.Get("app")
	fresh := &site.Site{Name: "app", TLS: old.TLS, Bindings: old.Bindings}
	d.table.Replace(fresh)
	if err := (&site.Door{Listen: func(netip.AddrPort, func(net.Conn)) (site.Listener, error) { return released{}, nil }}).Start(fresh); err != nil {
		t.Fatal(err)
	}
	if res, _ := c.get("/"); res.StatusCode != 200 {
		t.Error(res)
	}
}

func TestRecordingOff(t *testing.T) {
	d := front(t, testnet.Echo{}.Start(t), nil, recordingOff)
	c := d.dial("app.test")
	c.get("/")
	c.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 3\r\n\r\nabc")
	if _, _, err := c.receive("POST"); err != nil {
		t.Fatal(err)
	}
	c.send("GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n")
	res, _, err := c.receive("GET")
	if err != nil || res.StatusCode != 421 {
		t.Fatal(res, err)
	}
	if in := d.incident(res); in.Cause == "" || in.Conn != 0 {
		t.Errorf("got %+v", in)
	}
	w := d.dial("app.test")
	w.upgrade()
	w.Close()
	if _, err := tls.Dial("tcp", d.addrs["tls"].String(), d.tlsConfig("nobody.test")); err == nil {
		t.Error("a handshake under an unknown name succeeded")
	}
	if got := d.g.Metrics.Responses[2].Load(); got != 2 {
		t.Errorf("%d responses with 2xx counted, want 2", got)
	}
}

func TestIncidentsAreARing(t *testing.T) {
	r := newIncidents()
	var first, last string
	for i := range maxIncidents + 10 {
		in := Incident{ID: newIncidentID(), Status: i}
		if i == 0 {
			first = in.ID
		}
		last = in.ID
		r.add(in)
	}
	if _, found := r.Get(first); found {
		t.Error("the oldest is still there")
	}
	all := r.All()
	if len(all) != maxIncidents || all[0].ID != last || all[0].Status != maxIncidents+9 || all[len(all)-1].Status != 10 {
		t.Errorf("%d incidents from %d to %d", len(all), all[0].Status, all[len(all)-1].Status)
	}
	if in, found := r.Get(last); !found || in.Status != maxIncidents+9 {
		t.Error("the newest is not found")
	}
}
