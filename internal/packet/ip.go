package packet

import (
	"encoding/binary"
	"net/netip"
)

// Protocols of IP that lead on to others.
const (
	protoHop      = 0
	protoICMP     = 1
	protoIPIP     = 4
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoAH       = 51
	protoICMPv6   = 58
	protoDest     = 60
)

// maxExtensions is how many headers are followed to the segment.
const maxExtensions = 16

// ipv4 reads a datagram (RFC 791, 3.1). A total length of 0 is that of a
// segment which the network card is to cut: what the frame holds is taken.
func (d *Decoder) ipv4(b []byte, wire int, out *Info) bool {
	if len(b) < 20 {
		return out.short(wire, 20)
	}
	header := int(b[0]&15) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 {
		total = wire
	}
	if b[0]>>4 != 4 || header < 20 || total < header {
		return out.skip(SkipMalformed)
	}
	if len(b) < header {
		return out.skip(SkipTruncated)
	}
	out.TTL = b[8]
	out.IPID = binary.BigEndian.Uint16(b[4:])
	out.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:16])), 0)
	out.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), 0)
	proto := b[9]
	place := binary.BigEndian.Uint16(b[6:])
	b = b[header:min(total, len(b))]
	if place&0x3fff == 0 {
		return d.transport(proto, b, total-header, out)
	}
	f := fragment{offset: int(place&0x1fff) * 8, length: total - header, data: b}
	whole, length, ok := d.frags.add(d.key(out, uint32(out.IPID), proto), f, place&0x2000 != 0, proto, d.now)
	if !ok {
		return out.skip(SkipFragment)
	}
	out.Fragment = true
	return d.transport(proto, whole.data, length, out)
}

// ipv6 reads a packet (RFC 8200, 3). A payload length of 0 is that of a
// jumbogram or of a segment that the network card is to cut.
func (d *Decoder) ipv6(b []byte, wire int, out *Info) bool {
	if len(b) < 40 {
		return out.short(wire, 40)
	}
	if b[0]>>4 != 6 {
		return out.skip(SkipMalformed)
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if length == 0 {
		length = wire - 40
	}
	out.TTL = b[7]
	out.Src = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), 0)
	out.Dst = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[24:40])), 0)
	return d.extensions(b[6], b[40:min(40+length, len(b))], length, out)
}

// extensions follows the headers of IPv6 (RFC 8200, 4) to the transport.
func (d *Decoder) extensions(next uint8, b []byte, wire int, out *Info) bool {
	for range maxExtensions {
		if !isExtension(next) {
			return d.transport(next, b, wire, out)
		}
		if len(b) < 8 {
			return out.short(wire, 8)
		}
		if next == protoFragment && binary.BigEndian.Uint16(b[2:])&0xfff9 != 0 {
			return d.fragmentIPv6(b, wire, out)
		}
		size := extensionSize(next, b)
		if len(b) < size {
			return out.short(wire, size)
		}
		next, b, wire = b[0], b[size:], wire-size
	}
	return out.skip(SkipMalformed)
}

func isExtension(proto uint8) bool {
	switch proto {
	case protoHop, protoRouting, protoFragment, protoAH, protoDest:
		return true
	}
	return false
}

// extensionSize is the size of a header of which two bytes are there.
func extensionSize(proto uint8, b []byte) int {
	switch proto {
	case protoFragment: // of a whole packet (RFC 6946)
		return 8
	case protoAH: // RFC 4302, 2.2
		return (int(b[1]) + 2) * 4
	}
	return (int(b[1]) + 1) * 8
}

func (d *Decoder) fragmentIPv6(b []byte, wire int, out *Info) bool {
	place := binary.BigEndian.Uint16(b[2:])
	f := fragment{offset: int(place &^ 7), length: wire - 8, data: b[8:]}
	key := d.key(out, binary.BigEndian.Uint32(b[4:]), 0)
	whole, length, ok := d.frags.add(key, f, place&1 != 0, b[0], d.now)
	if !ok {
		return out.skip(SkipFragment)
	}
	out.Fragment = true
	return d.extensions(whole.next, whole.data, length, out)
}

func (d *Decoder) key(out *Info, id uint32, proto uint8) datagramKey {
	return datagramKey{src: out.Src.Addr(), dst: out.Dst.Addr(), id: id, proto: proto}
}
