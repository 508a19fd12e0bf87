package app_test

import (
	"crypto/tls"
	"net"
	"slices"
	"testing"

	"fanlight/internal/testnet"
)

// Each name has its own loopback address, a certificate of the local CA, and
// its own program behind it. (What `fanlight dev` adds to the hosts file is
// tried in testdata/scripts/dev.txtar.)
func TestStory5OwnNames(t *testing.T) {
	auth, orders := testnet.NTLMOrigin{At: testnet.At{Plain: true}}.Start(t), testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	d := serve(t, `
sites:
  auth:
    bind: ["127.0.0.71:$PORT auth.mysoftware.test"]
    routes: [{path: /, to: "http://$AUTH"}]
  orders:
    bind: ["127.0.0.72:$PORT orders.mysoftware.test"]
    routes: [{path: /, to: "http://$ORDERS"}]
`, "$AUTH", auth.Addr, "$ORDERS", orders.Addr)
	d.peer[auth.Addr], d.peer[orders.Addr] = "127.0.0.1:5001", "127.0.0.1:5002"

	out, code := d.curl("auth.mysoftware.test", "127.0.0.71", "-o", "/dev/null", "-w", "%{http_code}", d.url("auth.mysoftware.test", "/"))
	if code != 0 || out != "401" {
		t.Errorf("curl, which verifies, ended with %d: %s", code, out)
	}
	out, code = d.curl("orders.mysoftware.test", "127.0.0.72", "-o", "/dev/null", "-w", "%{http_code}", d.url("orders.mysoftware.test", "/"))
	if code != 0 || out != "200" {
		t.Errorf("curl, which verifies, ended with %d: %s", code, out)
	}
	d.story(t, "5-names.txtar#two names", d.quiet())

	for addr, name := range map[string]string{"127.0.0.71": "auth.mysoftware.test", "127.0.0.72": "orders.mysoftware.test"} {
		c, err := tls.Dial("tcp", net.JoinHostPort(addr, d.port), &tls.Config{ServerName: name, RootCAs: d.roots()})
		must(t, err)
		leaf := c.ConnectionState().PeerCertificates[0]
		if c.Close(); !slices.Equal(leaf.DNSNames, []string{name}) {
			t.Errorf("the certificate at %s is for %q", addr, leaf.DNSNames)
		}
	}
	const unrecognized = "remote error: tls: unrecognized name"
	if _, err := tls.Dial("tcp", "127.0.0.71:"+d.port, &tls.Config{ServerName: "orders.mysoftware.test", RootCAs: d.roots()}); err == nil || err.Error() != unrecognized {
		t.Errorf("one name on the other's address: %v", err)
	}
	if c, err := net.Dial("tcp", "127.0.0.1:"+d.port); err == nil {
		c.Close()
		t.Error("somebody listens on 127.0.0.1 too")
	}
}
