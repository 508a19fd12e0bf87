package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/store"
)

// fakeDoor is a Control and a Findings whose state is plain data.
type fakeDoor struct {
	mu        sync.Mutex
	sites     []Site
	addrs     []string
	origin    string // its duty
	incidents []Incident
	found     []explain.Finding
}

func newFakeDoor() *fakeDoor {
	expiry := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	return &fakeDoor{
		addrs: []string{"127.0.0.2", "127.0.0.3"},
		sites: []Site{
			{
				Name: "shop", State: "serving", Configured: "running", URL: "https://shop.test/",
				Bindings:    []Binding{{"127.0.0.2:443", []string{"shop.test", "www.shop.test"}, false}},
				Certificate: &Certificate{Subject: "shop.test", Names: []string{"shop.test"}, Issuer: "Fanlight local CA", NotAfter: &expiry},
			},
			{
				Name: "books", State: "stopped", Configured: "running", Differs: true,
				Bindings: []Binding{{"127.0.0.3:443", []string{"books.test"}, false}},
			},
			{
				Name: "intranet", State: "failed", Configured: "running",
				Reason:   "bind 127.0.0.4:443: held by nginx (pid 812) on 0.0.0.0:443",
				Bindings: []Binding{{"127.0.0.4:443", nil, false}, {"127.0.0.4:80", nil, true}},
			},
		},
		incidents: []Incident{{ID: "k3f9-2m", Time: start, Conn: 3, Exchange: 3, Site: "shop", Status: 502, Cause: "the origin asked for a renegotiation, which is never answered here"}},
	}
}

func (d *fakeDoor) Sites() []Site {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.sites)
}

func (d *fakeDoor) Site(name string) (Site, bool) {
	all := d.Sites()
	i := slices.IndexFunc(all, func(s Site) bool { return s.Name == name })
	if i < 0 {
		return Site{}, false
	}
	return all[i], true
}

func (d *fakeDoor) Origins() []Origin {
	d.mu.Lock()
	defer d.mu.Unlock()
	return []Origin{{Site: "shop", Route: "/", Origin: "https://10.0.0.5:8443", State: d.origin, Duty: d.origin, Weight: 1}}
}

func (d *fakeDoor) SetOrigin(_, origin, duty string) ([]Origin, error) {
	if origin != "https://10.0.0.5:8443" {
		return nil, &Refusal{Kind: Unknown, Err: fmt.Errorf("origin %q is not known", origin)}
	}
	d.mu.Lock()
	d.origin = duty
	d.mu.Unlock()
	return d.Origins(), nil
}

func (d *fakeDoor) set(name, state string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.sites {
		if s := &d.sites[i]; s.Name == name {
			if s.State == "failed" {
				return errors.New("start site " + name + ": " + s.Reason)
			}
			s.State, s.Differs = state, state != "serving"
			return nil
		}
	}
	return &Refusal{Kind: Unknown, Err: fmt.Errorf("site %s is not known", name)}
}

func (d *fakeDoor) StartSite(_ context.Context, name string) error { return d.set(name, "serving") }
func (d *fakeDoor) StopSite(_ context.Context, name string) error  { return d.set(name, "stopped") }
func (d *fakeDoor) DrainSite(_ context.Context, name string) error { return d.set(name, "stopped") }

func (d *fakeDoor) SaveSite(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.sites {
		if s := &d.sites[i]; s.Name == name {
			s.Differs, s.Configured = false, s.State
			return nil
		}
	}
	return &Refusal{Kind: Unknown, Err: fmt.Errorf("site %s is not known", name)}
}

func (d *fakeDoor) Addresses() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.addrs)
}

func (d *fakeDoor) AddAddress(a string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.Contains(d.addrs, a) {
		return fmt.Errorf("add address %s: it is there already", a)
	}
	d.addrs = append(d.addrs, a)
	return nil
}

func (d *fakeDoor) RemoveAddress(a string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.Index(d.addrs, a)
	if i < 0 {
		return &Refusal{Kind: Unknown, Err: fmt.Errorf("address %s is not known", a)}
	}
	d.addrs = slices.Delete(d.addrs, i, i+1)
	return nil
}

