package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/balance"
	"fanlight/internal/cert"
	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/origin"
	"fanlight/internal/site"
	"fanlight/internal/testnet"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		code = leaked()
	}
	os.Exit(code)
}

// leaked looks for goroutines of the door that outlive every test.
func leaked() int {
	var stacks string
	for range 100 {
		buf := make([]byte, 1<<20)
		stacks = string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(stacks, "gateway.(*") && !strings.Contains(stacks, "origin.(*") {
			return 0
		}
		time.Sleep(50 * time.Millisecond)
	}
	os.Stderr.WriteString("goroutines left behind:\n" + stacks)
	return 1
}

// kept is a sink that keeps every event.
type kept struct {
	mu     sync.Mutex
	events []flow.Event
}

func (k *kept) Take(_ flow.ConnID, _ bool, b flow.Batch) {
	own := append(flow.Batch(nil), b...)
	k.mu.Lock()
	defer k.mu.Unlock()
	for e := range own.Events {
		k.events = append(k.events, e)
	}
}

func (k *kept) trace() *flow.Trace {
	k.mu.Lock()
	defer k.mu.Unlock()
	return flow.Fold(k.events)
}

// door is a gateway with listeners on loopback and sites of one CA.
type door struct {
	t     testing.TB
	g     *Gateway
	rec   *kept // nil: recording is off
	ca    *testnet.CA
	table *site.Table
	ctl   *site.Door
	does  map[string]*Site
	addrs map[string]netip.AddrPort // by listener name
	lis   map[netip.AddrPort]net.Listener
	conns sync.WaitGroup
}

type doorOption func(*Options)

func recordingOff(o *Options) { o.Recorder = nil }

func newDoor(t testing.TB, options ...doorOption) *door {
	t.Helper()
	d := &door{t: t, rec: &kept{}, ca: testnet.NewCA(t, "door CA"), table: site.NewTable(),
		does: map[string]*Site{}, addrs: map[string]netip.AddrPort{}, lis: map[netip.AddrPort]net.Listener{}}
	o := Options{
		Table: d.table, Recorder: flow.NewRecorder(d.rec), Buffers: httpconn.NewBuffers(), TLSLimit: hang,
		Limits: httpconn.Limits{HeadBytes: 64 << 10, TargetBytes: 16 << 10, HeadFields: 100, HeadTimeout: hang,
			BodyTimeout: hang, IdleTimeout: hang, Write: hang},
	}
	for _, option := range options {
		option(&o)
	}
	if o.Recorder == nil {
		d.rec = nil
	}
	d.g = New(o)
	d.ctl = &site.Door{Serve: d.g.Serve, Finish: d.g.Finish, Grace: hang, Listen: d.listen}
	sweeping, stop := context.WithCancel(context.Background())
	d.conns.Go(func() { d.g.Sweep(sweeping) })
	t.Cleanup(func() {
		for _, l := range d.lis {
			l.Close()
		}
		stop()
		d.g.Close()
		d.conns.Wait()
	})
	return d
}

type released struct{}

func (released) Release() {}

// listen starts to accept on an address that address() reserved. The listener
// stays open: what a stopped site does on a shared address is under test here.
func (d *door) listen(addr netip.AddrPort, serve func(net.Conn)) (site.Listener, error) {
	l := d.lis[addr]
	if l == nil {
		panic("no such listener")
	}
	d.conns.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			d.conns.Go(func() { serve(nc) })
		}
	})
	return released{}, nil
}

// address gives a listener's address by a name of the test's own.
func (d *door) address(name string) netip.AddrPort {
	d.t.Helper()
	if addr, ok := d.addrs[name]; ok {
		return addr
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	d.addrs[name], d.lis[addr] = addr, l
	return addr
}

// site starts a site on the listeners named "tls" and "plain".
func (d *door) site(does *Site, names ...string) *site.Site {
	d.t.Helper()
	config := &tls.Config{
		Certificates: []tls.Certificate{d.ca.Issue(d.t, testnet.Leaf{Subject: does.Name, Names: names}).TLS()},
		NextProtos:   []string{"h2", "http/1.1"},
	}
	cert.NewTicketKeys(0).Apply(config)
	s := &site.Site{Name: does.Name, TLS: config, Bindings: []site.Binding{
		{Addr: d.address("tls"), Names: names}, {Addr: d.address("plain"), Plain: true, Names: names},
	}}
	d.does[does.Name] = does
	d.g.SetSites(d.does)
	d.table.Replace(s)
	if err := d.ctl.Start(s); err != nil {
		d.t.Fatal(err)
	}
	return s
}

// hang is a time that nothing takes unless it hangs, on whatever machine.
const hang = time.Minute

// patient are timeouts of an origin of which none fires: a test that wants one
// to fire sets it.
func patient() origin.Timeouts {
	return origin.Timeouts{Connect: hang, TLS: hang, Send: hang, FirstByte: hang, Between: hang, Idle: hang, Tunnel: hang}
}

// to makes an origin of a testnet peer.
func (d *door) to(peer *testnet.Origin, tune func(*origin.Options)) *origin.Origin {
	d.t.Helper()
	url := peer.URL("")
	host, port, err := net.SplitHostPort(peer.Addr)
	if err != nil {
		d.t.Fatal(err)
	}
	n, _ := strconv.Atoi(port)
	o := origin.Options{Name: url, Host: host, Port: uint16(n), Secure: strings.HasPrefix(url, "https"), ServerName: "localhost",
		Timeouts: patient(), MaxIdle: 100, Recorder: d.g.Recorder, Buffers: d.g.Buffers}
	if o.Secure {
		o.Roots = peer.Pool()
	}
	if tune != nil {
		tune(&o)
	}
	return origin.New(o)
}

// front starts a door with one site, app.test, before one origin.
func front(t testing.TB, peer *testnet.Origin, tune func(*origin.Options), options ...doorOption) *door {
	t.Helper()
	d := newDoor(t, options...)
	d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(d.to(peer, tune))}}}, "app.test")
	return d
}

