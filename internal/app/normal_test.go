package app_test

import (
	"cmp"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// normaliser rewrites a record so that every run gives the same one: times,
// numbers, ports, ids, and what peers draw at random. What happened, in which
// order, and every address but its port stay as they were.
type normaliser struct {
	conns     map[flow.ConnID]flow.ConnID
	exchanges map[flow.ExchangeID]flow.ExchangeID
	ports     map[netip.AddrPort]uint16
	texts     map[string]string // of this run, and what stands for it
}

// record writes a trace in normal form.
func (d *door) record(trace *flow.Trace) string {
	n := d.normaliser(trace)
	out := &flow.Trace{Facts: n.events(trace.Facts)}
	for _, c := range trace.Sorted().Conns {
		out.Conns = append(out.Conns, flow.Fold(n.events(settled(c))).Conns...)
	}
	return out.String()
}

// normaliser numbers connections, exchanges and ports in the order of a trace.
func (d *door) normaliser(trace *flow.Trace) *normaliser {
	n := &normaliser{conns: map[flow.ConnID]flow.ConnID{}, exchanges: map[flow.ExchangeID]flow.ExchangeID{},
		ports: map[netip.AddrPort]uint16{}, texts: map[string]string{filepath.Dir(d.path): "DIR", ":" + d.port: ":443"}}
	for addr, name := range d.peer {
		n.texts[addr] = name
		n.ports[netip.MustParseAddrPort(addr)] = netip.MustParseAddrPort(name).Port()
	}
	for _, c := range trace.Sorted().Conns {
		n.conns[c.ID] = flow.ConnID(len(n.conns) + 1)
		n.number(c)
		if c.Server.IsValid() && fmt.Sprint(c.Server.Port()) == d.port {
			n.ports[c.Server] = 443
		}
		if c.Self != flow.Unknown && n.ports[c.Client] == 0 {
			port := uint16(40000 + int(n.conns[c.ID]))
			n.ports[c.Client] = port
			n.texts[c.Client.String()] = netip.AddrPortFrom(c.Client.Addr(), port).String()
		}
	}
	return n
}

// settled is what happened on a connection without what is a race (whether an
// peer has closed too by the time the door does, the four ends of a tunnel) and
// without what a client's own TLS library offers.
func settled(c *flow.Conn) (out []flow.Event) {
	last := c.Events[len(c.Events)-1]
	refused := c.TLS != nil && c.TLS.Done == flow.No
	tunnel := slices.ContainsFunc(c.Exchanges, func(x *flow.Exchange) bool { return x.Status == 101 })
	for _, e := range c.Events {
		switch {
		case e.Kind == flow.Hanging: // the sweeper's, whenever it passes
			continue
		case (e.Kind == flow.FIN || e.Kind == flow.RST) &&
			(tunnel || refused || c.Self == flow.Client && ours(last.Text)):
			continue
		case e.Kind == flow.ClientHello && c.Self == flow.Server:
			e.Attrs = flow.Attrs(flow.KeySNI, e.Attr(flow.KeySNI), flow.KeyALPN, e.Attr(flow.KeyALPN))
		}
		out = append(out, e)
	}
	return out
}

// ours tells from the reason for closing an origin connection that it was the
// door's.
func ours(why string) bool {
	return why == "origin no longer used" || why == "client connection ended" || strings.Contains(why, "`renegotiation: never`")
}

func (n *normaliser) number(c *flow.Conn) {
	for _, e := range c.Events {
		if e.Exchange != 0 && n.exchanges[e.Exchange] == 0 {
			n.exchanges[e.Exchange] = flow.ExchangeID(len(n.exchanges) + 1)
		}
	}
}

func (n *normaliser) events(events []flow.Event) (out []flow.Event) {
	for _, e := range events {
		if !e.At.IsZero() {
			e.At = time.Unix(0, 0).UTC()
		}
		e.Conn, e.Exchange, e.Parent = n.conns[e.Conn], n.exchanges[e.Exchange], n.exchanges[e.Parent]
		if e.Open != nil {
			o := *e.Open
			o.Parent, o.Client, o.Server = n.conns[o.Parent], n.addr(o.Client), n.addr(o.Server)
			e.Open = &o
		}
		if e.Kind == flow.Incident {
			n.texts[e.Text] = "INCIDENT"
		}
		e.Text = n.text(e.Text)
		e.Attrs = n.attrs(e.Attrs)
		e.Header = n.header(e.Header)
		out = append(out, e)
	}
	return out
}

func (n *normaliser) addr(a netip.AddrPort) netip.AddrPort {
	if port, known := n.ports[a]; known {
		return netip.AddrPortFrom(a.Addr(), port)
	}
	return a
}

// text replaces the longest first: an address before its port.
func (n *normaliser) text(s string) string {
	var keys []string
	for key := range n.texts {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, key := range keys {
		s = strings.ReplaceAll(s, key, n.texts[key])
	}
	for _, r := range passing {
		s = r.pattern.ReplaceAllString(s, r.with)
	}
	return s
}

// passing is what changes from run to run within a text.
var passing = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`127\.0\.0\.1:[345]\d{4}`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`\(pid \d+\)`), "(pid PID)"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`), "TIME"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`), "TIME"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b`), "DATE"},
}

// measured are attributes that hold sizes, durations and what is drawn at
// random.
var measured = []string{"bytes", "client_bytes", "server_bytes", "idle_ms", "not_after", "sha256", "pid", "tickets", "binding"}

func (n *normaliser) attrs(attrs []flow.Attr) (out []flow.Attr) {
	for _, a := range attrs {
		a.Value = n.text(a.Value)
		if slices.Contains(measured, a.Key) {
			a.Value = "?"
		}
		out = append(out, a)
	}
	return out
}

// fields are header fields whose values belong to one run.
var fields = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?im)^(Date|Last-Modified|ETag|Fanlight-Incident): .*$`), "$1: ?"},
	{regexp.MustCompile(`;by=_[a-z2-7]{10}-`), ";by=_DOOR-"},
	{regexp.MustCompile(`(?im)^(User-Agent: curl|Server: Apache|Server: nginx)/.*$`), "$1/?"},
	{regexp.MustCompile(`(?im)^((?:WWW-Authenticate|Authorization): (?:NTLM|Negotiate)) \S+$`), "$1 TOKEN"},
}

func (n *normaliser) header(h []byte) []byte {
	if len(h) == 0 {
		return nil
	}
	s := strings.ReplaceAll(n.text(string(h)), "\r\n", "\n")
	for _, f := range fields {
		s = f.pattern.ReplaceAllString(s, f.with)
	}
	return []byte(strings.ReplaceAll(s, "\n", "\r\n"))
}

// story compares the record with that of the story in testdata/stories.
func (d *door) story(t testing.TB, name string, trace *flow.Trace) {
	t.Helper()
	text := d.record(trace)
	again, err := flow.Parse(text)
	if err != nil {
		t.Errorf("the record of %s does not parse: %v\n%s", name, err, text)
	} else if again.String() != text {
		t.Errorf("the record of %s is another one after it was parsed:\n%s", name, again)
	}
	testnet.Golden(t, filepath.Join("..", "..", "testdata", "stories", name), text)
}
