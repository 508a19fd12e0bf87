package packet

import (
	"bytes"
	"net/netip"
	"testing"
)

const (
	hostA = "10.0.0.1"
	hostB = "10.0.0.2"
	six1  = "2001:db8::1"
	six2  = "2001:db8::2"
)

var hello = []byte("hello")

// wrapped are frames around the same segment, from port 40000 to 443.
func wrapped() []struct {
	name   string
	link   uint16
	frame  []byte
	vlan   uint16
	tunnel string
	v6     bool
} {
	seg := segment(40000, 443, 100, 200, ACK|PSH, hello)
	four := ipv4(hostA, hostB, TCP, seg)
	six := ipv6(six1, six2, TCP, seg)
	inner := ethernet(etherIPv4, four)
	outer := func(proto uint8, b ...[]byte) []byte {
		return ethernet(etherIPv4, ipv4("192.0.2.1", "192.0.2.2", proto, join(b...)))
	}
	options := join([]byte{0x46, 0}, four[2:20], be32(0x01010101), four[20:])
	options[3] += 4
	offload := bytes.Clone(four)
	offload[2], offload[3] = 0, 0
	return []struct {
		name   string
		link   uint16
		frame  []byte
		vlan   uint16
		tunnel string
		v6     bool
	}{
		{name: "ethernet", link: 1, frame: inner},
		{name: "ethernet padded", link: 1, frame: join(inner, make([]byte, 9))},
		{name: "ethernet v6", link: 1, frame: ethernet(etherIPv6, six), v6: true},
		{name: "vlan", link: 1, frame: ethernet(etherVLAN, join(tag(0x2007, etherIPv4), four)), vlan: 7},
		{name: "qinq", link: 1, frame: ethernet(etherQinQ, join(tag(9, etherVLAN), tag(8, etherIPv6), six)), vlan: 8, v6: true},
		{name: "qinq 9100", link: 1, frame: ethernet(etherQinQ2, join(tag(9, etherVLAN), tag(8, etherIPv4), four)), vlan: 8},
		{name: "llc snap", link: 1, frame: ethernet(100, join(be32(0xaaaa0300), []byte{0, 0}, be16(etherIPv4), four))},
		{name: "pppoe", link: 1, frame: ethernet(etherPPPoE, join([]byte{0x11, 0}, be16(5), be16(2+len(four)), be16(0x21), four))},
		{name: "pppoe v6 in vlan", link: 1, frame: ethernet(etherVLAN, join(tag(3, etherPPPoE), []byte{0x11, 0}, be16(5), be16(2+len(six)), be16(0x57), six)), vlan: 3, v6: true},
		{name: "mpls", link: 1, frame: ethernet(etherMPLS, join(be32(0x00010040), be32(0x00020140), four))},
		{name: "cooked", link: 113, frame: join(make([]byte, 14), be16(etherIPv4), four)},
		{name: "cooked vlan", link: 113, frame: join(make([]byte, 14), be16(etherVLAN), tag(4, etherIPv4), four), vlan: 4},
		{name: "cooked 2", link: 276, frame: join(be16(etherIPv6), make([]byte, 18), six), v6: true},
		{name: "raw", link: 101, frame: four},
		{name: "raw 12", link: 12, frame: six, v6: true},
		{name: "raw 14", link: 14, frame: four},
		{name: "raw 228", link: 228, frame: four},
		{name: "raw 229", link: 229, frame: six, v6: true},
		{name: "null little", link: 0, frame: join([]byte{2, 0, 0, 0}, four)},
		{name: "null big", link: 0, frame: join([]byte{0, 0, 0, 30}, six), v6: true},
		{name: "loop", link: 108, frame: join(be32(24), six), v6: true},
		{name: "ppp", link: 9, frame: join([]byte{0xff, 3}, be16(0x21), four)},
		{name: "ppp short", link: 9, frame: join([]byte{0x57}, six), v6: true},
		{name: "ipv4 options", link: 101, frame: options},
		{name: "offloaded", link: 101, frame: offload},
		{name: "v6 extensions", link: 101, v6: true, frame: ipv6(six1, six2, protoHop, join(
			[]byte{protoDest, 0}, make([]byte, 6), []byte{protoRouting, 1}, make([]byte, 14),
			[]byte{protoAH, 0}, make([]byte, 6), []byte{protoFragment, 4}, make([]byte, 22),
			[]byte{TCP, 0}, make([]byte, 6), seg))},
		{name: "gre", link: 1, tunnel: "gre", frame: outer(protoGRE, be16(0), be16(etherIPv4), four)},
		{name: "gre key sequence checksum", link: 1, tunnel: "gre", v6: true, frame: outer(protoGRE, be16(0xb000), be16(etherIPv6), make([]byte, 12), six)},
		{name: "gre ethernet", link: 1, tunnel: "gre", frame: outer(protoGRE, be16(0), be16(etherTEB), inner)},
		{name: "erspan 1", link: 1, tunnel: "erspan", frame: outer(protoGRE, be16(0), be16(etherERSPAN), inner)},
		{name: "erspan 2", link: 1, tunnel: "erspan", frame: outer(protoGRE, be16(0x1000), be16(etherERSPAN), make([]byte, 4), make([]byte, 8), inner)},
		{name: "erspan 3", link: 1, tunnel: "erspan", frame: outer(protoGRE, be16(0x1000), be16(etherERSPAN3), make([]byte, 4), make([]byte, 12), inner)},
		{name: "erspan 3 platform", link: 1, tunnel: "erspan", frame: outer(protoGRE, be16(0x1000), be16(etherERSPAN3), make([]byte, 4), make([]byte, 11), []byte{1}, make([]byte, 8), inner)},
		{name: "erspan 3 ip", link: 1, tunnel: "erspan", frame: outer(protoGRE, be16(0x1000), be16(etherERSPAN3), make([]byte, 4), make([]byte, 10), []byte{2 << 2, 0}, four)},
		{name: "vxlan", link: 1, tunnel: "vxlan", frame: outer(UDP, datagram17(5555, portVXLAN, join(be32(0x08000000), be32(42<<8), inner)))},
		{name: "ip in ip", link: 1, tunnel: "ipip", frame: outer(protoIPIP, four)},
		{name: "6in4", link: 1, tunnel: "ipip", frame: outer(protoIPv6, six), v6: true},
	}
}

