package oracle

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"fanlight/internal/testnet"
)

// lookupFaults are lookups that fail, stall or mislead.
func lookupFaults() []corpusCase {
	page := map[string][]byte{"page.txt": text(300)}
	return []corpusCase{
		{"sick/name-does-not-resolve-curl", label("curl (glibc) asks dnsmasq, which knows no such name", "find name-does-not-resolve confidence proof"), func(b *bench) {
			b.nginx(page, "", "")
			b.dnsmasq("--address=/app.test/"+b.addr.Addr().String(), "--local=/test/")
			b.captureFor(func() { b.named("", "! curl -sS -m 10 http://ap.test:"+b.port()+"/page.txt") })
		}},
		{"sick/name-does-not-resolve-dead", label("curl (glibc, timeout:1 attempts:2) asks a name server that never answers", "find name-does-not-resolve"), func(b *bench) {
			b.nginx(page, "", "")
			b.resolver(func(dnsmessage.Question, int) int { return dropped })
			b.captureFor(func() {
				b.named("options timeout:1 attempts:2", "! curl -sS -m 10 http://app.test:"+b.port()+"/page.txt")
			})
		}},
		{"sick/name-does-not-resolve-refused", label("curl (glibc) asks dnsmasq, which has no server to ask: REFUSED", "find name-does-not-resolve"), func(b *bench) {
			b.nginx(page, "", "")
			b.dnsmasq("--no-resolv")
			b.captureFor(func() { b.named("", "! curl -sS -m 10 http://app.example:"+b.port()+"/page.txt") })
		}},
		{"sick/resolver-stall-5s-glibc", label("curl (glibc with its defaults); the first AAAA query gets no answer, A does: asked again after 5 s", "find resolver-stall-5s confidence proof"), func(b *bench) {
			b.nginx(page, "", "")
			b.resolver(func(q dnsmessage.Question, n int) int {
				if q.Type == dnsmessage.TypeAAAA && n == 0 {
					return dropped
				}
				return replied
			})
			b.captureFor(func() { b.named("", "curl -sS -m 20 http://app.test:"+b.port()+"/page.txt") })
		}},
		{"sick/resolver-stall-5s-second-server", label("curl (glibc, timeout:1); the first name server is dead, the second (dnsmasq) answers; three visits", "find resolver-stall-5s confidence proof"), func(b *bench) {
			b.nginx(page, "", "")
			b.dnsmasq("--host-record=app.test,"+b.addr.Addr().String(), "--local=/test/")
			b.resolverAt(netip.MustParseAddr("127.0.0.250"), func(dnsmessage.Question, int) int { return dropped })
			b.captureFor(func() {
				b.named("options timeout:1\nnameserver 127.0.0.250", strings.Repeat("curl -sS -m 20 http://app.test:"+b.port()+"/page.txt && ", 3)+"true")
			})
		}},
		{"sick/stale-origin-address-nginx", label("nginx looks its origin up at its start; the origin moves, DNS follows, nginx is not told; the old address refuses; the origin by its name works",
			"find stale-origin-address confidence proof"), func(b *bench) {
			m := b.moving()
			m.move(nil, nil, func() { m.gateNginx() }, func() {})
		}},
		{"sick/stale-origin-address-haproxy", label("HAProxy looks its origin up at its start; the origin moves, DNS follows, HAProxy is not told; at the old address is another server by then, with its own certificate (TLS 1.2)",
			"find stale-origin-address confidence proof"), func(b *bench) {
			m, ca := b.moving(), testnet.NewCA(b.t, "origin CA")
			b.write("origin-ca.pem", ca.CertPEM)
			m.move(ca.Issue(b.t, testnet.Leaf{Names: []string{"app.internal"}}), ca.Issue(b.t, testnet.Leaf{Names: []string{"other.example"}}), func() {
				b.namedServers()
				b.haproxy(haproxyTimes + "frontend f\n bind ADDR ssl crt DIR/both.pem\n default_backend b\nbackend b\n retries 0\n" +
					" server app app.internal:" + strconv.Itoa(int(m.new.Port())) + " source " + b.addr.Addr().String() + " ssl verify required ca-file DIR/origin-ca.pem sni str(app.internal) verifyhost app.internal\n")
			}, func() {})
		}},
		{"sick/hosts-entry-bypassed-squid", label("the hosts file gives app.test to nginx here; curl uses Squid as a proxy, which asks dnsmasq and gets another address",
			"find hosts-entry-bypassed confidence proof"), func(b *bench) {
			m := b.elsewhere()
			b.holds("2001:db8::7/128")
			at := netip.MustParseAddrPort("[2001:db8::7]:3128") // of another machine, as far as its address tells
			proxy := b.second()
			b.also = append(b.also, at)
			proxy.namedBy(b)
			proxy.forwards(at)
			b.captureFor(func() { m.visit("-x http://" + at.String()) })
		}},
		{"sick/hosts-entry-bypassed-dns-only", label("the hosts file gives app.test to nginx here; nsswitch.conf names dns alone, so that curl gets another address",
			"find hosts-entry-bypassed confidence likely"), func(b *bench) {
			m := b.elsewhere()
			b.switches = "hosts: dns\n"
			b.captureFor(func() { m.visit("") })
		}},
		{"sick/hosts-family-leak-dnsmasq", label("dnsmasq has an IPv4 address for app.test in its own hosts file, and passes AAAA on to another dnsmasq, which has one; curl",
			"find hosts-family-leak confidence likely"), func(b *bench) {
			m := b.elsewhere6()
			b.write("more-hosts", []byte(b.addr.Addr().String()+" app.test\n"))
			b.dnsmasq("--addn-hosts="+b.dir+"/more-hosts", "--server=127.0.0.251")
			b.dnsmasqAt(netip.MustParseAddr("127.0.0.251"), "--host-record=app.test,"+m.new.Addr().String())
			b.hosts = ""
			b.captureFor(func() { m.visit("") })
		}},
		{"sick/hosts-family-leak-python", label("the hosts file gives app.test an IPv4 address; Python with an IPv6 socket (glibc, one family) asks DNS for the other family, and gets one",
			"find hosts-family-leak confidence proof"), func(b *bench) {
			m := b.elsewhere6()
			b.dnsmasq("--host-record=app.test,"+m.new.Addr().String(), "--local=/test/")
			b.captureFor(func() { m.visit6() })
		}},
		{"healthy/hosts-entry-followed", "", func(b *bench) {
			m := b.elsewhere()
			b.captureFor(func() { m.visit("") })
		}},
		{"healthy/hosts-entry-with-a-gateway", "", func(b *bench) {
			m := b.moving()
			m.origin(m.new, nil)
			b.nginx(nil, "ssl", "location / { proxy_pass http://"+m.new.String()+"; proxy_set_header Host $http_host; proxy_bind "+b.addr.Addr().String()+"; }")
			b.dnsmasq("--local=/test/")
			b.hosts = b.addr.Addr().String() + " app.test\n"
			b.captureFor(func() { m.visit("") })
		}},
		{"healthy/origin-moved-and-gateway-told", "", func(b *bench) {
			m := b.moving()
			m.move(nil, nil, func() { m.gateNginx() }, func() {
				b.shell("kill -HUP $(cat " + b.dir + "/pid)")
				time.Sleep(300 * time.Millisecond)
			})
		}},
		{"healthy/lookup-with-both-families", "", func(b *bench) {
			b.nginx(page, "", "")
			b.dnsmasq("--host-record=app.test,"+b.addr.Addr().String(), "--local=/test/")
			b.captureFor(func() { b.named("", "curl -sS http://app.test:"+b.port()+"/page.txt") })
		}},
		{"healthy/lookup-with-search-suffix", "", func(b *bench) {
			b.nginx(page, "", "")
			b.dnsmasq("--host-record=app.test,"+b.addr.Addr().String(), "--local=/test/", "--local=/example/")
			b.captureFor(func() { b.named("search corp.example example test", "curl -sS http://app:"+b.port()+"/page.txt") })
		}},
		{"healthy/lookup-with-aliases", "", func(b *bench) {
			b.nginx(page, "", "")
			b.dnsmasq("--host-record=e7.cdn.test,"+b.addr.Addr().String(), "--cname=www.test,edge.cdn.test", "--cname=edge.cdn.test,e7.cdn.test", "--local=/test/")
			b.captureFor(func() { b.named("", "curl -sS http://www.test:"+b.port()+"/page.txt") })
		}},
		{"healthy/lookup-retried-at-once", "", func(b *bench) {
			b.nginx(page, "", "")
			b.resolver(func(_ dnsmessage.Question, n int) int {
				if n == 0 {
					return failed
				}
				return replied
			})
			b.captureFor(func() { b.named("", "curl -sS http://app.test:"+b.port()+"/page.txt") })
		}},
		{"healthy/lookup-over-tcp", "", func(b *bench) {
			b.nginx(page, "", "")
			b.dnsmasq("--host-record=app.test,"+b.addr.Addr().String(), "--local=/test/")
			b.captureFor(func() { b.named("options use-vc", "curl -sS http://app.test:"+b.port()+"/page.txt") })
		}},
	}
}

