package oracle

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"time"
)

// pathFaults are about what happens between client and server, and in their
// systems' TCP.
func pathFaults() (all []corpusCase) {
	for _, part := range [][]corpusCase{lossFaults(), silenceFaults(), deviceFaults(), timeFaults()} {
		all = append(all, part...)
	}
	return all
}

// lossFaults are packets that do not arrive.
func lossFaults() []corpusCase {
	return []corpusCase{
		{"sick/mtu-black-hole-nginx", label("the path loses packets above 1400 bytes and says nothing; nginx sends a page of 20 KB, TLS 1.3; curl gives up after 5 s; captured at nginx", "find mtu-black-hole conn c1"), func(b *bench) {
			w := b.path()
			w.atServer = true
			w.behave(loses(func(p parcel) bool { return len(p.raw) > 1400 }))
			b.nginx(map[string][]byte{"page.txt": text(20_000)}, "ssl", "")
			b.captureFor(func() { b.curl("--http1.1", "--max-time", "5", b.url("/page.txt")) })
		}},
		{"sick/mtu-black-hole-apache", label("the path to the server loses packets above 1400 bytes and says nothing; curl sends 6 KB to Apache, TLS 1.2; Apache gives up after 4 s (Timeout 4); captured at curl", "find mtu-black-hole conn c1"), func(b *bench) {
			b.path().behave(loses(func(p parcel) bool { return len(p.raw) > 1400 && p.up() }))
			b.apache(map[string][]byte{"page.txt": text(9)}, "Timeout 4")
			b.captureFor(func() {
				b.curl("--http1.1", "--tls-max", "1.2", "-H", "Expect:", "--max-time", "9", "--data-binary", "@"+b.write("up", text(6000)), b.url("/page.txt"))
			})
		}},
		{"sick/loss-limited-transfer-nginx", label("the path takes 150 ms each way, has an MTU of 600 and loses every fourth packet or so; nginx sends 70 KB, TLS 1.3; captured at curl", "find loss-limited-transfer conn c1"), func(b *bench) {
			b.narrow(600).behave(lossy(4, 150*time.Millisecond, false))
			b.nginx(map[string][]byte{"page.txt": text(70_000)}, "ssl", "")
			b.captureFor(func() { b.curl("--http1.1", "-o", "page", b.url("/page.txt")) })
		}},
		{"sick/loss-limited-transfer-upload", label("the path takes 200 ms each way, has an MTU of 600 and loses every fourth packet or so; curl sends 60 KB to Apache, TLS 1.2; captured at Apache", "find loss-limited-transfer conn c1"), func(b *bench) {
			w := b.narrow(600)
			w.atServer = true
			w.behave(lossy(4, 200*time.Millisecond, true))
			b.apache(map[string][]byte{"page.txt": text(9)}, "")
			b.captureFor(func() {
				b.curl("--http1.1", "--tls-max", "1.2", "-H", "Expect:", "--data-binary", "@"+b.write("up", text(60_000)), b.url("/page.txt"))
			})
		}},
	}
}

// narrow is a path whose ends know that it is narrow.
func (b *bench) narrow(mtu int) *wire {
	b.t.Helper()
	w := b.path()
	b.shell(fmt.Sprintf("PATH=$PATH:/sbin; ip link set %s mtu %d", w.name, mtu))
	return w
}

// loses is a path that loses some packets.
func loses(which func(p parcel) bool) hop {
	return func(p parcel) (time.Duration, fate) { return 0, fate(!which(p)) }
}

// slow is a path that takes its time.
func slow(each time.Duration) hop {
	return func(parcel) (time.Duration, fate) { return each, passes }
}

// lossy is a path that loses about one in n of the packets with data of one
// direction, the same ones each time, once data flows.
func lossy(n int, each time.Duration, up bool) hop {
	r, seen := rand.New(rand.NewPCG(3, 3)), 0
	return func(p parcel) (time.Duration, fate) {
		if p.up() != up || len(p.payload()) < 400 {
			return each, passes
		}
		seen++
		return each, fate(seen < 6 || r.IntN(n) != 0)
	}
}

