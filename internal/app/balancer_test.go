package app_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fanlight/internal/dissect"
	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

const balancedConfig = `
proxy_protocol:
  - {bind: ["127.0.0.2:$PORT", "127.0.0.3:$PORT"], from: [127.0.0.1]}
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test", "http://127.0.0.3:$PORT app.test"]
    routes: [{path: /files/, files: www}, {path: /, to: "$ORIGIN"}]
`

// theVisitor is the address of a client in front of the load balancer.
const theVisitor = "127.0.0.9"

// TestBehindHAProxy has HAProxy put a header of either version, with all that it
// can say, in front of TLS and of plain HTTP.
func TestBehindHAProxy(t *testing.T) {
	for name, send := range map[string]string{
		"version 1":                "send-proxy",
		"version 2":                "send-proxy-v2",
		"version 2, with all else": "send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id",
		"with checks":              "send-proxy-v2 check inter 100 check-send-proxy",
	} {
		t.Run(name, func(t *testing.T) {
			keys := &dissect.Keys{}
			echo := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
			d := serve(t, balancedConfig, "$ORIGIN", echo.URL(""))
			secure, plain := d.haproxyBefore(send)
			seen := func(*dissect.Keys) *flow.Trace { return nil }
			if os.Geteuid() == 0 {
				seen = capturePorts(t, d.port)
			}
			for _, url := range []string{"https://app.test:" + secure, "http://app.test:" + plain} {
				_, port, _ := strings.Cut(url, "test:")
				out, code := d.curl("app.test", "127.0.0.1", "--interface", theVisitor, "--resolve", "app.test:"+port+":127.0.0.1", url+"/")
				if code != 0 || !strings.Contains(out, `"`+theVisitor+`"`) {
					t.Errorf("%s ended with %d: %s", url, code, out)
				}
			}
			d.tellOf(theVisitor)
			if strings.Contains(send, "check") {
				return // those do not stop
			}
			d.quiet()
			time.Sleep(300 * time.Millisecond) // the last packets are on their way to us
			d.shut()
			if captured := seen(keys); captured != nil {
				agreeOnProxied(t, d.Trace(), captured)
			}
		})
	}
}

// tellOf waits for the record of two connections of a client behind.
func (d *door) tellOf(visitor string) {
	d.t.Helper()
	until(d.t, "two connections of "+visitor+" to be recorded", func() bool {
		n := 0
		for _, c := range d.Trace().Conns {
			if c.Proxied.Addr() == netip.MustParseAddr(visitor) && c.Client.Addr().String() == "127.0.0.1" {
				n++
			}
		}
		return n >= 2
	})
}

// haproxyBefore starts HAProxy before a door, in front of TLS, which it passes on
// as it is, and of plain HTTP, and gives its ports.
func (d *door) haproxyBefore(send string) (secure, plain string) {
	d.t.Helper()
	dir := publicDir(d.t)
	secure, plain = freePort(d.t), freePort(d.t)
	write(d.t, dir+"/haproxy.cfg", fmt.Sprintf(`defaults
  mode tcp
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend f1
  unique-id-format %%ci-%%cp
  bind 127.0.0.1:%s
  default_backend b1
frontend f2
  bind 127.0.0.1:%s
  default_backend b2
backend b1
  server s 127.0.0.2:%s %s
backend b2
  server s 127.0.0.3:%s %s
`, secure, plain, d.port, send, d.port, send))
	launch(d.t, "127.0.0.1:"+plain, program(d.t, "haproxy"), "-db", "-f", dir+"/haproxy.cfg")
	return secure, plain
}

// agreeOnProxied compares what a live record and one of packets know of whom
// connections were made for.
func agreeOnProxied(t *testing.T, live, seen *flow.Trace) {
	t.Helper()
	n := 0
	for _, l := range live.Conns {
		for _, s := range seen.Conns {
			if l.Client != s.Client || l.Server != s.Server || l.Proxied.Addr().String() != theVisitor {
				continue // or one that began before the capture
			}
			n++
			if a, b := proxyHeaderOf(l), proxyHeaderOf(s); l.Proxied != s.Proxied || a != b {
				t.Errorf("live %s %s, from packets %s %s", l.Proxied, a, s.Proxied, b)
			}
		}
	}
	if n < 2 {
		t.Errorf("%d connections with a client behind were compared", n)
	}
}