// What a name server does with a query.
const (
	replied = iota // with the address of the bench, to A
	dropped
	failed // SERVFAIL
)

// resolver is a name server at port 53 of the bench's address that treats the
// nth query of each type as it is told.
func (b *bench) resolver(treat func(q dnsmessage.Question, n int) int) {
	b.t.Helper()
	b.resolverAt(b.addr.Addr(), treat)
}

func (b *bench) resolverAt(at netip.Addr, treat func(q dnsmessage.Question, n int) int) {
	b.t.Helper()
	b.dns = true
	pc, err := net.ListenPacket("udp", netip.AddrPortFrom(at, 53).String())
	must(b.t, err)
	b.t.Cleanup(func() { pc.Close() })
	go func() {
		counts, buf := map[dnsmessage.Type]int{}, make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			what := treat(q, counts[q.Type])
			counts[q.Type]++
			if out := b.reply(m, what); out != nil {
				_, _ = pc.WriteTo(out, from)
			}
		}
	}()
}

// reply is the answer to a query, nil if it gets none.
func (b *bench) reply(m dnsmessage.Message, what int) []byte {
	if what == dropped {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if what == failed {
		m.RCode = dnsmessage.RCodeServerFailure
	} else if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}, Body: &dnsmessage.AResource{A: b.addr.Addr().As4()}}}
	}
	out, err := m.Pack()
	must(b.t, err)
	return out
}