// silenceFaults are peers that are there no more, or do not come forward.
func silenceFaults() []corpusCase {
	page := map[string][]byte{"page.txt": text(300)}
	overrun := func(b *bench, thaw time.Duration) {
		b.captureFor(func() {
			b.freeze()
			time.AfterFunc(thaw, func() { b.thaw() })
			done := make(chan bool)
			for range 6 {
				go func() { b.curl("--http1.1", "--max-time", "9", b.url("/page.txt")); done <- true }()
				time.Sleep(20 * time.Millisecond)
			}
			for range 6 {
				<-done
			}
		})
	}
	return []corpusCase{
		{"sick/accept-queue-overflow-nginx", label("nginx with backlog=1 is stopped (kill -STOP) for 2 s; six times curl, TLS 1.3", "find accept-queue-overflow"), func(b *bench) {
			b.nginx(page, "ssl backlog=1", "")
			overrun(b, 2*time.Second)
		}},
		{"sick/accept-queue-overflow-apache", label("Apache with ListenBacklog 2 is stopped (kill -STOP) for 4 s; six times curl, TLS 1.2", "find accept-queue-overflow"), func(b *bench) {
			b.apache(page, "ListenBacklog 2\nSSLProtocol -all +TLSv1.2")
			overrun(b, 4*time.Second)
		}},
		{"sick/half-open-peer-nginx", label("the machine of nginx is away for 3 s and knows the connection no more when it is back (its sockets are destroyed by ss -K); a Go client, TLS 1.3, asks a second time; captured at the client", "find half-open-peer conn c1"), func(b *bench) {
			w := b.path()
			b.nginx(page, "ssl", "")
			b.captureFor(func() {
				v := b.visit(&tls.Config{})
				defer v.Close()
				v.ask("GET", "/page.txt")
				v.answer()
				time.Sleep(100 * time.Millisecond)
				w.behave(loses(func(parcel) bool { return true }))
				b.forget("src", w.near.String(), "sport", "=", b.port())
				v.ask("GET", "/page.txt")
				time.Sleep(3300 * time.Millisecond)
				w.behave(slow(0))
				v.answer()
			})
		}},
		{"sick/half-open-peer-probes", label("the client's machine is gone; nginx probes the idle connection (so_keepalive=2s:1s:3) and gives up; TLS 1.2; captured at nginx", "find half-open-peer conn c1"), func(b *bench) {
			w := b.path()
			w.atServer = true
			b.nginx(page, "ssl so_keepalive=2s:1s:3", "")
			b.captureFor(func() {
				v := b.visit(&tls.Config{MaxVersion: tls.VersionTLS12})
				v.ask("GET", "/page.txt")
				v.answer()
				time.Sleep(100 * time.Millisecond)
				w.behave(loses(func(p parcel) bool { return true }))
				b.forget("dst", w.far.String(), "dport", "=", b.port())
				time.Sleep(6 * time.Second)
			})
		}},
		{"sick/idle-mapping-dropped-go", label("a firewall (nftables) forgets connections that are idle for 10 s and drops what it does not know; a Go client asks nginx again after 32 s, TLS 1.2, and gives up after 4 s; captured at the client", "find idle-mapping-dropped conn c1"), func(b *bench) {
			b.path()
			b.forgetful()
			b.nginx(page, "ssl", "")
			b.captureFor(func() {
				v := b.visit(&tls.Config{MaxVersion: tls.VersionTLS12})
				defer v.Close()
				v.ask("GET", "/page.txt")
				v.answer()
				time.Sleep(32 * time.Second)
				must(b.t, v.SetDeadline(time.Now().Add(4*time.Second)))
				v.ask("GET", "/page.txt")
				v.answer()
			})
		}},
		{"sick/idle-mapping-dropped-haproxy", label("a firewall (nftables) forgets connections that are idle for 10 s and drops what it does not know; HAProxy uses its idle connection to nginx again after 33 s (pool-purge-delay 60s) and answers 504 after 4 s (timeout server); plain HTTP; captured at HAProxy", "find idle-mapping-dropped conn c1"), func(b *bench) {
			b.path()
			b.forgetful()
			b.nginx(page, "", "")
			front := b.second()
			front.haproxy(strings.Replace(haproxyTimes, "timeout server 2s", "timeout server 4s", 1) +
				" http-reuse always\n retries 0\nfrontend f\n bind ADDR ssl crt DIR/both.pem\n default_backend a\nbackend a\n server a " + b.at().String() + " pool-purge-delay 60s\n")
			ask := func() {
				front.client(program(b.t, "curl"), nil, "-sS", "-k", "--max-time", "9", "--resolve", host+":"+front.port()+":"+front.addr.Addr().String(), front.url("/page.txt"))
			}
			b.captureFor(func() {
				ask()
				time.Sleep(33 * time.Second)
				ask()
			})
		}},
		{"sick/receiver-stalls-curl", label("curl is stopped (kill -STOP) in a download; nginx gives up after 3 s (send_timeout 3s, reset_timedout_connection on); TLS 1.3; small socket buffers keep the capture small", "find receiver-stalls conn c1"), func(b *bench) {
			b.sysctl("net.ipv4.tcp_rmem", "4096 16384 16384")
			b.nginx(map[string][]byte{"page.txt": text(400_000)}, "ssl sndbuf=16k", "send_timeout 3s; reset_timedout_connection on; limit_rate 40k;")
			b.captureFor(func() {
				stop := b.halted(700*time.Millisecond, program(b.t, "curl"), "-sk", "--http1.1", "--limit-rate", "60k", "-o", "page", "--resolve", host+":"+b.port()+":"+b.addr.Addr().String(), b.url("/page.txt"))
				time.Sleep(7 * time.Second)
				stop()
			})
		}},
		{"sick/receiver-stalls-apache", label("Apache is stopped (kill -STOP) while curl sends a body; curl gives up after 6 s; plain HTTP; small socket buffers keep the capture small", "find receiver-stalls conn c1"), func(b *bench) {
			b.sysctl("net.ipv4.tcp_rmem", "4096 16384 16384")
			b.sysctl("net.ipv4.tcp_wmem", "4096 16384 16384")
			b.apache(page, "SSLEngine off")
			b.captureFor(func() {
				time.AfterFunc(600*time.Millisecond, func() { b.freeze() })
				b.curl("--http1.1", "-H", "Expect:", "--limit-rate", "30k", "--max-time", "6", "--data-binary", "@"+b.write("up", text(200_000)),
					"http://"+host+":"+b.port()+"/page.txt")
			})
		}},
	}
}

