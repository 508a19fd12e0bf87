package gateway

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/proxywire"
	"fanlight/internal/testnet"
)

// behind is a door that gets PROXY headers from the peers of a prefix.
func behind(t *testing.T, from string, options ...doorOption) *door {
	t.Helper()
	d := front(t, testnet.Echo{At: testnet.At{Plain: true}}.Start(t), nil, options...)
	balancers := []netip.Prefix{netip.MustParsePrefix(from)}
	d.g.SetBalancers(Balancers{d.address("tls"): balancers, d.address("plain"): balancers})
	return d
}

// dialBehind connects as a load balancer does that sends header first; which is
// a listener's name.
func (d *door) dialBehind(which, header string) *client {
	d.t.Helper()
	nc, err := net.Dial("tcp", d.addrs[which].String())
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := io.WriteString(nc, header); err != nil {
		d.t.Fatal(err)
	}
	if which == "tls" {
		return newClient(d.t, tls.Client(nc, d.tlsConfig("app.test")))
	}
	return newClient(d.t, nc)
}

const theClient = "203.0.113.9:4711"

func header(version int) string {
	h := proxywire.Header{Version: version, Client: netip.MustParseAddrPort(theClient), Server: netip.MustParseAddrPort("198.51.100.1:443")}
	return string(h.Append(nil))
}

// clientOver holds when a client's connection has ended; those to origins are
// kept.
func clientOver(trace *flow.Trace) bool {
	return slices.ContainsFunc(trace.Conns, func(c *flow.Conn) bool {
		return c.Self == flow.Server && len(c.Events) > 0 && c.Events[len(c.Events)-1].Kind == flow.Closed
	})
}

func TestProxyHeaderNamesTheClient(t *testing.T) {
	local := proxywire.Header{Version: 2, Local: true}
	for name, test := range map[string]struct{ which, header, forwarded, proxied string }{
		"version 1, TLS":   {"tls", header(1), "203.0.113.9", theClient},
		"version 2, TLS":   {"tls", header(2), "203.0.113.9", theClient},
		"version 1, plain": {"plain", header(1), "203.0.113.9", theClient},
		"version 2, plain": {"plain", header(2), "203.0.113.9", theClient},
		"a check":          {"tls", string(local.Append(nil)), "127.0.0.1", "invalid AddrPort"},
		"not known":        {"plain", "PROXY UNKNOWN\r\n", "127.0.0.1", "invalid AddrPort"},
	} {
		t.Run(name, func(t *testing.T) {
			d := behind(t, "127.0.0.1/32")
			c := d.dialBehind(test.which, test.header)
			for range 2 {
				_, body := c.get("/")
				contains(t, "request", fields(echoed(t, body)), "X-Forwarded-For: "+test.forwarded+"\n", "Forwarded: for="+test.forwarded+";")
			}
			c.Close()
			conn := clientConn(t, d.settled(clientOver))
			if conn.Proxied.String() != test.proxied || conn.Client.Addr().String() != "127.0.0.1" {
				t.Errorf("recorded %s for %s, want %s for 127.0.0.1", conn.Proxied, conn.Client, test.proxied)
			}
			if conn.ClientBytes < int64(len(test.header)) || !has(conn, flow.ProxyHeader, "") {
				t.Errorf("%d bytes recorded, with the header %d are the least:\n%s", conn.ClientBytes, len(test.header), conn)
			}
		})
	}
}

// One segment may hold the header, the ClientHello and more; another may hold one
// byte of it.
func TestProxyHeaderInAnyPieces(t *testing.T) {
	d := behind(t, "127.0.0.1/32")
	whole := header(1) + "GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"
	for _, cut := range []int{len(whole), 1, len(header(1)) - 1, len(header(1)), len(header(1)) + 1} {
		c := d.dialBehind("plain", whole[:cut])
		c.send(whole[cut:])
		if _, body, err := c.receive("GET"); err != nil || !strings.Contains(body, "203.0.113.9") {
			t.Errorf("cut at %d: %q, %v", cut, body, err)
		}
		c.Close()
	}
}

func TestProxyHeaderRefused(t *testing.T) {
	for name, test := range map[string]struct{ send, why, text string }{
		"no header":   {"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n", "127.0.0.1 began without the PROXY header that it must send here", ""},
		"damaged":     {"PROXY TCP4 1.2.3.4 5.6.7.8 1 x\r\n", `the PROXY header of 127.0.0.1 is damaged: "x" is no port`, "v1"},
		"another one": {"\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x00", "the PROXY header of 127.0.0.1 is damaged: version 3 is not known", "v2"},
	} {
		t.Run(name, func(t *testing.T) {
			d := behind(t, "127.0.0.1/32")
			d.dialBehind("plain", test.send).ended()
			conn := clientConn(t, d.settled(clientOver))
			if !has(conn, flow.Decision, "refuse: "+test.why) || conn.Close.Why != test.why {
				t.Errorf("want that %s:\n%s", test.why, conn)
			}
			if has(conn, flow.ProxyHeader, test.text) != (test.text != "") || conn.Proxied.IsValid() {
				t.Errorf("the header in the record:\n%s", conn)
			}
			if d.g.Metrics.ProxyRefused.Load() != 1 {
				t.Error("it was not counted")
			}
		})
	}
}

// A load balancer that connects and closes looks whether the door is there.
func TestProxyHeaderOfCheck(t *testing.T) {
	d := behind(t, "127.0.0.1/32")
	d.dialBehind("plain", "").Close()
	conn := clientConn(t, d.settled(clientOver))
	if conn.Close.Why != "client closed without a word" || d.g.Metrics.ProxyRefused.Load() != 0 {
		t.Errorf("%d counted as refused:\n%s", d.g.Metrics.ProxyRefused.Load(), conn)
	}
}

func TestProxyHeaderTooLate(t *testing.T) {
	d := behind(t, "127.0.0.1/32", func(o *Options) { o.Limits.HeadTimeout = 30 * time.Millisecond })
	d.dialBehind("plain", "PROXY TCP4 ").ended()
	conn := clientConn(t, d.settled(clientOver))
	if !has(conn, flow.Timeout, "proxy-header") || conn.Close.Why != "timeout: proxy-header" {
		t.Errorf("want a timeout:\n%s", conn)
	}
}

// A peer that is no load balancer says whose it is by its address alone.
func TestProxyHeaderOfOthers(t *testing.T) {
	d := behind(t, "192.0.2.0/24")
	if _, body := d.dial("app.test").get("/"); !strings.Contains(body, "127.0.0.1") {
		t.Errorf("without a header: %q", body)
	}
	c := d.dialBehind("plain", header(1)+"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
	if res, _, err := c.receive("GET"); err != nil || res.StatusCode != 400 {
		t.Errorf("a header in front of a plain request: %v, %v", res, err)
	}
	nc, err := net.Dial("tcp", d.addrs["tls"].String())
	if err != nil {
		t.Fatal(err)
	}
	newClient(t, nc).send(header(1))
	d.settled(func(trace *flow.Trace) bool {
		for _, c := range trace.Conns {
			for _, e := range c.Events {
				if e.Kind == flow.TLSFailed && strings.Contains(e.Text, "PROXY protocol header") {
					return true
				}
			}
		}
		return false
	})
}