func TestDecodeLayers(t *testing.T) {
	for _, c := range wrapped() {
		t.Run(c.name, func(t *testing.T) {
			var d Decoder
			var got Info
			if !d.Decode(c.link, c.frame, len(c.frame), 1, &got) {
				t.Fatal(got.Skip)
			}
			src, dst := hostA, hostB
			if c.v6 {
				src, dst = six1, six2
			}
			if got.Src != netip.AddrPortFrom(netip.MustParseAddr(src), 40000) || got.Dst != netip.AddrPortFrom(netip.MustParseAddr(dst), 443) {
				t.Errorf("addresses %v -> %v", got.Src, got.Dst)
			}
			if got.Proto != TCP || got.TCP.Seq != 100 || got.TCP.Ack != 200 || got.TCP.Flags != ACK|PSH || got.TCP.Window != 512 || got.TCP.WScale != -1 {
				t.Errorf("header %+v", got.TCP)
			}
			if string(got.Payload) != "hello" || got.PayloadLen != 5 {
				t.Errorf("payload %q of %d", got.Payload, got.PayloadLen)
			}
			if got.VLAN != c.vlan || got.Tunnel != c.tunnel || got.TTL != 64 || got.Fragment {
				t.Errorf("vlan %d tunnel %q ttl %d fragment %v", got.VLAN, got.Tunnel, got.TTL, got.Fragment)
			}
		})
	}
}