// dnsmasq starts dnsmasq at port 53 of the bench's address.
func (b *bench) dnsmasq(args ...string) *exec.Cmd {
	b.t.Helper()
	return b.dnsmasqAt(b.addr.Addr(), args...)
}

func (b *bench) dnsmasqAt(at netip.Addr, args ...string) *exec.Cmd {
	b.t.Helper()
	b.dns = true
	path := program(b.t, "dnsmasq")
	addr := at.String()
	cmd := exec.Command(path, append([]string{"--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--pid-file=",
		"--user=root", "--bind-interfaces", "--listen-address=" + addr, "--port=53", "--cache-size=0"}, args...)...)
	out := &buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	must(b.t, cmd.Start())
	b.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	b.until("dnsmasq to listen: "+out.String(), func() bool { return listensTo(b.t, netip.AddrPortFrom(at, 53)) })
	return cmd
}

func listensTo(t testing.TB, addr netip.AddrPort) bool {
	t.Helper()
	raw, err := os.ReadFile("/proc/net/udp")
	must(t, err)
	a := addr.Addr().As4()
	return strings.Contains(string(raw), fmt.Sprintf(" %02X%02X%02X%02X:%04X ", a[3], a[2], a[1], a[0], addr.Port()))
}

// named runs a command line whose resolver asks the bench's address, with more
// lines of resolv.conf in front, and which has no hosts file.
func (b *bench) named(resolvConf, line string) {
	b.t.Helper()
	b.write("line.sh", []byte(b.place(resolvConf, b.hosts)+"{ "+line+"; }\n"))
	ended := time.AfterFunc(60*time.Second, func() { b.t.Error("the command takes too long") })
	defer ended.Stop()
	b.shell("cd " + b.dir + " && unshare --mount sh line.sh")
}

