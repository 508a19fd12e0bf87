package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// patience is the time of a step: a limit for hangs, not a bar.
const patience = 15 * time.Second

// tried runs a probe of a URL at localhost, with pool to trust.
func tried(t *testing.T, url string, pool *x509.CertPool, tune func(*Options)) *Result {
	t.Helper()
	target, err := ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{URL: target, Roots: pool, Timeout: patience, Pins: []Pin{{"localhost", target.Port, netip.MustParseAddr("127.0.0.1")}}}
	if tune != nil {
		tune(&o)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return Run(ctx, o)
}

// at is the URL of a peer by name.
func at(o *testnet.Origin, scheme, path string) string {
	_, port, _ := net.SplitHostPort(o.Addr)
	return scheme + "://localhost:" + port + path
}

// lines are steps as a test names them: way, name, state, result.
func lines(r *Result) string {
	var b strings.Builder
	for _, s := range r.Steps {
		b.WriteString(s.Way + " " + s.Name + " " + s.State.String() + " " + s.Result + "\n")
	}
	return b.String()
}

// wants holds the beginnings of lines against the steps, in any order; one that
// begins with ! must not be there.
func wants(t *testing.T, r *Result, want ...string) {
	t.Helper()
	all := "\n" + lines(r)
	for _, w := range want {
		text, not := strings.CutPrefix(w, "!")
		if strings.Contains(all, "\n"+text) == not {
			t.Errorf("want %q in%s", w, all)
		}
	}
}

func TestHealthyServer(t *testing.T) {
	o := testnet.Echo{}.Start(t)
	r := tried(t, at(o, "https", "/a?b=c"), o.Pool(), nil)
	wants(t, r, "direct name ok localhost is 127.0.0.1 (given by --resolve)", "direct connect ok "+o.Addr, "direct tls ok TLS 1.3",
		"direct certificate ok for localhost", "direct http/1.1 ok 200", "direct keep-alive ok the same connection answered again: 200",
		"direct tls 1.3 told yes", "direct tls 1.2 told yes", "direct no sni told accepted, the same certificate",
		"direct renegotiation told TLS 1.2: the server did not ask", "!direct redirect", "!direct http/2")
	for _, req := range o.Log() {
		if req.Request != nil && (req.Request.Method != "GET" || req.Request.Target != "/a?b=c") {
			t.Errorf("sent %s %s", req.Request.Method, req.Request.Target)
		}
	}
}

// TestUntrusted: a certificate that is not accepted is told of, and ends
// nothing.
func TestUntrusted(t *testing.T) {
	for _, test := range []struct {
		name, says string
		leaf       testnet.Leaf
		trusted    bool
	}{
		{"issuer", "was issued by CN=testnet CA, which is not trusted", testnet.Leaf{}, false},
		{"name", "NOT accepted: the certificate is for other.test, not for localhost", testnet.Leaf{Names: []string{"other.test"}}, true},
		{"date", "localhost,127.0.0.1,::1 expired on", testnet.Leaf{}.Expired(), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := testnet.Echo{At: testnet.At{Leaf: test.leaf}}.Start(t)
			pool := o.Pool()
			if !test.trusted {
				pool = x509.NewCertPool()
			}
			r := tried(t, at(o, "https", "/"), pool, nil)
			wants(t, r, "direct certificate failed ", "direct http/1.1 ok 200", "direct keep-alive ok")
			if !strings.Contains(lines(r), test.says) {
				t.Errorf("want %q in\n%s", test.says, lines(r))
			}
		})
	}
}

func TestLateCertificate(t *testing.T) {
	o := testnet.LateAsker{RequireCert: true}.Start(t)
	client := o.CA.Issue(t, testnet.Leaf{Subject: "me", Client: true}).TLS()
	without := tried(t, at(o, "https", "/secure"), o.Pool(), nil)
	wants(t, without, "direct http/1.1 told 403", "direct renegotiation told the server asked for it after the request, and got it; asked for a client certificate")
	if !strings.Contains(lines(without), "none was sent; then it answered 403") {
		t.Error(lines(without))
	}
	with := tried(t, at(o, "https", "/secure"), o.Pool(), func(o *Options) { o.Certificate = &client })
	wants(t, with, "direct http/1.1 ok 200")
	if !strings.Contains(lines(with), "got CN=me; then it answered 200") {
		t.Error(lines(with))
	}
	for _, e := range o.Log() {
		if e.Event == testnet.Refused {
			t.Error("a renegotiation was refused")
		}
	}
}

