package packet

import "encoding/binary"

// Decoder reads frames one after the other. It holds IP fragments until their
// datagram is complete, within limits. The zero value is ready; a Decoder is
// for one goroutine.
type Decoder struct {
	frags fragments
	now   int64
}

// Dropped is how many datagrams were given up for want of a fragment, of time
// or of room.
func (d *Decoder) Dropped() int64 { return d.frags.dropped }

// Decode reads one frame of a link type (as capture files number them) into
// out, all of which it sets. wireLen is the length of the frame before the
// capture cut it, time its nanoseconds since the Unix epoch. It reports
// whether there is a segment or datagram; if not, out.Skip says why. Nothing is
// allocated but for fragments.
func (d *Decoder) Decode(link uint16, data []byte, wireLen int, time int64, out *Info) bool {
	*out = Info{}
	out.TCP.WScale = -1
	d.now = time
	return d.frame(link, data, max(wireLen, len(data)), out)
}

// skip ends the decoding of a frame.
func (i *Info) skip(why string) bool {
	i.Skip = why
	return false
}

// short is skip for a header of n bytes of which fewer are there: cut off by the capture,
// or by the length that the layer below states.
func (i *Info) short(wire, n int) bool {
	if wire < n {
		return i.skip(SkipMalformed)
	}
	return i.skip(SkipTruncated)
}

func (d *Decoder) frame(link uint16, b []byte, wire int, out *Info) bool {
	l := linkHeader(link, b)
	if l.skip != "" {
		return out.skip(l.skip)
	}
	if l.vlan != 0 {
		out.VLAN = l.vlan
	}
	return d.network(l.etherType, b[l.size:], wire-l.size, out)
}

func (d *Decoder) network(etherType uint16, b []byte, wire int, out *Info) bool {
	switch etherType {
	case etherIPv4:
		return d.ipv4(b, wire, out)
	case etherIPv6:
		return d.ipv6(b, wire, out)
	case etherARP:
		return out.skip(SkipARP)
	}
	return out.skip(SkipNotIP)
}

// transport reads what IP carries: wire bytes, of which b were captured.
func (d *Decoder) transport(proto uint8, b []byte, wire int, out *Info) bool {
	switch proto {
	case TCP:
		return tcp(b, wire, out)
	case UDP:
		return d.udp(b, wire, out)
	case protoICMP, protoICMPv6:
		return d.icmp(proto, b, out)
	}
	if out.Tunnel != "" {
		return out.skip(SkipProtocol)
	}
	switch proto {
	case protoGRE:
		return d.gre(b, wire, out)
	case protoIPIP:
		out.Tunnel = "ipip"
		return d.ipv4(b, wire, out)
	case protoIPv6:
		out.Tunnel = "ipip"
		return d.ipv6(b, wire, out)
	}
	return out.skip(SkipProtocol)
}

// udp reads a datagram (RFC 768). A length of 0 is that of one too long for
// the field.
func (d *Decoder) udp(b []byte, wire int, out *Info) bool {
	if len(b) < 8 {
		return out.short(wire, 8)
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if length == 0 || length > wire {
		length = wire
	}
	if length < 8 {
		return out.skip(SkipMalformed)
	}
	b = b[:min(len(b), length)]
	to := binary.BigEndian.Uint16(b[2:])
	if to == portVXLAN && out.Tunnel == "" && isVXLAN(b[8:]) {
		out.Tunnel = "vxlan"
		return d.frame(LinkEthernet, b[16:], length-16, out)
	}
	out.Proto = UDP
	out.setPorts(binary.BigEndian.Uint16(b), to)
	out.Payload = b[8:]
	out.PayloadLen = length - 8
	return true
}
