package packet

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// What follows builds frames by hand, one layer around the other.

func be16(v int) []byte    { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func segment(src, dst int, seq, ack uint32, flags uint8, payload []byte) []byte {
	return segmentOptions(src, dst, seq, ack, flags, nil, payload)
}

func segmentOptions(src, dst int, seq, ack uint32, flags uint8, options, payload []byte) []byte {
	header := 20 + len(options)
	return join(be16(src), be16(dst), be32(seq), be32(ack), []byte{byte(header / 4 << 4), flags}, be16(512), be32(0), options, payload)
}

func datagram17(src, dst int, payload []byte) []byte {
	return join(be16(src), be16(dst), be16(8+len(payload)), be16(0), payload)
}

func ipv4(src, dst string, proto uint8, payload []byte) []byte {
	return ipv4Place(src, dst, proto, 77, 0, payload)
}

// ipv4Place has place in the field of flags and fragment offset.
func ipv4Place(src, dst string, proto uint8, id, place int, payload []byte) []byte {
	return join([]byte{0x45, 0}, be16(20+len(payload)), be16(id), be16(place), []byte{64, proto, 0, 0},
		netip.MustParseAddr(src).AsSlice(), netip.MustParseAddr(dst).AsSlice(), payload)
}

func ipv6(src, dst string, next uint8, payload []byte) []byte {
	return join([]byte{0x60, 0, 0, 0}, be16(len(payload)), []byte{next, 64},
		netip.MustParseAddr(src).AsSlice(), netip.MustParseAddr(dst).AsSlice(), payload)
}

func ethernet(etherType int, payload []byte) []byte {
	return join(make([]byte, 12), be16(etherType), payload)
}

func tag(id, etherType int) []byte { return join(be16(id), be16(etherType)) }