// TestNoAnswer: what never comes ends with the time of the step.
func TestNoAnswer(t *testing.T) {
	short := func(o *Options) { o.Timeout = 1200 * time.Millisecond }
	t.Run("port closed", func(t *testing.T) {
		t.Parallel()
		o := testnet.Echo{}.Start(t)
		o.Close()
		r := tried(t, at(o, "https", "/"), o.Pool(), nil)
		wants(t, r, "direct connect failed "+o.Addr+": connection refused", "!direct tls")
	})
	t.Run("no SYN-ACK", func(t *testing.T) {
		t.Parallel()
		addr := testnet.BlackHole(t)
		_, port, _ := net.SplitHostPort(addr)
		r := tried(t, "https://localhost:"+port, nil, short)
		wants(t, r, "direct connect failed "+addr+": no answer within 1.2s")
	})
	t.Run("no ServerHello", func(t *testing.T) {
		t.Parallel()
		o := testnet.Silent{}.Start(t)
		r := tried(t, at(o, "https", "/"), o.Pool(), short)
		wants(t, r, "direct connect ok", "direct tls failed not done within 1.2s", "!direct http/1.1")
	})
	t.Run("no response", func(t *testing.T) {
		t.Parallel()
		o := testnet.SilentAfterTLS{}.Start(t)
		r := tried(t, at(o, "https", "/"), o.Pool(), short)
		wants(t, r, "direct tls ok", "direct http/1.1 failed no response within 1.2s")
	})
	t.Run("no end of a renegotiation", func(t *testing.T) {
		t.Parallel()
		o := testnet.SilentAfterHelloRequest{}.Start(t)
		r := tried(t, at(o, "https", "/secure"), o.Pool(), short)
		wants(t, r, "direct http/1.1 failed no response within 1.2s after the server asked for a renegotiation")
	})
}

func TestHostsFileIsNamed(t *testing.T) {
	w := &way{Options: Options{Hosts: func(string) []netip.Addr { return []netip.Addr{netip.MustParseAddr("127.0.0.2")} }}}
	for _, test := range []struct {
		addrs []string
		want  string
	}{
		{[]string{"127.0.0.2"}, "the hosts file"},
		{[]string{"127.0.0.2", "192.0.2.1"}, "some from the hosts file"},
		{[]string{"192.0.2.1"}, "the system's resolver, not the hosts file"},
	} {
		var addrs []netip.Addr
		for _, a := range test.addrs {
			addrs = append(addrs, netip.MustParseAddr(a))
		}
		if got, _ := w.sourceOf("shop.test", addrs); got != test.want {
			t.Errorf("%v: %s, want %s", test.addrs, got, test.want)
		}
	}
}

// What the hosts file has is on record where the resolver says otherwise.
func TestHostsFileIsOnRecord(t *testing.T) {
	o := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	names := testnet.Resolver(t, map[string][]netip.Addr{"here.test": {netip.MustParseAddr("127.0.0.1")}})
	_, port, _ := net.SplitHostPort(o.Addr)
	r := tried(t, "http://here.test:"+port+"/", nil, func(o *Options) {
		o.Resolver = names
		o.Hosts = func(string) []netip.Addr { return []netip.Addr{netip.MustParseAddr("127.0.0.2")} }
	})
	if text := r.Expected().String(); !strings.Contains(text, "hosts-entry here.test addresses=127.0.0.2") {
		t.Errorf("recorded:\n%s", text)
	}
	r = tried(t, "http://here.test:"+port+"/", nil, func(o *Options) {
		o.Resolver = names
		o.Hosts = func(string) []netip.Addr { return []netip.Addr{netip.MustParseAddr("127.0.0.1")} }
	})
	if len(r.Trace.Facts) != 0 {
		t.Errorf("a hosts file that is followed is on record: %v", r.Trace.Facts)
	}
}

