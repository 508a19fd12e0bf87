package packet

import "encoding/binary"

// portVXLAN is where VXLAN is sent to (RFC 7348, 5).
const portVXLAN = 4789

// GRE carries mirrored frames under these protocols.
const (
	etherERSPAN  = 0x88be // types I and II
	etherERSPAN3 = 0x22eb
)

// Bits of the first two bytes of a GRE header (RFC 2784, RFC 2890, RFC 1701).
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greVersion  = 0x0007
)

// isVXLAN reports whether b begins with a header of RFC 7348, 5 and holds all
// of it: the one flag, and zeros where they must be.
func isVXLAN(b []byte) bool {
	return len(b) >= 8 && binary.BigEndian.Uint32(b) == 0x08000000 && b[7] == 0
}

func (d *Decoder) gre(b []byte, wire int, out *Info) bool {
	if len(b) < 4 {
		return out.short(wire, 4)
	}
	flags := binary.BigEndian.Uint16(b)
	etherType := binary.BigEndian.Uint16(b[2:])
	if flags&(greRouting|greVersion) != 0 {
		return out.skip(SkipProtocol)
	}
	size := 4
	for _, optional := range [...]uint16{greChecksum, greKey, greSequence} {
		if flags&optional != 0 {
			size += 4
		}
	}
	if len(b) < size {
		return out.short(wire, size)
	}
	b, wire = b[size:], wire-size
	switch etherType {
	case etherERSPAN:
		// Type I has no header of its own and no sequence number.
		return d.erspan(b, wire, int(flags&greSequence/greSequence)*8, out)
	case etherERSPAN3:
		return d.erspan3(b, wire, out)
	}
	out.Tunnel = "gre"
	if etherType == etherTEB {
		return d.frame(LinkEthernet, b, wire, out)
	}
	l := unwrap(b, 0, etherType)
	if l.skip != "" {
		return out.skip(l.skip)
	}
	return d.network(l.etherType, b[l.size:], wire-l.size, out)
}

// erspan reads a mirrored frame after a header of size bytes.
func (d *Decoder) erspan(b []byte, wire, size int, out *Info) bool {
	if len(b) < size {
		return out.short(wire, size)
	}
	out.Tunnel = "erspan"
	return d.frame(LinkEthernet, b[size:], wire-size, out)
}

// erspan3 reads type III: 12 bytes, whose last bit says that 8 more follow, and
// which name the kind of frame.
func (d *Decoder) erspan3(b []byte, wire int, out *Info) bool {
	if len(b) < 12 {
		return out.short(wire, 12)
	}
	size := 12 + int(b[11]&1)*8
	if kind := b[10] >> 2 & 0x1f; kind == 2 && len(b) >= size {
		out.Tunnel = "erspan"
		return d.frame(LinkRaw, b[size:], wire-size, out)
	}
	return d.erspan(b, wire, size, out)
}