func (d *fakeDoor) Incidents() []Incident { return d.incidents }
func (d *fakeDoor) Warnings() []string    { return []string{"origin of site shop is not verified"} }

func (d *fakeDoor) Incident(id string) (Incident, bool) {
	for _, i := range d.incidents {
		if i.ID == id {
			return i, true
		}
	}
	return Incident{}, false
}

func (d *fakeDoor) Recent() []explain.Finding {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.found)
}

func (d *fakeDoor) find(f ...explain.Finding) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found = f
}

// Of finds a renegotiation that failed.
func (d *fakeDoor) Of(t *flow.Trace) []explain.Finding {
	var out []explain.Finding
	for _, c := range t.Conns {
		for i, e := range c.Events {
			if e.Kind == flow.HelloRequest && c.Close.How == flow.ByRST {
				out = append(out, renegotiation(c, i))
			}
		}
	}
	return out
}

func renegotiation(c *flow.Conn, i int) explain.Finding {
	f := explain.Finding{
		ID: "renegotiation-unanswered", Severity: explain.Error, Confidence: explain.Proof,
		Title: "The origin asked for a new handshake and never got one",
		Cause: "After it had read the request, the origin sent a HelloRequest to ask for a client certificate. Nobody answered, and both waited until the origin gave up.",
		Fixes: []explain.Fix{
			{Side: "gateway", Text: "Let Fanlight answer once for each exchange.", Command: "tls: {renegotiation: once}"},
			{Side: "origin", Product: "IIS", Text: "Ask for the certificate in the first handshake.", Command: "netsh http update sslcert ipport=10.0.0.5:8443 clientcertnegotiation=enable"},
		},
		Conns:    []flow.ConnID{c.ID},
		Evidence: []explain.Evidence{explain.At(c, i, "the origin sent a HelloRequest"), explain.At(c, len(c.Events)-1, "the origin reset the connection 120 s later")},
	}
	for _, x := range c.Exchanges {
		f.Exchanges = append(f.Exchanges, x.ID)
	}
	return f
}

var start = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// record puts flow notation into a store, connection by connection, with the
// ids of the notation if it counts them from 1.
func record(t *testing.T, s *store.Store, notation string) {
	t.Helper()
	events, err := flow.ParseEvents(notation)
	if err != nil {
		t.Fatal(err)
	}
	rec := flow.NewRecorder(s)
	logs := map[flow.ConnID]*flow.Log{}
	for _, e := range events {
		switch {
		case e.Conn == 0:
			rec.Fact(e)
		case e.Kind == flow.Open:
			logs[e.Conn] = rec.Open(e.At, *e.Open)
			if id := logs[e.Conn].ID(); id != e.Conn {
				t.Fatalf("connection %v of the notation became %v: count from 1", e.Conn, id)
			}
		default:
			logs[e.Conn].Add(e)
			if e.Kind == flow.ExchangeDone {
				logs[e.Conn].Flush()
			}
		}
	}
	for _, log := range logs {
		log.Flush()
	}
}