func TestKeepAliveThatEnds(t *testing.T) {
	o := testnet.CloseOnRequest{At: testnet.At{Plain: true}}.Start(t)
	r := tried(t, at(o, "http", "/"), nil, nil)
	wants(t, r, "direct http/1.1 ok", "direct keep-alive failed the server closed the kept connection as the request came")
	said := testnet.Raw{At: testnet.At{Plain: true}, Responses: []string{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"}}.Start(t)
	wants(t, tried(t, at(said, "http", "/"), nil, nil), "direct keep-alive told no: the server said")
}

// TestVersions: each version is tried alone.
func TestVersions(t *testing.T) {
	o := testnet.Echo{At: testnet.At{Tune: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS12 }}}.Start(t)
	r := tried(t, at(o, "https", "/"), o.Pool(), nil)
	wants(t, r, "direct tls ok TLS 1.2", "direct tls 1.3 told no", "direct tls 1.2 told yes", "direct tls 1.0 told yes")
	newest := testnet.Echo{At: testnet.At{Tune: func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }}}.Start(t)
	wants(t, tried(t, at(newest, "https", "/"), newest.Pool(), nil), "direct tls 1.2 told no", "direct renegotiation skipped TLS 1.3 has none, and no connection by TLS 1.2")
	capped := tried(t, at(o, "https", "/"), o.Pool(), func(o *Options) { o.MaxVersion = tls.VersionTLS11 })
	wants(t, capped, "direct tls ok TLS 1.1", "!direct tls 1.2", "!direct tls 1.3")
}

// TestThroughGateway: the same twice, and what differs.
func TestThroughGateway(t *testing.T) {
	origin := testnet.Echo{}.Start(t)
	gateway := testnet.Raw{
		At:        testnet.At{CA: origin.CA},
		Responses: []string{"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nVia: 1.1 gw\r\n\r\n"},
	}.Start(t)
	via := netip.MustParseAddrPort(gateway.Addr)
	r := tried(t, at(origin, "https", "/"), origin.Pool(), func(o *Options) { o.Via = via })
	wants(t, r, "direct http/1.1 ok 200", "via connect ok "+gateway.Addr, "via http/1.1 failed 502 Bad Gateway")
	found := map[string]Difference{}
	for _, d := range r.Differences {
		found[d.Step] = d
	}
	if d := found["http/1.1"]; !strings.HasPrefix(d.Direct, "200") || !strings.HasPrefix(d.Through, "502") {
		t.Errorf("http/1.1 differs by %+v", d)
	}
	if d := found["http/1.1 header fields"]; !strings.Contains(d.Through, "Via") {
		t.Errorf("header fields differ by %+v", d)
	}
	if _, differs := found["tls"]; differs {
		t.Errorf("TLS is the same: %+v", found["tls"])
	}
	hosts := 0
	for _, e := range gateway.Log() {
		if e.Request != nil {
			hosts++
			if got, want := e.Request.Get("Host"), strings.TrimPrefix(at(origin, "", ""), "://"); got != want {
				t.Errorf("the gateway was asked for %s, want %s", got, want)
			}
		}
	}
	if hosts == 0 {
		t.Error("the gateway was not asked")
	}
}

// TestNameDoesNotResolve: a lookup that gives no address is on record, of the URL
// and of where a redirect leads.
func TestNameDoesNotResolve(t *testing.T) {
	names := testnet.Resolver(t, map[string][]netip.Addr{"here.test": {netip.MustParseAddr("127.0.0.1")}})
	ask := func(o *Options) { o.Pins, o.Resolver = nil, names }
	r := tried(t, "https://nowhere.test/", nil, ask)
	wants(t, r, "direct name failed nowhere.test has no address: no such host", "!direct connect")
	lost := r.Expected().Conn(r.Steps[0].Conn)
	if lost == nil || lost.Lookup == nil || lost.Lookup.Result != flow.ResultNotFound || lost.Lookup.Name != "nowhere.test" || !lost.Lookup.Timed {
		t.Errorf("the failed lookup is not on record: %v", lost)
	}
	hop := testnet.Raw{At: testnet.At{Plain: true}, Responses: []string{"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: https://nowhere.test/\r\n\r\n"}}.Start(t)
	_, port, err := net.SplitHostPort(hop.Addr)
	if err != nil {
		t.Fatal(err)
	}
	r = tried(t, "http://here.test:"+port+"/", nil, ask)
	wants(t, r, "direct name ok here.test is 127.0.0.1 (", "direct redirect 1 failed to https://nowhere.test/: nowhere.test has no address")
	if l := r.Trace.Conns[0].Lookup; l == nil || l.Result != flow.ResultFound || len(l.Addresses) != 1 {
		t.Errorf("the lookup that gave the address is not on record: %+v", l)
	}
	if last := r.Steps[len(r.Steps)-1]; r.Expected().Conn(last.Conn) == nil {
		t.Errorf("the failed lookup of a redirect is not on record: %+v", last)
	}
}