// thaw lets a frozen server go on.
func (b *bench) thaw() {
	b.shell("kill -CONT $(cat " + b.dir + "/pid) $(pgrep -P $(cat " + b.dir + "/pid))")
}

// forget destroys sockets of this machine without a trace: what they send at
// that has to be lost on the wire.
func (b *bench) forget(which ...string) {
	b.t.Helper()
	out, err := exec.Command(program(b.t, "ss"), append([]string{"-Ktn"}, which...)...).CombinedOutput()
	if err != nil || bytes.Count(out, []byte("\n")) < 2 {
		b.t.Fatalf("ss destroyed nothing: %v\n%s", err, out)
	}
}

// forgetful puts a firewall before the server that forgets soon.
func (b *bench) forgetful() {
	b.t.Helper()
	b.sysctl("net.netfilter.nf_conntrack_tcp_timeout_established", "10")
	b.sysctl("net.netfilter.nf_conntrack_tcp_loose", "0")
	b.firewall(`tcp dport PORT ct state established accept
		tcp dport PORT tcp flags syn / syn,ack accept
		tcp dport PORT drop`)
}

// firewall sets rules for what comes to the servers of this network; PORT is
// that of the server.
func (b *bench) firewall(rules string) {
	b.t.Helper()
	nft := program(b.t, "nft")
	b.t.Cleanup(func() { b.shell(nft + " flush ruleset") })
	rules = strings.ReplaceAll(rules, "PORT", b.port())
	b.shell(nft + " -f " + b.write("firewall", []byte("table inet firewall {\n chain in {\n type filter hook input priority 0;\n iifname lo accept\n"+rules+"\n}\n}\n")))
}