const stories = `conn 1  127.0.0.1:50001 -> 127.0.0.2:443  source live  keys yes  self server  scheme https  at 2026-11-21T10:00:00Z
  +0.000 established   +0.001 > client-hello sni=shop.test alpn=http/1.1 versions=1.3,1.2   +0.002 chosen shop what=site
  +0.004 tls-done 1.3 cipher=TLS_AES_128_GCM_SHA256 alpn=http/1.1
  +0.005 > GET /cart http=1.1 host=shop.test x1
    > Host: shop.test
    > Authorization: Basic dXNlcjpzZWNyZXQ=
    > Cookie: sid=verysecret
  +0.005 > request-done 0 B x1
  +0.012 < 200 OK x1
    < Server: Apache
    < Set-Cookie: sid=verysecret; Path=/
  +0.013 < response-done 2151 B x1   +0.013 exchange-done complete x1   +5.000 fin by client
conn 2  127.0.0.1:40001 -> 10.0.0.5:8443  source live  keys yes  self client  parent c1  scheme https  at 2026-11-21T10:00:00.006Z
  +0.000 syn   +0.001 established   +0.002 tls-done 1.2 cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
  +0.002 > GET /cart http=1.1 host=shop.test x2 for x1
    > Host: shop.test
    > Authorization: Basic dXNlcjpzZWNyZXQ=
  +0.005 < 200 OK x2
  +0.006 < response-done 2151 B x2   +0.006 exchange-done complete x2
conn 3  127.0.0.1:50002 -> 127.0.0.2:443  source live  keys yes  self server  scheme https  at 2026-11-21T10:00:10Z
  +0.000 established   +0.001 > client-hello sni=shop.test alpn=http/1.1 versions=1.2   +0.002 chosen shop what=site
  +0.004 tls-done 1.2 cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1
  +0.005 > POST /pay http=1.1 host=shop.test x3
    > Host: shop.test
  +0.006 > request-done 4096 B x3
  +120.031 incident k3f9-2m cause="the origin reset the connection" x3
  +120.031 < 502 "Bad Gateway" x3
  +120.032 < response-done 800 B x3   +120.032 exchange-done complete x3   +120.040 fin by server
conn 4  127.0.0.1:40002 -> 10.0.0.5:8443  source live  keys yes  self client  parent c3  scheme https  at 2026-11-21T10:00:10.007Z
  +0.000 syn   +0.001 established   +0.002 tls-done 1.2 cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
  +0.003 > POST /pay http=1.1 host=shop.test x4 for x3
  +0.004 > request-done 4096 B x4   +0.030 < hello-request   +120.024 rst by server
conn 5  127.0.0.1:50003 -> 127.0.0.3:443  source live  keys yes  self server  scheme https  at 2026-11-21T10:02:20Z
  +0.000 established   +0.001 > client-hello sni=books.test alpn=h2,http/1.1 versions=1.3,1.2
  +0.001 < alert unrecognized_name level=fatal   +0.001 tls-failed "site books is stopped" fault=refused   +0.002 fin by server
`

// judged is a connection whose request the WAF blocked, behind stories, and one
// whose request the filter would have.
const judged = `conn 6  127.0.0.1:50004 -> 127.0.0.2:443  source live  keys yes  self server  scheme https  at 2026-11-21T10:03:00Z
  +0.000 established   +0.002 chosen shop what=site   +0.004 tls-done 1.3
  +0.005 > GET "/find?q=%3Cimg+src=x+onerror=a%3E%FF" http=1.1 host=shop.test x5
  +0.006 waf-match "XSS Filter - Category 2: Event Handler Vector" rule=941120 severity=critical adds=5 target=ARGS:q value="<IMG src=x onerror=window.intruded=1>\xff" steps="lowercase <img src=x onerror=window.intruded=1>\xff" matched=" onerror=w" further=1 x5
  +0.006 waf-match "Javascript method detected" rule=941390 severity=critical adds=5 target=ARGS:q value="<IMG src=x onerror=window.intruded=1>\xff" x5
  +0.006 waf-match "Possible XSS Attack Detected - HTML Tag Handler" rule=941320 severity=critical adds=0 target=ARGS:q x5
  +0.006 decision "block: the WAF refuses the request: it scores 10 of 5" by=waf score=10 threshold=5 paranoia=1 engine=plan unseen=1200 x5
  +0.006 incident 7Q2MXK4HTA cause="the WAF refuses the request: it scores 10 of 5" x5
  +0.006 < 403 Forbidden x5
  +0.007 < response-done 34 B x5   +0.007 exchange-done complete x5
conn 7  127.0.0.1:50005 -> 127.0.0.2:443  source live  keys yes  self server  scheme https  at 2026-11-21T10:04:00Z
  +0.000 established   +0.002 chosen shop what=site   +0.004 tls-done 1.3
  +0.005 > GET /..b http=1.1 host=shop.test x6
  +0.006 decision "watch: the filter of site shop would refuse this by deny_url (404.5)" by=filter rule=deny_url where=URL matched=.. offset=1 x6
  +0.006 < 200 OK x6
  +0.007 < response-done 34 B x6   +0.007 exchange-done complete x6
`