func proxyHeaderOf(c *flow.Conn) string {
	for _, e := range c.Events {
		if e.Kind == flow.ProxyHeader {
			return fmt.Sprint(e.Text, e.From, e.Attrs)
		}
	}
	return ""
}

// TestBalancerWithoutHeader: the operator is told what is wrong.
func TestBalancerWithoutHeader(t *testing.T) {
	d := serve(t, balancedConfig, "$ORIGIN", "http://127.0.0.1:9")
	if out, code := d.curl("app.test", "127.0.0.2", d.url("app.test", "/files/hello.txt")); code == 0 {
		t.Errorf("without a header it was answered: %s", out)
	}
	if out, code := d.curl("app.test", "127.0.0.2", "--haproxy-protocol", d.url("app.test", "/files/hello.txt")); code != 0 || out != "hello\n" {
		t.Errorf("with curl's header it ended with %d: %s", code, out)
	}
	if got := d.findings("proxy-protocol-mismatch"); len(got) != 1 {
		t.Errorf("findings %q", got)
	}
}

// TestOriginsLearnTheClient has nginx, plain and with TLS, and HAProxy read the
// headers of the door: each client's connections are its own.
func TestOriginsLearnTheClient(t *testing.T) {
	for name, origin := range map[string]func(l *live) string{
		"nginx": func(l *live) string {
			return "http://" + l.nginx(`return 200 "$proxy_protocol_addr $proxy_protocol_server_addr\n";`, "proxy_protocol")
		},
		"nginx with TLS": func(l *live) string {
			return "https://" + l.nginx(`return 200 "$proxy_protocol_addr $proxy_protocol_server_addr\n";`, "ssl proxy_protocol")
		},
		"HAProxy": func(l *live) string {
			return "http://" + l.haproxy("bind ADDR accept-proxy\n  http-request return status 200 content-type text/plain lf-string \"%[src] %[dst]\\n\"")
		},
	} {
		for _, version := range []string{"v1", "v2"} {
			t.Run(name+", "+version, func(t *testing.T) {
				l := &live{door: &door{t: t}}
				to, tls := origin(l), ""
				if strings.HasPrefix(to, "https") {
					tls = ", tls: {insecure: true}"
				}
				d := serve(t, `
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test"]
    routes: [{path: /, to: "$ORIGIN", proxy_protocol: `+version+`$TLS}]
`, "$ORIGIN", to, "$TLS", tls)
				for range 2 {
					for _, visitor := range []string{"127.0.0.8", "127.0.0.9"} {
						url := d.url("app.test", "/")
						want := strings.Repeat(visitor+" 127.0.0.2\n", 3)
						if out, code := d.curl("app.test", "127.0.0.2", "--interface", visitor, url, url, url); code != 0 || out != want {
							t.Errorf("curl ended with %d: %q, want %q", code, out, want)
						}
					}
				}
				opened, told := 0, 0
				until(t, "the origin connections of clients that have gone to be closed", func() bool {
					opened, told = 0, 0
					for _, c := range d.Trace().Conns {
						if c.Self != flow.Client {
							continue
						}
						opened++
						if c.Proxied.IsValid() && strings.Contains(c.Close.Why, "speaks for") {
							told++
						}
					}
					return told >= 4
				})
				if opened != 4 {
					t.Errorf("%d origin connections for 4 clients of 3 requests each", opened)
				}
			})
		}
	}
}

// TestWhyNamesTheClientBehind: the operator sees whom a load balancer spoke for.
func TestWhyNamesTheClientBehind(t *testing.T) {
	l := &live{door: serve(t, balancedConfig, "$ORIGIN", "http://127.0.0.1:9")}
	_, plain := l.haproxyBefore("send-proxy")
	out, code := l.curl("app.test", "127.0.0.1", "--interface", theVisitor, "-i", "--resolve", "app.test:"+plain+":127.0.0.1", "http://app.test:"+plain+"/")
	match := incidentLine.FindStringSubmatch(out)
	if code != 0 || match == nil {
		t.Fatalf("curl ended with %d: %s", code, out)
	}
	l.ask = match[1]
	command := buildCommand(t)
	until(t, "why to name the client", func() bool {
		text, _ := exec.Command(command, l.args()...).CombinedOutput()
		return strings.Contains(string(text), "The client was "+theVisitor+":") && strings.Contains(string(text), "(by the PROXY header of 127.0.0.1:")
	})
}