// namedServers has servers that are started from here on ask the bench's
// address.
func (b *bench) namedServers() { b.namedBy(b) }

// namedBy is namedServers with the name server of another bench.
func (b *bench) namedBy(of *bench) {
	b.t.Helper()
	b.within = []string{program(b.t, "unshare"), "--mount", "sh", "-c", of.place("", "") + `exec "$0" "$@"`}
}

// place is the beginning of a command line that puts a resolv.conf and a hosts
// file in place of the system's.
func (b *bench) place(resolvConf, hosts string) (mounts string) {
	b.t.Helper()
	b.write("resolv.conf", []byte(resolvConf+"\nnameserver "+b.addr.Addr().String()+"\n"))
	b.write("hosts", []byte(hosts))
	if b.switches == "" {
		b.switches = "hosts: files dns\n"
	}
	b.write("nsswitch.conf", []byte(b.switches))
	for _, name := range []string{"resolv.conf", "hosts", "nsswitch.conf"} {
		mounts += "mount --bind " + b.dir + "/" + name + " /etc/" + name + " && "
	}
	return mounts
}

// moved is what happens when an origin moves, and the gateway is not told: it
// serves at one address, then at another; DNS follows, with a TTL of one second.
type moved struct {
	*bench
	old, new netip.AddrPort
}

// moving makes room for an origin with two addresses.
func (b *bench) moving() *moved {
	b.t.Helper()
	at := func(last byte) netip.AddrPort {
		a := b.addr.Addr().As4()
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{a[0], a[1] ^ 1, a[2], last}), b.addr.Port()+1)
	}
	m := &moved{b, at(1), at(2)}
	b.also = append(b.also, m.old, m.new)
	return m
}

// gateNginx starts nginx in front of the origin.
func (m *moved) gateNginx() {
	m.t.Helper()
	m.namedServers()
	m.nginx(nil, "ssl", "location / { proxy_pass http://app.internal:"+strconv.Itoa(int(m.new.Port()))+"; proxy_bind "+m.addr.Addr().String()+"; }")
}

// origin serves a page at an address until it is stopped; over TLS if the
// certificate is not nil.
func (m *moved) origin(addr netip.AddrPort, cert *testnet.Cert) (stop func()) {
	m.t.Helper()
	l, err := net.Listen("tcp", addr.String())
	must(m.t, err)
	if cert != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert.TLS()}, MaxVersion: tls.VersionTLS12})
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writef(w, "the page\n") }), ErrorLog: log.New(io.Discard, "", 0)}
	s.SetKeepAlivesEnabled(false)
	go func() { _ = s.Serve(l) }()
	stop = func() { _ = s.Close() }
	m.t.Cleanup(stop)
	return stop
}

// toldBy starts dnsmasq, with the address for a second.
func (m *moved) toldBy(addr netip.AddrPort) (stop func()) {
	m.t.Helper()
	cmd := m.dnsmasq("--host-record=app.internal,"+addr.Addr().String()+",1", "--local=/internal/")
	return func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
}

