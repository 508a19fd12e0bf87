package oracle

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// wire is a path between clients and servers on this machine. Its interface
// has the near address; what is sent to the far one comes back from there, with
// source and destination exchanged. So both ends of a connection are sockets
// of the kernel, and each packet between them passes through the test, which
// may delay, lose or answer it. Checksums hold: sums do not depend on order.
//
// A packet passes the interface twice. The capture is what the client sees of
// it, or, with atServer, what the server sees.
type wire struct {
	b           *bench
	name        string
	tun         *os.File
	near, far   netip.Addr // where servers listen, where clients find them
	near6, far6 netip.Addr
	atServer    bool
	hop         atomic.Pointer[hop]
	most        atomic.Int64        // nanoseconds that a packet took
	device      func(p parcel) bool // tells what something on the way has sent, which is nearer; nil: nothing
	queue       [2]chan delayed     // by direction
}

// hop is what happens to a packet on its way: how long it takes, or that it is lost.
type hop func(p parcel) (time.Duration, fate)

type fate bool

const (
	passes fate = true
	lost   fate = false
)

type delayed struct {
	at  time.Time
	raw []byte
}

// By how much the TTL (hop limit) of packets is less at their end: those of the
// ends, and those of a device on the way.
const (
	farHops  = 7
	nearHops = 2
)

func (w *wire) distance(p parcel) byte {
	if w.device != nil && w.device(p) {
		return nearHops
	}
	return farHops
}

// path puts a wire before the server of the case. Packets take no time on it
// until behave says otherwise.
func (b *bench) path() *wire {
	b.t.Helper()
	n := addresses.Add(1)
	v4 := func(last byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 9, byte(n), last}) }
	v6 := func(last byte) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("fd09::%x:%d", n, last)) }
	w := &wire{b: b, name: "fanlight0", near: v4(1), far: v4(2), near6: v6(1), far6: v6(2)}
	w.tun = openTUN(b.t, w.name)
	b.shell(strings.NewReplacer("DEV", w.name, "NEAR4", w.near.String(), "FAR4", w.far.String(), "NEAR6", w.near6.String(), "FAR6", w.far6.String()).Replace(`
		PATH=$PATH:/usr/sbin:/sbin
		sysctl -qw net.ipv4.tcp_no_metrics_save=1
		ip addr add NEAR4 peer FAR4 dev DEV
		ip addr add NEAR6 peer FAR6 dev DEV nodad
		ip link set DEV up
		ip -6 route replace FAR6 dev DEV`))
	b.addr, b.wire = netip.AddrPortFrom(w.near, b.addr.Port()), w
	for dir := range w.queue {
		w.queue[dir] = make(chan delayed, 4096)
		go w.deliver(w.queue[dir])
	}
	go w.carry()
	b.t.Cleanup(func() { w.tun.Close() })
	return w
}

// behave sets what happens to packets from now on.
func (w *wire) behave(h hop) { w.hop.Store(&h) }

// seen is the capture filter.
func (w *wire) seen() string {
	var ports []string
	to, from := "dst host "+w.far.String(), "src host "+w.far.String()
	to6, from6 := "dst host "+w.far6.String(), "src host "+w.far6.String()
	if w.atServer {
		to, from = "dst host "+w.near.String(), "src host "+w.near.String()
		to6, from6 = "dst host "+w.near6.String(), "src host "+w.near6.String()
	}
	for _, a := range append(w.b.also, w.b.addr) {
		ports = append(ports, fmt.Sprintf("((%s or %s) and tcp dst port %d) or ((%s or %s) and tcp src port %d)", to, to6, a.Port(), from, from6, a.Port()))
	}
	return fmt.Sprintf("%s or (icmp and dst host %s) or (icmp6 and ip6[40] < 128 and dst host %s) or (udp port 9 and dst host %s)",
		strings.Join(ports, " or "), w.near, w.near6, w.far)
}