// sysctl changes a setting of this network until the case is over.
func (b *bench) sysctl(name, value string) {
	b.t.Helper()
	before, err := exec.Command(program(b.t, "sysctl"), "-n", name).Output()
	must(b.t, err)
	b.shell(fmt.Sprintf("PATH=$PATH:/sbin; sysctl -qw '%s=%s'", name, value))
	b.t.Cleanup(func() {
		b.shell(fmt.Sprintf("PATH=$PATH:/sbin; sysctl -qw '%s=%s'", name, strings.TrimSpace(string(before))))
	})
}

// halted starts a client and stops it (SIGSTOP) after a while; end ends it.
func (b *bench) halted(after time.Duration, path string, args ...string) (end func()) {
	b.t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env = b.dir, append(withoutKeyLog(cmd.Environ()), "SSLKEYLOGFILE="+b.keys)
	must(b.t, cmd.Start())
	time.AfterFunc(after, func() { _ = suspend(cmd.Process) })
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// deviceFaults are something in between that interferes.
func deviceFaults() []corpusCase {
	page := map[string][]byte{"page.txt": text(300)}
	unreachable := func(reject string, url func(b *bench) []string) func(b *bench) {
		return func(b *bench) {
			b.path()
			b.firewall("tcp dport PORT reject with " + reject)
			b.captureFor(func() { b.curl(url(b)...) })
		}
	}
	return []corpusCase{
		{"sick/address-unreachable-host", label("a router answers curl's SYN with ICMP host unreachable (nftables reject)", "find address-unreachable conn c1"),
			unreachable("icmp type host-unreachable", func(b *bench) []string { return []string{"--max-time", "4", b.url("/")} })},
		{"sick/address-unreachable-prohibited", label("a firewall answers curl's SYN with ICMP administratively prohibited (nftables reject)", "find address-unreachable conn c1"),
			unreachable("icmp type admin-prohibited", func(b *bench) []string { return []string{"--max-time", "4", b.url("/")} })},
		{"sick/address-unreachable-v6", label("a router answers curl's SYN with ICMPv6 no route (nftables reject)", "find address-unreachable conn c1"),
			unreachable("icmpv6 type no-route", func(b *bench) []string {
				return []string{"--max-time", "4", "https://[" + b.wire.far6.String() + "]:" + b.port() + "/"}
			})},
		{"sick/answered-by-middlebox-curl", label("a firewall (nftables synproxy) answers the SYN; behind it nobody listens, and the reset of that machine comes back; curl; the firewall is five hops nearer", "find answered-by-middlebox conn c1"), func(b *bench) {
			b.synProxy()
			b.captureFor(func() { b.curl("--max-time", "4", b.url("/")) })
		}},
		{"sick/answered-by-middlebox-openssl", label("a firewall (nftables synproxy) answers the SYN; behind it nobody listens, and the reset of that machine comes back; openssl s_client over 10 ms each way; the firewall is five hops nearer", "find answered-by-middlebox conn c1"), func(b *bench) {
			b.synProxy().behave(slow(10 * time.Millisecond))
			b.captureFor(func() { b.openssl([]string{"GET / HTTP/1.0\r\n\r\n"}) })
		}},
		{"sick/injected-reset-name", label("a filter on the path resets connections whose ClientHello names blocked.test, to the client; nginx, TLS 1.3", "find injected-reset conn c1", "synthetic the filter is the test's own; its resets have passed fewer hops than the packets of the server"), func(b *bench) {
			w := b.path()
			w.behave(w.filter("blocked.test"))
			b.nginx(page, "ssl", "")
			b.captureFor(func() {
				b.client(program(b.t, "curl"), nil, "-sk", "--max-time", "4", "--resolve", "blocked.test:"+b.port()+":"+w.far.String(), "https://blocked.test:"+b.port()+"/page.txt")
			})
		}},
		{"sick/injected-reset-word", label("a filter on the path resets connections whose request has a certain word, to the client; Apache, plain HTTP; curl tries again", "find injected-reset conn c1", "find injected-reset conn c2", "synthetic the filter is the test's own; its resets have passed fewer hops than the packets of the server"), func(b *bench) {
			w := b.path()
			w.behave(w.filter("forbidden"))
			b.apache(page, "SSLEngine off")
			b.captureFor(func() {
				at := "http://" + host + ":" + b.port()
				b.curl("--http1.1", at+"/page.txt", at+"/forbidden")
			})
		}},
		{"sick/large-clienthello-dropped-haproxy", label("HAProxy as SNI router looks for the name as soon as the first bytes are there (accept if { req.len gt 0 }), and closes if it finds none; the second packet of a ClientHello comes 40 ms later; Go with X25519MLKEM768, then without, TLS 1.3", "find large-clienthello-dropped"), func(b *bench) {
			b.path().behave(func(p parcel) (time.Duration, fate) {
				if data := p.payload(); p.up() && len(data) > 0 && data[0] != 22 {
					return 40 * time.Millisecond, passes
				}
				return 0, passes
			})
			back := b.second()
			back.nginx(page, "ssl", "")
			b.haproxy("defaults\n mode tcp\n timeout client 5s\n timeout server 5s\n timeout connect 5s\nfrontend f\n bind ADDR\n tcp-request inspect-delay 5s\n tcp-request content accept if { req.len gt 0 }\n use_backend a if { req.ssl_sni -i app.test }\nbackend a\n server a " + back.addr.String() + "\n")
			b.captureFor(func() { largeAndSmall(b) })
		}},
		{"sick/large-clienthello-dropped-once", label("a server that reads once and closes if that is no whole ClientHello; Go with X25519MLKEM768, then without, TLS 1.3", "find large-clienthello-dropped", "synthetic old devices do it; none runs here"), func(b *bench) {
			b.path()
			id := b.identity(ecdsaCert)
			b.rawServer(func(c *net.TCPConn) { readsOnce(c, id) })
			b.captureFor(func() { largeAndSmall(b) })
		}},
	}
}

// synProxy puts a firewall on the path that answers SYNs itself, five hops
// nearer than the server.
func (b *bench) synProxy() *wire {
	b.t.Helper()
	w := b.path()
	w.device = func(p parcel) bool { return p.syn() && !p.up() }
	b.sysctl("net.netfilter.nf_conntrack_tcp_loose", "0")
	b.firewall(`tcp dport PORT ct state { invalid, untracked } synproxy mss 1460 wscale 7 timestamp sack-perm
		tcp dport PORT ct state invalid drop
		}
		chain before {
		type filter hook prerouting priority raw
		tcp dport PORT tcp flags syn notrack`)
	return w
}

// largeAndSmall makes a handshake with a ClientHello of two packets, and one
// with a ClientHello of one.
func largeAndSmall(b *bench) {
	b.tryGo(&tls.Config{InsecureSkipVerify: true})
	b.tryGo(&tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}})
}