// move takes the origin from one address to the other, while gateway serves;
// then asks the origin by its name, and the gateway.
func (m *moved) move(cert, other *testnet.Cert, gateway func(), between func()) {
	m.t.Helper()
	stopOld, stopNames := m.origin(m.old, cert), m.toldBy(m.old)
	m.start()
	gateway()
	ask := "SSLKEYLOGFILE=" + m.keys + " curl -sSk --http1.1 --resolve app.test:" + m.port() + ":" + m.addr.Addr().String() + " -o /dev/null -w '%{http_code}\\n' "
	m.named("", ask+m.url("/page.txt"))
	stopOld()
	stopNames()
	m.origin(m.new, cert)
	if other != nil {
		m.origin(m.old, other)
	}
	m.toldBy(m.new)
	time.Sleep(1200 * time.Millisecond) // the TTL
	between()
	scheme := "http"
	if cert != nil {
		scheme = "https"
	}
	m.named("", ask+scheme+"://app.internal:"+strconv.Itoa(int(m.new.Port()))+"/page.txt")
	m.named("", ask+m.url("/page.txt")+" "+m.url("/page.txt"))
	time.Sleep(50 * time.Millisecond)
	m.end()
}

// elsewhere serves app.test at the bench's address, for which there is a line in
// the hosts file, and at another, which DNS gives.
func (b *bench) elsewhere() *moved {
	b.t.Helper()
	m := b.moving()
	b.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", "")
	m.new = netip.AddrPortFrom(m.new.Addr(), b.addr.Port())
	m.origin(m.new, b.identity(rsaCert).cert)
	b.dnsmasq("--host-record=app.test,"+m.new.Addr().String(), "--local=/test/")
	b.hosts = b.addr.Addr().String() + " app.test\n"
	return m
}

// holds gives the machine an address of its own until the case is over. An
// IPv6 address that stayed would make resolvers leave IPv4 out (getaddrinfo(3),
// AI_ADDRCONFIG), in all later cases.
func (b *bench) holds(prefix string) {
	b.t.Helper()
	b.shell("ip addr replace " + prefix + " dev lo nodad")
	b.t.Cleanup(func() { b.shell("ip addr del " + prefix + " dev lo") })
}

// elsewhere6 is elsewhere with an IPv6 address for DNS, and without a name server.
func (b *bench) elsewhere6() *moved {
	b.t.Helper()
	m := b.moving()
	b.nginx(map[string][]byte{"page.txt": text(300)}, "ssl", "")
	m.new = netip.AddrPortFrom(netip.MustParseAddr("2001:db8::5"), b.addr.Port())
	b.holds("2001:db8::5/128")
	b.also[len(b.also)-1] = m.new
	m.origin(m.new, b.identity(rsaCert).cert)
	b.hosts = b.addr.Addr().String() + " app.test\n"
	return m
}

// visit asks for the page of app.test by its name, with more options of curl.
func (m *moved) visit(options string) {
	m.t.Helper()
	m.named("", "SSLKEYLOGFILE="+m.keys+" curl -sSk --http1.1 -o /dev/null "+options+" https://app.test:"+m.port()+"/page.txt")
}

// visit6 asks for the page with a socket that knows IPv6 alone.
func (m *moved) visit6() {
	m.t.Helper()
	m.write("visit6.py", []byte(`import socket, ssl
s = socket.socket(socket.AF_INET6)
s.connect(("app.test", `+m.port()+`))
t = ssl._create_unverified_context().wrap_socket(s, server_hostname="app.test")
t.sendall(b"GET /page.txt HTTP/1.1\r\nHost: app.test:`+m.port()+`\r\nConnection: close\r\n\r\n")
while t.recv(4096): pass
`))
	m.named("", "SSLKEYLOGFILE="+m.keys+" "+program(m.t, "python3")+" visit6.py")
}

// forwards starts Squid as a proxy without further ado, at one more address.
func (b *bench) forwards(at netip.AddrPort) {
	b.t.Helper()
	path := program(b.t, "squid")
	b.shell("chmod 777 " + b.dir)
	b.launch(path, "-N", "-f", b.write("squid.conf", []byte(b.inDir(`
http_port ADDR
http_port `+at.String()+`
http_access allow all
hosts_file none
pid_filename DIR/pid
cache_log DIR/cache.log
access_log none
cache deny all
coredump_dir DIR
shutdown_lifetime 0 seconds
pinger_enable off
`))))
}