// TestDecodeTruncated cuts every frame at every length: no panic, the length on the
// wire stays, and what was captured is a beginning of the payload.
func TestDecodeTruncated(t *testing.T) {
	for _, c := range wrapped() {
		for n := range c.frame {
			var d Decoder
			var got Info
			if !d.Decode(c.link, c.frame[:n], len(c.frame), 1, &got) {
				if got.Skip == "" {
					t.Fatalf("%s at %d: skipped without a reason", c.name, n)
				}
				continue
			}
			if got.Proto == UDP {
				continue // the header of the tunnel was cut off
			}
			if !bytes.HasPrefix(hello, got.Payload) || (got.PayloadLen != 5 && c.name != "offloaded") {
				t.Fatalf("%s at %d: payload %q of %d", c.name, n, got.Payload, got.PayloadLen)
			}
			if _, ok := QuickKey(c.link, c.frame[:n]); !ok {
				t.Fatalf("%s at %d: no key", c.name, n)
			}
		}
	}
}

func TestDecodeSkips(t *testing.T) {
	seg := segment(1, 2, 3, 4, ACK, nil)
	gre := func(b ...[]byte) []byte { return ipv4(hostA, hostB, protoGRE, join(b...)) }
	short := ipv4(hostA, hostB, TCP, seg)
	short[3] = 19
	offset := bytes.Clone(seg)
	offset[12] = 0xf0
	for _, c := range []struct {
		name  string
		link  uint16
		frame []byte
		want  string
	}{
		{"wifi", 105, make([]byte, 60), SkipLink},
		{"arp", 1, ethernet(etherARP, make([]byte, 28)), SkipARP},
		{"lldp", 1, ethernet(0x88cc, make([]byte, 28)), SkipNotIP},
		{"empty", 1, nil, SkipTruncated},
		{"raw empty", 101, nil, SkipTruncated},
		{"raw other", 101, []byte{0x50, 0}, SkipNotIP},
		{"null other", 0, join(be32(7), make([]byte, 40)), SkipNotIP},
		{"icmp", 101, ipv4(hostA, hostB, 1, make([]byte, 8)), SkipProtocol},
		{"icmp6", 101, ipv6(six1, six2, 58, make([]byte, 8)), SkipProtocol},
		{"total length too short", 101, short, SkipMalformed},
		{"header length too short", 101, join([]byte{0x44}, short[1:]), SkipMalformed},
		{"tcp offset past the end", 101, ipv4(hostA, hostB, TCP, offset), SkipMalformed},
		{"tcp too short", 101, ipv4(hostA, hostB, TCP, seg[:19]), SkipMalformed},
		{"udp too short", 101, ipv4(hostA, hostB, UDP, seg[:7]), SkipMalformed},
		{"udp length too short", 101, ipv4(hostA, hostB, UDP, join(be16(1), be16(2), be16(7), be16(0))), SkipMalformed},
		{"gre in gre", 101, gre(be16(0), be16(etherIPv4), gre(be16(0), be16(etherIPv4), short)), SkipProtocol},
		{"pptp", 101, gre(be16(1), be16(0x880b), short), SkipProtocol},
		{"extensions without end", 101, ipv6(six1, six2, protoDest, bytes.Repeat([]byte{protoDest, 0, 0, 0, 0, 0, 0, 0}, 20)), SkipMalformed},
		{"fragment", 101, ipv4Place(hostA, hostB, TCP, 1, 0x2000, make([]byte, 8)), SkipFragment},
	} {
		var d Decoder
		var got Info
		if d.Decode(c.link, c.frame, len(c.frame), 1, &got) || got.Skip != c.want {
			t.Errorf("%s: skip %q, want %q", c.name, got.Skip, c.want)
		}
	}
}

func TestDecodeUDP(t *testing.T) {
	var d Decoder
	var got Info
	decode := func(b []byte) {
		t.Helper()
		if !d.Decode(LinkRaw, b, len(b), 1, &got) {
			t.Fatal(got.Skip)
		}
	}
	decode(ipv4(hostA, hostB, UDP, join(datagram17(53, 4000, hello), []byte("trailer"))))
	if got.Proto != UDP || got.Src.Port() != 53 || got.Dst.Port() != 4000 || string(got.Payload) != "hello" || got.PayloadLen != 5 {
		t.Errorf("%+v", got)
	}
	decode(ipv4(hostA, hostB, UDP, join(be16(1), be16(2), be16(0), be16(0), hello)))
	if string(got.Payload) != "hello" {
		t.Errorf("length 0: %+v", got)
	}
	decode(ipv4(hostA, hostB, UDP, datagram17(53, portVXLAN, []byte("no tunnel"))))
	if got.Tunnel != "" || string(got.Payload) != "no tunnel" {
		t.Errorf("port of VXLAN: %+v", got)
	}
}