func TestRedirects(t *testing.T) {
	end := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	hop := func(to string) *testnet.Origin {
		return testnet.Raw{At: testnet.At{Plain: true}, Responses: []string{"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + to + "\r\n\r\n"}}.Start(t)
	}
	away := hop("http://" + end.Addr + "/end")
	wants(t, tried(t, at(away, "http", "/"), nil, nil), "direct redirect 1 ok to http://"+end.Addr+"/end: 200")
	gone := testnet.Echo{}.Start(t)
	gone.Close()
	lost := "http://" + gone.Addr + "/"
	wants(t, tried(t, at(hop(lost), "http", "/"), nil, nil), "direct redirect 1 failed to "+lost+": connection refused\n")
	circle := hop("/")
	wants(t, tried(t, at(circle, "http", "/"), nil, nil), "direct redirect 1 failed to http://localhost:")
	if all := lines(tried(t, at(circle, "http", "/"), nil, nil)); !strings.Contains(all, "it goes in a circle") || strings.Contains(all, "redirect 2") {
		t.Error(all)
	}
	wants(t, tried(t, at(hop("ftp://x.test/"), "http", "/"), nil, nil), `direct redirect 1 failed to ftp://x.test/: read URL: scheme "ftp"`)
}

// TestRecord: the trace is like any other: it is folded, ended, and written.
func TestRecord(t *testing.T) {
	o := testnet.Echo{}.Start(t)
	r := tried(t, at(o, "https", "/"), o.Pool(), nil)
	if len(r.Trace.Conns) < 6 || len(r.Expected().Conns) >= len(r.Trace.Conns) {
		t.Fatalf("%d connections, %d expected ones", len(r.Trace.Conns), len(r.Expected().Conns))
	}
	for _, c := range r.Trace.Conns {
		if !c.Close.Ended || c.Self != flow.Client {
			t.Errorf("%s: ended %t, self %s", c.ID, c.Close.Ended, c.Self)
		}
	}
	for _, s := range r.Steps {
		if s.Exchange != 0 && r.Trace.Exchange(s.Exchange) == nil {
			t.Errorf("step %s names %s, which is not in the trace", s.Name, s.Exchange)
		}
	}
}

func TestInterrupted(t *testing.T) {
	o := testnet.SilentAfterTLS{}.Start(t)
	target, err := ParseTarget(at(o, "https", "/"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	opts := Options{URL: target, Roots: o.Pool(), Timeout: time.Hour, Step: func(s Step) {
		if s.Name == "certificate" {
			time.AfterFunc(50*time.Millisecond, cancel)
		}
	}}
	opts.Pins = []Pin{{"localhost", target.Port, netip.MustParseAddr("127.0.0.1")}}
	done := make(chan *Result, 1)
	go func() { done <- Run(ctx, opts) }()
	select {
	case r := <-done:
		wants(t, r, "direct http/1.1 failed ", "!direct tls 1.3")
	case <-time.After(time.Minute):
		t.Fatal("an interrupted probe does not end")
	}
}

func TestParse(t *testing.T) {
	for _, test := range []struct{ in, want, fault string }{
		{"shop.test", "https://shop.test/", ""},
		{"http://shop.test:8080/a?b", "http://shop.test:8080/a?b", ""},
		{"https://[::1]:8443", "https://[::1]:8443/", ""},
		{"https://shop.test:443/", "https://shop.test/", ""},
		{"https://u:secret@shop.test/", "", "leave them out"},
		{"ftp://shop.test/", "", "expected https or http"},
		{"https://", "", "names no host"},
		{"https://shop.test:99999/", "", "expected 1 to 65535"},
		{"https://u:secret@shop.test:x/", "", "read URL"},
	} {
		got, err := ParseTarget(test.in)
		switch {
		case test.fault == "" && (err != nil || got.String() != test.want):
			t.Errorf("%s: %v %v, want %s", test.in, got, err, test.want)
		case test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: error %v, want %q and no password", test.in, err, test.fault)
		}
	}
	for _, bad := range []string{"shop.test:443", "shop.test:0:10.0.0.5", ":443:10.0.0.5", "shop.test:443:other.test"} {
		if _, err := ParsePin(bad); err == nil {
			t.Errorf("%s: read as a pin", bad)
		}
	}
	if p, err := ParsePin("shop.test:443:[::1]"); err != nil || p.Addr != netip.IPv6Loopback() {
		t.Errorf("%v %v", p, err)
	}
}
