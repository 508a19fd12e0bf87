package packet

import (
	"encoding/binary"
	"net/netip"
)

// Why a segment was not delivered: the values of Info.Undelivered.
const (
	NoNetwork  = "no route to the network"
	NoHost     = "host unreachable"
	NoPort     = "port unreachable"
	Prohibited = "administratively prohibited"
	TooBig     = "packet too big"
	Expired    = "too many hops"
	OtherWhy   = "unreachable"
)

// icmp reads an error message (RFC 792; RFC 4443, 3) about a TCP segment. out
// is then that of the segment as its sender wrote it, without payload.
func (d *Decoder) icmp(proto uint8, b []byte, out *Info) bool {
	if len(b) < 8 || out.Tunnel != "" || out.Undelivered != "" {
		return out.skip(SkipProtocol)
	}
	why := reasonV4(b[0], b[1])
	if proto == protoICMPv6 {
		why = reasonV6(b[0], b[1])
	}
	if why == "" {
		return out.skip(SkipProtocol)
	}
	quoted := Info{Undelivered: why, By: out.Src.Addr(), VLAN: out.VLAN, TTL: out.TTL}
	quoted.TCP.WScale = -1
	switch {
	case why == TooBig && proto == protoICMP: // RFC 1191, 4; 0 of a router older than that
		quoted.MTU = uint32(binary.BigEndian.Uint16(b[6:]))
	case why == TooBig:
		quoted.MTU = binary.BigEndian.Uint32(b[4:])
	}
	if !quoted.quote(b[8:]) {
		return out.skip(SkipProtocol)
	}
	*out = quoted
	return true
}

// quote reads the beginning of a quoted packet: its header and at least eight
// bytes of TCP, which are the ports and the sequence number.
func (i *Info) quote(b []byte) bool {
	var proto uint8
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		header := int(b[0]&15) * 4
		if header < 20 || len(b) < header || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
			return false
		}
		i.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:16])), 0)
		i.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), 0)
		proto, b = b[9], b[header:]
	case len(b) >= 40 && b[0]>>4 == 6:
		i.Src = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), 0)
		i.Dst = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[24:40])), 0)
		proto, b = b[6], b[40:]
	}
	if proto != TCP || len(b) < 8 {
		return false
	}
	i.Proto = TCP
	i.setPorts(binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]))
	i.TCP.Seq = binary.BigEndian.Uint32(b[4:])
	return true
}

// reasonV4 is empty for what tells of no segment (RFC 1812, 5.2.7.1).
func reasonV4(kind, code uint8) string {
	switch {
	case kind == 11:
		return Expired
	case kind != 3:
		return ""
	}
	switch code {
	case 0, 6, 8, 11:
		return NoNetwork
	case 1, 7, 12:
		return NoHost
	case 3:
		return NoPort
	case 4:
		return TooBig
	case 9, 10, 13:
		return Prohibited
	}
	return OtherWhy
}

func reasonV6(kind, code uint8) string {
	switch {
	case kind == 2:
		return TooBig
	case kind == 3:
		return Expired
	case kind != 1:
		return ""
	}
	switch code {
	case 0:
		return NoNetwork
	case 1, 5, 6:
		return Prohibited
	case 3:
		return NoHost
	case 4:
		return NoPort
	}
	return OtherWhy
}

// keyQuoted is the key of the flow that a message is about.
func keyQuoted(b []byte) (uint32, bool) {
	if len(b) < 8+20 {
		return 0, false
	}
	switch b = b[8:]; b[0] >> 4 {
	case 4:
		if header := int(b[0]&15) * 4; b[9] == TCP && len(b) >= header+8 {
			return keyIPv4(b)
		}
	case 6:
		if len(b) >= 48 && b[6] == TCP {
			return keyIPv6(b)
		}
	}
	return 0, false
}
