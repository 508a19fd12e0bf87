package quicwire

import "encoding/binary"

const (
	longForm     = 0x80
	fixedBit     = 0x40
	maxCIDLength = 20 // RFC 9000, section 17.2
)

// reader takes fields off the front of b; once short, it stays so.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.b, r.short = nil, true
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

// varint is RFC 9000, section 16.
func (r *reader) varint() uint64 {
	if len(r.b) == 0 {
		r.short = true
		return 0
	}
	b := r.bytes(1 << (r.b[0] >> 6))
	if r.short {
		return 0
	}
	v := uint64(b[0] & 0x3f)
	for _, x := range b[1:] {
		v = v<<8 | uint64(x)
	}
	return v
}

// longHeader is what RFC 9000, section 17.2, leaves in clear of a packet.
type longHeader struct {
	version    uint32 // 0: Version Negotiation
	level      Level
	retry      bool
	dcid, scid []byte
	number     int // offset of the packet number
	end        int // offset of what follows the packet
}

// parseLong reads the header of the packet that p begins with. ok is false for
// what is no packet of a known version, and for one that p does not hold whole.
func parseLong(p []byte) (h longHeader, ok bool) {
	if len(p) < 7 {
		return h, false
	}
	h.version = binary.BigEndian.Uint32(p[1:])
	r := reader{b: p[5:]}
	h.dcid = r.cid()
	h.scid = r.cid()
	h.end = len(p)
	switch {
	case r.short:
		return h, false
	case h.version == 0:
		h.number = len(p) - len(r.b)
		return h, true
	case h.version != Version1 && h.version != Version2, p[0]&fixedBit == 0,
		len(h.dcid) > maxCIDLength, len(h.scid) > maxCIDLength:
		return h, false
	}
	h.level, h.retry = packetType(h.version, p[0])
	if h.retry {
		return h, len(r.b) >= retryTag
	}
	if h.level == Initial {
		r.bytes(r.varint())
	}
	length := r.varint()
	h.number = len(p) - len(r.b)
	if r.short || length > uint64(len(r.b)) {
		return h, false
	}
	h.end = h.number + int(length)
	return h, true
}

func (r *reader) cid() []byte {
	if n := r.bytes(1); n != nil {
		return r.bytes(uint64(n[0]))
	}
	return nil
}

// packetType maps the bits of a long header: version 2 counts from one later
// (RFC 9369, section 3.2).
func packetType(version uint32, first byte) (level Level, retry bool) {
	bits := first >> 4 & 3
	if version == Version2 {
		bits = (bits - 1) & 3
	}
	return [...]Level{Initial, ZeroRTT, Handshake, levels}[bits], bits == 3
}

// LooksLikeQUIC reports whether p can be a datagram of a QUIC connection's
// beginning: a long header of a known version and, as the first of its packets
// is an Initial, the size that RFC 9000, section 14.1, demands.
func LooksLikeQUIC(p []byte) bool {
	if len(p) == 0 || p[0]&longForm == 0 {
		return false
	}
	h, ok := parseLong(p)
	return ok && h.version != 0 && (h.retry || h.level != Initial || len(p) >= 1200)
}