// carry reads what is sent into the interface until it is closed.
func (w *wire) carry() {
	buf := make([]byte, 64<<10)
	for {
		n, err := w.tun.Read(buf)
		if err != nil {
			close(w.queue[0])
			close(w.queue[1])
			return
		}
		p := parcel{raw: append([]byte{}, buf[:n]...), port: w.b.addr.Port()}
		if !p.readable() || p.proto() == udp {
			continue
		}
		took := time.Duration(0)
		if h := w.hop.Load(); h != nil {
			var what fate
			if took, what = (*h)(p); what == lost {
				continue
			}
		}
		w.most.Store(max(w.most.Load(), int64(took)))
		dir := 0
		if p.up() {
			dir = 1
		}
		w.queue[dir] <- delayed{time.Now().Add(took), p.arrived(w.distance(p))}
	}
}

// longest is within what time all that was sent, and the answers to it, are there.
func (w *wire) longest() time.Duration { return 8 * time.Duration(w.most.Load()) }

// deliver gives packets out in the order they came.
func (w *wire) deliver(queue <-chan delayed) {
	for d := range queue {
		time.Sleep(time.Until(d.at))
		_, _ = w.tun.Write(d.raw) // refused once the interface is closed
	}
}

// send gives a packet out at once that nobody else has sent.
func (w *wire) send(raw []byte) { _, _ = w.tun.Write(raw) }

const (
	icmp  = 1
	udp   = 17
	icmp6 = 58
)

// parcel is an IP packet on its way. IPv6 has no extension headers here.
type parcel struct {
	raw  []byte
	port uint16 // of the server
}

func (p parcel) v6() bool { return p.raw[0]>>4 == 6 }

func (p parcel) header() int {
	if p.v6() {
		return 40
	}
	return int(p.raw[0]&15) * 4
}

func (p parcel) readable() bool {
	return len(p.raw) >= 28 && len(p.raw) >= p.header()+8 && (p.v6() && p.proto() == icmp6 || p.proto() == icmp || p.proto() == udp || len(p.raw) >= p.header()+20)
}

func (p parcel) proto() byte {
	if p.v6() {
		return p.raw[6]
	}
	return p.raw[9]
}

func (p parcel) tcp() []byte { return p.raw[p.header():] }

// up tells that the packet is of the client. What is no TCP is not.
func (p parcel) up() bool {
	return p.proto() == 6 && binary.BigEndian.Uint16(p.tcp()[2:]) == p.port
}

func (p parcel) flags() byte { return p.tcp()[13] }
func (p parcel) syn() bool   { return p.proto() == 6 && p.flags()&2 != 0 }

// payload is what TCP carries.
func (p parcel) payload() []byte {
	if p.proto() != 6 {
		return nil
	}
	return p.tcp()[p.tcp()[12]>>4*4:]
}

// arrived is the packet as it comes out of the wire. A message of ICMP quotes
// the packet that it is about as its sender had got it.
func (p parcel) arrived(hops byte) []byte {
	swapEnds(p.raw)
	switch h := p.header(); {
	case p.proto() == icmp && p.raw[h] == 3, p.proto() == icmp6 && p.raw[h] < 128:
		if inner := p.raw[h+8:]; len(inner) >= 20 {
			swapEnds(inner)
		}
	}
	if p.v6() {
		p.raw[7] -= hops
		return p.raw
	}
	p.raw[8] -= hops
	sum(p.raw[:p.header()], 10, 0)
	return p.raw
}

// swapEnds exchanges the addresses of an IP packet.
func swapEnds(raw []byte) {
	at, size := 12, 4
	if raw[0]>>4 == 6 {
		at, size = 8, 16
	}
	for i := at; i < at+size && i+size < len(raw); i++ {
		raw[i], raw[i+size] = raw[i+size], raw[i]
	}
}

// sum writes the Internet checksum (RFC 1071) of b into it at an offset; start
// is the sum of what counts besides.
func sum(b []byte, at int, start uint32) {
	b[at], b[at+1] = 0, 0
	n := start
	for i := 0; i+1 < len(b); i += 2 {
		n += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		n += uint32(b[len(b)-1]) << 8
	}
	for n > 0xffff {
		n = n>>16 + n&0xffff
	}
	binary.BigEndian.PutUint16(b[at:], ^uint16(n))
}