// client is a raw connection to the door.
type client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (d *door) tlsConfig(name string) *tls.Config {
	return &tls.Config{RootCAs: d.ca.Pool(), ServerName: name}
}

func (d *door) dial(name string) *client {
	d.t.Helper()
	c, err := tls.Dial("tcp", d.addrs["tls"].String(), d.tlsConfig(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return newClient(d.t, c)
}

func (d *door) dialPlain() *client {
	d.t.Helper()
	c, err := net.Dial("tcp", d.addrs["plain"].String())
	if err != nil {
		d.t.Fatal(err)
	}
	return newClient(d.t, c)
}

func newClient(t testing.TB, c net.Conn) *client {
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(hang))
	return &client{Conn: c, t: t, r: bufio.NewReader(c)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// lines reads a response head as it is on the wire.
func (c *client) lines() (lines []string) {
	c.t.Helper()
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("read head after %q: %v", lines, err)
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return lines
		}
		lines = append(lines, line)
	}
}

// receive reads a response to method whole; err is what ended its body early.
func (c *client) receive(method string) (res *http.Response, body string, err error) {
	c.t.Helper()
	res, err = http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return nil, "", err
	}
	raw, err := io.ReadAll(res.Body)
	return res, string(raw), err
}

func (c *client) get(path string) (res *http.Response, body string) {
	c.t.Helper()
	c.send("GET " + path + " HTTP/1.1\r\nHost: app.test\r\n\r\n")
	res, body, err := c.receive("GET")
	if err != nil {
		c.t.Fatal(err)
	}
	return res, body
}

// ended waits for the end of the connection and fails if something else comes.
func (c *client) ended() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err == nil {
		c.t.Fatalf("the connection goes on with %q", b)
	} else if e, ok := err.(net.Error); ok && e.Timeout() {
		c.t.Fatal("the connection is still open")
	}
}

// incident is the newest incident; the response's header must name it.
func (d *door) incident(res *http.Response) Incident {
	d.t.Helper()
	in, ok := d.g.Incidents.Get(res.Header.Get("Fanlight-Incident"))
	if !ok {
		d.t.Fatalf("response %d names no incident that is known: %q", res.StatusCode, res.Header)
	}
	return in
}

// settled is the trace once no connection is open at the door and until holds.
func (d *door) settled(until func(*flow.Trace) bool) *flow.Trace {
	d.t.Helper()
	for end := time.Now().Add(hang); time.Now().Before(end); {
		if trace := d.rec.trace(); until(trace) {
			return trace
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Fatalf("the record does not come to what is expected:\n%s", d.rec.trace())
	return nil
}

// over holds when there is a client's connection in the trace and every
// connection has ended.
func over(trace *flow.Trace) bool {
	clients := 0
	for _, c := range trace.Conns {
		if c.Self == flow.Server {
			clients++
		}
		if !c.Close.Ended || len(c.Events) == 0 || c.Events[len(c.Events)-1].Kind != flow.Closed && c.Events[len(c.Events)-1].Kind != flow.ConnectFailed {
			return false
		}
	}
	return clients > 0
}

// clientConn is the only connection of a client in the trace.
func clientConn(t testing.TB, trace *flow.Trace) *flow.Conn {
	t.Helper()
	for _, c := range trace.Conns {
		if c.Self == flow.Server {
			return c
		}
	}
	return &flow.Conn{} // not recorded so far
}

func originConns(trace *flow.Trace) (out []*flow.Conn) {
	for _, c := range trace.Conns {
		if c.Self == flow.Client {
			out = append(out, c)
		}
	}
	return out
}

// has reports whether a connection has an event of a kind, with a text unless
// that is empty.
func has(c *flow.Conn, kind flow.Kind, text string) bool {
	for _, e := range c.Events {
		if e.Kind == kind && (text == "" || e.Text == text) {
			return true
		}
	}
	return false
}

func contains(t testing.TB, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: got %q, want it to say %q", what, text, part)
		}
	}
}
