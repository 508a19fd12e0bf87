package oracle

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"time"
)

// pathOrderly are conversations on difficult paths that went as they should:
// what the faults of pathFaults are easily mistaken for.
func pathOrderly() []corpusCase {
	page := map[string][]byte{"page.txt": text(300)}
	download := func(size int, more ...string) func(b *bench) {
		return func(b *bench) {
			b.nginx(map[string][]byte{"page.txt": text(size)}, "ssl", "")
			b.captureFor(func() { b.curl(append([]string{"--http1.1", "-o", "page", b.url("/page.txt")}, more...)...) })
		}
	}
	return []corpusCase{
		{"healthy/loss-repaired-at-once", "", func(b *bench) { // two packets of 60 KB
			n := 0
			b.path().behave(func(p parcel) (time.Duration, fate) {
				if !p.up() && len(p.payload()) > 1000 {
					n++
				}
				return 5 * time.Millisecond, fate(!(!p.up() && len(p.payload()) > 1000 && (n == 9 || n == 30)))
			})
			download(60_000)(b)
		}},
		{"healthy/slow-link", "", func(b *bench) {
			w := b.path()
			b.shell("PATH=$PATH:/sbin; tc qdisc add dev " + w.name + " root tbf rate 300kbit burst 4k latency 5s")
			download(60_000)(b)
		}},
		{"healthy/small-mtu-download", "", func(b *bench) { // path MTU discovery
			w := b.path()
			w.atServer = true
			w.behave(w.limit(1400))
			download(20_000)(b)
		}},
		{"healthy/small-mtu-upload", "", func(b *bench) {
			w := b.path()
			w.behave(w.limit(1300))
			b.apache(page, "")
			b.captureFor(func() {
				b.curl("--http1.1", "-H", "Expect:", "--data-binary", "@"+b.write("up", text(20_000)), b.url("/page.txt"))
			})
		}},
		{"healthy/zero-window-for-a-moment", "", func(b *bench) {
			b.sysctl("net.ipv4.tcp_rmem", "4096 16384 16384")
			b.nginx(map[string][]byte{"page.txt": text(90_000)}, "ssl sndbuf=16k", "limit_rate 60k;")
			b.captureFor(func() {
				end := b.halted(300*time.Millisecond, program(b.t, "curl"), "-sk", "--http1.1", "-o", "page", "--resolve", host+":"+b.port()+":"+b.addr.Addr().String(), b.url("/page.txt"))
				time.Sleep(1600 * time.Millisecond)
				b.shell("kill -CONT $(pgrep -n -x curl)")
				time.Sleep(2 * time.Second)
				end()
			})
		}},
		{"healthy/syn-again", "", func(b *bench) { // the first SYN is lost
			n := 0
			b.path().behave(func(p parcel) (time.Duration, fate) {
				if p.syn() && p.up() {
					n++
				}
				return time.Millisecond, fate(!(p.syn() && p.up() && n == 1))
			})
			b.nginx(page, "ssl", "")
			b.captureFor(func() {
				for range 3 {
					b.curl(b.url("/page.txt"))
				}
			})
		}},
		{"healthy/v6-refused", "", func(b *bench) { // a reset, then IPv4
			w := b.path()
			b.nginx(page, "ssl", "")
			b.captureFor(func() {
				b.curl("--resolve", host+":"+b.port()+":"+w.far6.String()+","+w.far.String(), b.url("/page.txt"))
			})
		}},
		{"healthy/v6-no-route", "", func(b *bench) { // ICMPv6, then IPv4
			w := b.path()
			b.firewall("meta nfproto ipv6 tcp dport PORT reject with icmpv6 type no-route")
			b.nginx(page, "ssl", "")
			b.captureFor(func() {
				b.curl("--resolve", host+":"+b.port()+":"+w.far6.String()+","+w.far.String(), b.url("/page.txt"))
			})
		}},
		{"healthy/large-windows", "", func(b *bench) { // 150 KB over 40 ms
			b.path().behave(slow(20 * time.Millisecond))
			download(150_000)(b)
		}},
		{"healthy/large-clienthello", "", func(b *bench) { // its second packet comes late
			b.path().behave(func(p parcel) (time.Duration, fate) {
				if data := p.payload(); p.up() && len(data) > 0 && data[0] != 22 {
					return 40 * time.Millisecond, passes
				}
				return 0, passes
			})
			b.nginx(page, "ssl", "")
			b.captureFor(func() { largeAndSmall(b) })
		}},
		{"healthy/probes-answered", "", func(b *bench) {
			b.path()
			b.nginx(page, "ssl so_keepalive=1s:1s:3", "")
			b.captureFor(func() {
				v := b.visit(&tls.Config{})
				v.ask("GET", "/page.txt")
				v.answer()
				time.Sleep(5 * time.Second)
				v.ask("GET", "/page.txt")
				v.answer()
				must(b.t, v.Close())
			})
		}},
		{"healthy/small-responses", "", func(b *bench) { // TCP_NODELAY is set
			b.identity(rsaCert)
			b.nodeServer("const fs=require('fs');const s=require('https').createServer({cert:fs.readFileSync('cert.pem'),key:fs.readFileSync('key.pem')}, (q,r)=>{r.setHeader('Content-Length',5);r.flushHeaders();setImmediate(()=>r.end('body.'));});s.listen(PORT,'IP')")
			b.captureFor(func() {
				args := []string{"--http1.1"}
				for i := range 20 {
					args = append(args, fmt.Sprintf("%s?%d", b.url("/page.txt"), i), "-o", "out")
				}
				b.curl(args...)
			})
		}},
		{"healthy/slow-reader", "", func(b *bench) { // who wants no more than 20 KB a second
			w := b.path()
			w.atServer = true
			w.behave(slow(20 * time.Millisecond))
			b.sysctl("net.ipv4.tcp_rmem", "4096 8192 8192")
			download(60_000, "--limit-rate", "20k")(b)
		}},
		{"healthy/far-away", "", func(b *bench) { // TLS 1.3, which needs two round trips
			b.path().behave(slow(30 * time.Millisecond))
			b.nginx(page, "ssl", "")
			b.captureFor(func() {
				for range 5 {
					b.curl("--http1.1", b.url("/page.txt"))
				}
			})
		}},
		{"healthy/syn-proxy", "", func(b *bench) { // a firewall answers SYNs for a server that is there
			b.synProxy()
			b.nginx(page, "ssl", "")
			b.captureFor(func() { b.curl(b.url("/page.txt")) })
		}},
		{"healthy/firewall-that-remembers", "", func(b *bench) { // a pause shorter than its timer
			b.path()
			b.forgetful()
			b.nginx(page, "ssl", "")
			b.captureFor(func() {
				v := b.visit(&tls.Config{})
				v.ask("GET", "/page.txt")
				v.answer()
				time.Sleep(4 * time.Second)
				v.ask("GET", "/page.txt")
				v.answer()
				must(b.t, v.Close())
			})
		}},
	}
}

// limit is a path with a hop of a smaller MTU, which says so (RFC 1191).
func (w *wire) limit(mtu int) hop {
	return func(p parcel) (time.Duration, fate) {
		if len(p.raw) <= mtu {
			return time.Millisecond, passes
		}
		w.send(p.tooBig(mtu))
		return 0, lost
	}
}

// tooBig is the message of a router that cannot pass an IPv4 packet on.
func (p parcel) tooBig(mtu int) []byte {
	quoted := p.raw[:p.header()+8]
	raw := make([]byte, 28, 28+len(quoted))
	raw = append(raw, quoted...)
	raw[0], raw[8], raw[9] = 0x45, 62, icmp
	binary.BigEndian.PutUint16(raw[2:], uint16(len(raw)))
	copy(raw[12:], p.raw[16:20]) // in the name of the far end, which is the router's here
	copy(raw[16:], p.raw[12:16])
	raw[20], raw[21] = 3, 4
	binary.BigEndian.PutUint16(raw[26:], uint16(mtu))
	sum(raw[20:], 2, 0)
	sum(raw[:20], 10, 0)
	return raw
}