// readsOnce serves TLS to a client whose whole ClientHello comes with the first read.
func readsOnce(c *net.TCPConn, id identity) {
	defer c.Close()
	first := make([]byte, 1400)
	n, err := c.Read(first)
	if err != nil || n < 5 || int(binary.BigEndian.Uint16(first[3:]))+5 > n {
		return
	}
	pair, err := tls.X509KeyPair(id.cert.CertPEM, id.cert.KeyPEM)
	if err != nil {
		return
	}
	s := tls.Server(&prefixed{c, first[:n]}, &tls.Config{Certificates: []tls.Certificate{pair}})
	if s.Handshake() == nil {
		_, _ = s.Read(first)
		writef(s, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
		_ = s.Close()
	}
}

// prefixed gives what was read before once more.
type prefixed struct {
	net.Conn
	before []byte
}

func (p *prefixed) Read(to []byte) (int, error) {
	if len(p.before) > 0 {
		n := copy(to, p.before)
		p.before = p.before[n:]
		return n, nil
	}
	return p.Conn.Read(to)
}

// filter is a path on which something resets connections in which a word comes
// from the client. The packet with the word arrives all the same.
func (w *wire) filter(word string) hop {
	return func(p parcel) (time.Duration, fate) {
		if p.up() && bytes.Contains(p.payload(), []byte(word)) {
			w.send(p.resetBack())
		}
		return 5 * time.Millisecond, passes
	}
}

// resetBack is a reset in the name of the server, as a device two hops away
// sends it when it sees a packet of the client.
func (p parcel) resetBack() []byte {
	t, raw := p.tcp(), make([]byte, 40)
	raw[0], raw[3], raw[8], raw[9] = 0x45, 40, 62, 6
	copy(raw[12:], p.raw[16:20])
	copy(raw[16:], p.raw[12:16])
	sum(raw[:20], 10, 0)
	out := raw[20:]
	copy(out, t[2:4])
	copy(out[2:], t[:2])
	copy(out[4:8], t[8:12])
	binary.BigEndian.PutUint32(out[8:], binary.BigEndian.Uint32(t[4:])+uint32(len(p.payload())))
	out[12], out[13] = 0x50, 0x14 // RST and ACK
	pseudo := uint32(6 + 20)
	for i := 12; i < 20; i += 2 {
		pseudo += uint32(binary.BigEndian.Uint16(raw[i:]))
	}
	sum(out, 16, pseudo)
	return raw
}

// timeFaults are about time that is lost.
func timeFaults() []corpusCase {
	page := map[string][]byte{"page.txt": text(300)}
	many := func(b *bench, n int, at string, more ...string) {
		args := append([]string{"--http1.1"}, more...)
		for i := range n {
			args = append(args, fmt.Sprintf("%s/page.txt?%d", at, i), "-o", "out")
		}
		b.curl(args...)
	}
	return []corpusCase{
		{"sick/nagle-delayed-ack-nginx", label("nginx with tcp_nodelay off sends header and file in two pieces; curl asks 30 times on one connection; plain HTTP", "find nagle-delayed-ack conn c1"), func(b *bench) {
			b.nginx(page, "", "tcp_nodelay off; sendfile on; tcp_nopush off;")
			b.captureFor(func() { many(b, 30, "http://"+host+":"+b.port()) })
		}},
		{"sick/nagle-delayed-ack-node", label("Node with noDelay: false flushes the header before the body; curl asks 30 times on one connection; TLS 1.3", "find nagle-delayed-ack conn c1"), func(b *bench) {
			b.identity(rsaCert)
			b.nodeServer("const fs=require('fs');const s=require('https').createServer({cert:fs.readFileSync('cert.pem'),key:fs.readFileSync('key.pem'),noDelay:false}, (q,r)=>{r.setHeader('Content-Length',5);r.flushHeaders();setImmediate(()=>r.end('body\\n'));});s.listen(PORT,'IP')")
			b.captureFor(func() { many(b, 30, "https://"+host+":"+b.port()) })
		}},
		{"sick/round-trip-bound-setup-nginx", label("30 ms each way; curl makes six connections to nginx, TLS 1.2 without resumption", "find round-trip-bound-setup"), func(b *bench) {
			b.path().behave(slow(30 * time.Millisecond))
			b.nginx(page, "ssl", "ssl_protocols TLSv1.2; ssl_session_tickets off;")
			b.captureFor(func() {
				for range 6 {
					b.curl("--http1.1", b.url("/page.txt"))
				}
			})
		}},
		{"sick/round-trip-bound-setup-retry", label("40 ms each way; openssl s_client makes five connections to Apache, which wants P-384 (HelloRetryRequest), TLS 1.3", "find round-trip-bound-setup"), func(b *bench) {
			b.path().behave(slow(40 * time.Millisecond))
			b.apache(page, "SSLOpenSSLConfCmd Groups P-384")
			b.captureFor(func() {
				for range 5 {
					b.openssl([]string{"GET /page.txt HTTP/1.0\r\n\r\n"})
				}
			})
		}},
		{"sick/window-limited-transfer-nginx", label("50 ms each way; the client's machine has receive buffers of 8 KB (tcp_rmem); nginx sends 70 KB, TLS 1.3; captured at nginx", "find window-limited-transfer conn c1"), func(b *bench) {
			w := b.path()
			w.atServer = true
			w.behave(slow(50 * time.Millisecond))
			b.sysctl("net.ipv4.tcp_rmem", "4096 8192 8192")
			b.nginx(map[string][]byte{"page.txt": text(70_000)}, "ssl", "")
			b.captureFor(func() { b.curl("--http1.1", "-o", "page", b.url("/page.txt")) })
		}},
		{"sick/window-limited-transfer-apache", label("60 ms each way; Apache has ReceiveBufferSize 4096; curl sends 80 KB, plain HTTP; captured at curl", "find window-limited-transfer conn c1"), func(b *bench) {
			b.path().behave(slow(60 * time.Millisecond))
			b.apache(page, "SSLEngine off\nReceiveBufferSize 4096")
			b.captureFor(func() {
				b.curl("--http1.1", "-H", "Expect:", "--data-binary", "@"+b.write("up", text(80_000)), "http://"+host+":"+b.port()+"/page.txt")
			})
		}},
		{"sick/v6-blackhole-fallback-curl", label("IPv6 packets vanish on the path; curl asks twice, by IPv6 and IPv4; TLS 1.3", "find v6-blackhole-fallback"), func(b *bench) {
			w := b.path()
			w.behave(loses(parcel.v6))
			b.nginx(page, "ssl", "")
			b.captureFor(func() {
				for range 2 {
					b.curl("--resolve", host+":"+b.port()+":"+w.far6.String()+","+w.far.String(), b.url("/page.txt"))
				}
			})
		}},
		{"sick/v6-blackhole-fallback-node", label("IPv6 packets vanish on the path; Node asks by IPv6 and IPv4 (autoSelectFamily, 250 ms); plain HTTP", "find v6-blackhole-fallback"), func(b *bench) {
			w := b.path()
			w.behave(loses(parcel.v6))
			b.nginx(page, "", "")
			b.captureFor(func() {
				b.client(program(b.t, "node"), nil, "-e", fmt.Sprintf("require('http').get({host:'%s',port:%s,path:'/page.txt',agent:false,autoSelectFamily:true,autoSelectFamilyAttemptTimeout:250,lookup:(h,o,cb)=>cb(null,[{address:'%s',family:6},{address:'%s',family:4}])},r=>r.resume())",
					host, b.port(), w.far6, w.far))
			})
		}},
		{"sick/one-bad-address-of-many-frozen", label("one of two nginx behind a name is stopped (kill -STOP); curl asks each four times and gives up after 2 s; TLS 1.3", "find one-bad-address-of-many"), func(b *bench) {
			good := b.sibling()
			good.nginx(page, "ssl", "")
			b.nginx(page, "ssl", "")
			b.freeze()
			b.captureFor(func() { b.bothAddresses(good) })
		}},
		{"sick/one-bad-address-of-many-503", label("one of two HAProxy behind a name has no server left and answers 503; curl asks each four times; TLS 1.2", "find one-bad-address-of-many"), func(b *bench) {
			back, good := b.second(), b.sibling()
			back.goServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writef(w, "fine\n") }), nil, false)
			good.haproxy(haproxyTo(back))
			b.haproxy(haproxyTo(back, "disabled"))
			b.captureFor(func() { b.bothAddresses(good, "--tls-max", "1.2") })
		}},
	}
}

// sibling is a place for another server of the same name and port at an address
// of its own, whose packets are captured as well.
func (b *bench) sibling() *bench {
	b.t.Helper()
	s := newBench(b.t)
	b.also = append(b.also, s.addr)
	return s
}

// bothAddresses asks both servers of a name four times.
func (b *bench) bothAddresses(other *bench, more ...string) {
	for range 4 {
		for _, s := range []*bench{b, other} {
			s.keys = b.keys
			s.curl(append([]string{"--http1.1", "--max-time", "2", b.url("/page.txt")}, more...)...)
		}
	}
}
