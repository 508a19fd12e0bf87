package packet

import "encoding/binary"

// Link types, as capture files number them.
const (
	LinkNull     uint16 = 0
	LinkEthernet uint16 = 1
	LinkPPP      uint16 = 9
	LinkRaw12    uint16 = 12
	LinkRaw14    uint16 = 14
	LinkPPPHDLC  uint16 = 50
	LinkRaw      uint16 = 101
	LinkLoop     uint16 = 108
	LinkSLL      uint16 = 113
	LinkIPv4     uint16 = 228
	LinkIPv6     uint16 = 229
	LinkSLL2     uint16 = 276
)

const (
	etherIPv4  = 0x0800
	etherARP   = 0x0806
	etherTEB   = 0x6558 // Ethernet in GRE (RFC 1701)
	etherVLAN  = 0x8100
	etherIPv6  = 0x86dd
	etherMPLS  = 0x8847
	etherPPPoE = 0x8864
	etherQinQ  = 0x88a8
	etherQinQ2 = 0x9100
	// etherOther is a frame that says nothing of its protocol.
	etherOther = 0
)

// header is what a link layer takes of a frame and the protocol of the rest.
type header struct {
	skip      string // why there is no rest
	size      int
	etherType uint16
	vlan      uint16
}

func linkHeader(link uint16, b []byte) header {
	switch link {
	case LinkEthernet:
		if len(b) < 14 {
			return header{skip: SkipTruncated}
		}
		return unwrap(b, 14, binary.BigEndian.Uint16(b[12:]))
	case LinkSLL:
		if len(b) < 16 {
			return header{skip: SkipTruncated}
		}
		return unwrap(b, 16, binary.BigEndian.Uint16(b[14:]))
	case LinkSLL2:
		if len(b) < 20 {
			return header{skip: SkipTruncated}
		}
		return unwrap(b, 20, binary.BigEndian.Uint16(b))
	case LinkRaw, LinkRaw12, LinkRaw14, LinkIPv4, LinkIPv6:
		return rawIP(b, 0)
	case LinkNull, LinkLoop:
		return loopback(b)
	case LinkPPP, LinkPPPHDLC:
		return ppp(b, 0)
	}
	return header{skip: SkipLink}
}

// unwrap takes away what may stand between the link and IP: VLAN tags (IEEE
// 802.1Q), a PPPoE session, MPLS labels, LLC with SNAP. b[size:] follows the
// field that held etherType.
func unwrap(b []byte, size int, etherType uint16) header {
	vlan := uint16(0)
	for {
		switch etherType {
		case etherVLAN, etherQinQ, etherQinQ2:
			if len(b) < size+4 {
				return header{skip: SkipTruncated}
			}
			vlan = binary.BigEndian.Uint16(b[size:]) & 0xfff
			etherType = binary.BigEndian.Uint16(b[size+2:])
			size += 4
			continue
		case etherPPPoE:
			return ppp(b, size+6).tagged(vlan)
		case etherMPLS:
			return mpls(b, size).tagged(vlan)
		}
		if etherType <= 1500 && len(b) >= size+8 && binary.BigEndian.Uint32(b[size:]) == 0xaaaa0300 {
			etherType = binary.BigEndian.Uint16(b[size+6:])
			size += 8
			continue
		}
		return header{size: size, etherType: etherType, vlan: vlan}
	}
}

func (h header) tagged(vlan uint16) header {
	h.vlan = vlan
	return h
}

// rawIP tells the versions of IP by the first four bits.
func rawIP(b []byte, size int) header {
	if len(b) <= size {
		return header{skip: SkipTruncated}
	}
	h := header{size: size, etherType: etherOther}
	switch b[size] >> 4 {
	case 4:
		h.etherType = etherIPv4
	case 6:
		h.etherType = etherIPv6
	}
	return h
}

// loopback reads the address family before the packet: of 4 bytes in the order
// of the machine that captured it, or of the network. Systems number IPv6
// differently, so the packet itself tells; the family only rules out others.
func loopback(b []byte) header {
	if len(b) < 4 {
		return header{skip: SkipTruncated}
	}
	family := binary.BigEndian.Uint32(b)
	if family > 0xffff {
		family = binary.LittleEndian.Uint32(b)
	}
	switch family {
	case 2, 10, 23, 24, 28, 30:
		return rawIP(b, 4)
	}
	return header{size: 4, etherType: etherOther}
}

// ppp reads the protocol after a PPP header, with or without address and
// control (RFC 1661, 2; RFC 1662, 3.1) and a compressed protocol field.
func ppp(b []byte, size int) header {
	if len(b) >= size+2 && b[size] == 0xff && b[size+1] == 3 {
		size += 2
	}
	if len(b) < size+2 {
		return header{skip: SkipTruncated}
	}
	protocol := uint16(b[size])
	size++
	if protocol&1 == 0 {
		protocol = protocol<<8 | uint16(b[size])
		size++
	}
	switch protocol {
	case 0x21:
		return header{size: size, etherType: etherIPv4}
	case 0x57:
		return header{size: size, etherType: etherIPv6}
	}
	return header{size: size, etherType: etherOther}
}

// mpls skips labels to the bottom of the stack (RFC 3032, 2.1), which does
// not say what follows it.
func mpls(b []byte, size int) header {
	for len(b) >= size+4 {
		bottom := b[size+2]&1 != 0
		size += 4
		if bottom {
			return rawIP(b, size)
		}
	}
	return header{skip: SkipTruncated}
}
