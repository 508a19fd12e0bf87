package oracle

import (
	"slices"
	"strings"
	"testing"
)

const captures = "../../testdata/captures/"

// file is a capture made by others, and what its README states.
type file struct {
	name  string
	keys  string
	check func(t *testing.T, got, want *seen)
}

func files() []file {
	return []file{
		{name: "zeek-tls12-decryption.pcap", keys: "zeek-tls12-decryption.keys", check: func(t *testing.T, got, _ *seen) {
			c := only(t, got)
			if c.version != "1.2" || c.decrypted != "yes" {
				t.Errorf("TLS %s, decrypted %s", c.version, c.decrypted)
			}
			x := &exchange{method: "GET", target: "/", status: 301, sentBody: bodyOf(nil), gotBody: length(229), outcome: "complete"}
			compareWithSent(t, "fanlight", c.exchanges, []*exchange{x})
			if h := c.exchanges[0].sent.fold("host"); !slices.Equal(h, []string{"heise.de"}) {
				t.Errorf("host is %q", h)
			}
		}},
		{name: "zeek-client-certificate.pcap", check: func(t *testing.T, got, _ *seen) {
			c := only(t, got)
			c.must(t, event{kind: "certificate-request", from: "server"}, event{kind: "certificate", from: "client"}, event{kind: "tls-done"})
			if c.whyNot == "" {
				t.Error("no reason is given why it stays encrypted")
			}
		}},
		{name: "zeek-certificate-request-failed.pcap", check: func(t *testing.T, got, _ *seen) {
			c := only(t, got)
			c.must(t, event{kind: "certificate-request", from: "server"}, event{kind: "certificate", from: "client", text: "none"},
				event{kind: "alert", from: "server", text: "handshake_failure"})
			if c.by != "server" {
				t.Errorf("closed by %s, not by the server", c.by)
			}
		}},
		{name: "zeek-http-pipelined-requests.pcap"},
		{name: "zeek-http-100-continue.pcap", check: func(t *testing.T, got, _ *seen) {
			only(t, got).must(t, event{kind: "interim", from: "server"})
		}},
		{name: "ja4-http1-with-cookies.pcapng", check: func(t *testing.T, got, _ *seen) {
			if x := only(t, got).exchanges; len(x) != 1 || len(x[0].sent.fold("cookie")) == 0 {
				t.Errorf("not one exchange with cookies: %s", titles(x))
			}
		}},
		{name: "ja4-http2-with-cookies.pcapng", check: checkHTTP2WithCookies},
		{name: "ja4-chrome-quic-with-secrets.pcapng", check: func(t *testing.T, got, _ *seen) {
			if len(got.conns) != 2 || got.conns[0].sni != got.conns[1].sni {
				t.Errorf("%d connections, not one of TLS and one of QUIC to one host", len(got.conns))
			}
		}},
		{name: "ja4-https-connect.pcap", check: func(t *testing.T, got, _ *seen) {
			c := only(t, got)
			if len(c.exchanges) != 1 || c.exchanges[0].method != "CONNECT" {
				t.Errorf("not one CONNECT: %s", titles(c.exchanges))
			}
			c.must(t, event{kind: "tunnel"}, event{kind: "client-hello"})
		}},
		{name: "ja4-tls-handshake.pcapng"},
	}
}

func checkHTTP2WithCookies(t *testing.T, got, want *seen) {
	answers := 0
	for _, x := range got.all() {
		if x.status != 0 {
			answers++
		}
	}
	told := 0
	for _, x := range want.all() {
		if x.status != 0 {
			told++
		}
	}
	if answers != told {
		t.Errorf("%d responses, tshark sees %d", answers, told)
	}
	if c := only(t, got); c.decrypted != "yes" {
		t.Errorf("decrypted: %s (%s)", c.decrypted, c.whyNot)
	}
}

// only is the one connection that there must be.
func only(t *testing.T, s *seen) *conn {
	t.Helper()
	if len(s.conns) != 1 {
		t.Fatalf("%d connections, not one", len(s.conns))
	}
	return s.conns[0]
}

func (c *conn) must(t *testing.T, events ...event) {
	t.Helper()
	for _, e := range events {
		if !c.saw(e) {
			t.Errorf("no event %s %s by %s; there are %v", e.kind, e.text, e.from, c.events)
		}
	}
}

func TestFiles(t *testing.T) {
	for _, f := range files() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			var keys, shark []string
			if f.keys != "" {
				keys, shark = []string{"--keys", captures + f.keys}, []string{"-o", "tls.keylog_file:" + captures + f.keys}
			}
			got, want := trace(t, captures+f.name, keys...), tshark(t, captures+f.name, shark...)
			tcp := &seen{conns: slices.DeleteFunc(slices.Clone(got.conns), func(c *conn) bool { return c.quic() })}
			compareWithTshark(t, tcp, want)
			if got.damaged != "" {
				t.Errorf("the capture is called damaged: %s", got.damaged)
			}
			if f.check != nil {
				f.check(t, got, want)
			}
		})
	}
}

// quic tells whether a connection began over UDP: its fingerprint says so.
func (c *conn) quic() bool {
	return slices.ContainsFunc(c.events, func(e event) bool { return strings.HasPrefix(e.ja4, "q") })
}