func TestDecodeOptions(t *testing.T) {
	timestamp := join([]byte{optTimestamp, 10}, be32(7), be32(9))
	for _, c := range []struct {
		name    string
		flags   uint8
		options []byte
		want    TCPHeader
	}{
		{"syn of linux", SYN, join([]byte{optMSS, 4}, be16(1460), []byte{optSACK, 2}, timestamp, []byte{optNop, optWScale, 3, 7}),
			TCPHeader{MSS: 1460, SACKPermitted: true, HasTS: true, TSVal: 7, TSEcr: 9, WScale: 7}},
		{"syn without", SYN, nil, TCPHeader{WScale: -1}},
		{"scale too large", SYN, []byte{optWScale, 3, 200, optEnd}, TCPHeader{WScale: 14}},
		{"broken", SYN, []byte{optWScale, 3, 2, optMSS, 9, 0, 0, 0}, TCPHeader{WScale: 2}},
		{"kind without length", SYN, []byte{optNop, optNop, optNop, optMSS}, TCPHeader{WScale: -1}},
		{"data", ACK, join([]byte{optNop, optNop}, timestamp), TCPHeader{HasTS: true, TSVal: 7, TSEcr: 9, WScale: -1}},
		{"scale without syn", ACK, []byte{optNop, optWScale, 3, 7}, TCPHeader{WScale: -1}},
	} {
		var d Decoder
		var got Info
		frame := ipv4(hostA, hostB, TCP, segmentOptions(1, 2, 0, 0, c.flags, c.options, nil))
		d.Decode(LinkRaw, frame, len(frame), 1, &got)
		c.want.Flags, c.want.Window = c.flags, 512
		if got.TCP != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got.TCP, c.want)
		}
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	var d Decoder
	var info Info
	for _, c := range wrapped() {
		if n := testing.AllocsPerRun(10, func() { d.Decode(c.link, c.frame, len(c.frame), 1, &info) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

func TestQuickKey(t *testing.T) {
	keys := map[uint32]bool{}
	for port := range 1000 {
		there := ethernet(etherIPv4, ipv4(hostA, hostB, TCP, segment(port, 443, 1, 2, ACK, nil)))
		back := ethernet(etherIPv4, ipv4(hostB, hostA, TCP, segment(443, port, 1, 2, ACK, nil)))
		a, okA := QuickKey(LinkEthernet, there)
		b, okB := QuickKey(LinkEthernet, back)
		if !okA || !okB || a != b {
			t.Fatalf("port %d: %x %v and back %x %v", port, a, okA, b, okB)
		}
		keys[a%64] = true
	}
	if len(keys) != 64 {
		t.Errorf("1000 flows fall on %d of 64 workers", len(keys))
	}
	for _, c := range wrapped() {
		key, ok := QuickKey(c.link, c.frame)
		if !ok || (key == 0) != (c.tunnel != "") {
			t.Errorf("%s: key %x %v", c.name, key, ok)
		}
	}
	six := func(a, b string, next uint8, payload []byte) uint32 {
		key, _ := QuickKey(LinkRaw, ipv6(a, b, next, payload))
		return key
	}
	plain := six(six1, six2, TCP, segment(5, 6, 1, 2, ACK, nil))
	if back := six(six2, six1, protoDest, join([]byte{TCP, 0}, make([]byte, 6), segment(6, 5, 1, 2, ACK, nil))); plain != back {
		t.Errorf("IPv6 there %x, back with extension %x", plain, back)
	}
}

// FuzzDecode decodes two frames one after the other, so that they may be fragments
// of one datagram.
func FuzzDecode(f *testing.F) {
	for _, c := range wrapped() {
		f.Add(c.link, c.frame, c.frame, 0)
	}
	parts := fragmented("twelve bytes")
	f.Add(LinkRaw, parts[1], parts[0], 10)
	f.Fuzz(func(t *testing.T, link uint16, first, second []byte, cut int) {
		var d Decoder
		for _, frame := range [][]byte{first, second, first} {
			var got Info
			ok := d.Decode(link, frame, len(frame)+cut&0xff, 1, &got)
			if ok != (got.Skip == "") || got.PayloadLen < len(got.Payload) {
				t.Fatalf("%v %+v", ok, got)
			}
			if _, keyed := QuickKey(link, frame); ok && !keyed {
				t.Fatal("no key for a frame with a segment")
			}
			if held, open := d.frags.held(); held > 3*len(frame)+len(first)+len(second) || open > 3 {
				t.Fatalf("holds %d bytes of %d datagrams", held, open)
			}
		}
	})
}

// TestUndelivered: a message of ICMP gives the segment that it quotes, for the
// same worker as that segment.
func TestUndelivered(t *testing.T) {
	syn := segment(40000, 443, 100, 0, SYN, nil)
	four, six := ipv4(hostA, hostB, TCP, syn), ipv6(six1, six2, TCP, syn)
	about := func(kind, code, mtu int, quoted []byte) []byte {
		return join([]byte{byte(kind), byte(code), 0, 0}, be16(0), be16(mtu), quoted)
	}
	for _, c := range []struct {
		name         string
		frame, about []byte
		why          string
		mtu          uint32
	}{
		{"host", ipv4("192.0.2.1", hostA, protoICMP, about(3, 1, 0, four)), four, NoHost, 0},
		{"eight bytes of tcp", ipv4("192.0.2.1", hostA, protoICMP, about(3, 13, 0, four[:28])), four, Prohibited, 0},
		{"too big", ipv4("192.0.2.1", hostA, protoICMP, about(3, 4, 1400, four)), four, TooBig, 1400},
		{"hops", ipv4("192.0.2.1", hostA, protoICMP, about(11, 0, 0, four)), four, Expired, 0},
		{"port, version 6", ipv6(six1, six1, protoICMPv6, about(1, 4, 0, six)), six, NoPort, 0},
		{"too big, version 6", ipv6(six1, six1, protoICMPv6, about(2, 0, 1280, six)), six, TooBig, 1280},
	} {
		var d Decoder
		var got Info
		if !d.Decode(101, c.frame, len(c.frame), 1, &got) || got.Undelivered != c.why || got.MTU != c.mtu {
			t.Errorf("%s: got %q, MTU %d (skip %q), want %q, %d", c.name, got.Undelivered, got.MTU, got.Skip, c.why, c.mtu)
		}
		if got.Proto != TCP || got.Src.Port() != 40000 || got.Dst.Port() != 443 || got.TCP.Seq != 100 || !got.By.IsValid() {
			t.Errorf("%s: got %+v", c.name, got)
		}
		want, _ := QuickKey(101, c.about)
		if key, ok := QuickKey(101, c.frame); !ok || key != want {
			t.Errorf("%s: key %d (%v), that of the segment is %d", c.name, key, ok, want)
		}
	}
	for _, frame := range [][]byte{
		ipv4(hostB, hostA, protoICMP, about(8, 0, 0, four)),
		ipv4(hostB, hostA, protoICMP, about(3, 1, 0, four[:27])),
		ipv4(hostB, hostA, protoICMP, about(3, 1, 0, ipv4(hostA, hostB, UDP, syn))),
		ipv4(hostB, hostA, protoICMP, about(3, 1, 0, ipv4(hostA, hostB, protoICMP, about(3, 1, 0, four)))),
	} {
		var d Decoder
		var got Info
		if d.Decode(101, frame, len(frame), 1, &got) || got.Skip != SkipProtocol {
			t.Errorf("got %+v, want nothing", got)
		}
	}
}
