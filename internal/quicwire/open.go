package quicwire

import "encoding/binary"

// opener is the buffers of opening packets one after another.
type opener struct {
	plain []byte
	nonce [12]byte
	mask  [sampleLength]byte
}

// packet is one whose header protection is off.
type packet struct {
	raw    []byte // as it came
	header []byte // without protection
	number uint64
	phase  bool // key phase bit of a short header
}

// unprotect takes off the header protection of p, whose packet number begins at
// offset at (RFC 9001, section 5.4.1). next is the packet number to expect.
func (o *opener) unprotect(k *keys, p []byte, at int, next uint64) (packet, bool) {
	if len(p) < at+4+sampleLength {
		return packet{}, false
	}
	k.mask(&o.mask, p[at+4:at+4+sampleLength])
	h := append(o.plain[:0], p[:at+4]...)
	o.plain = h
	if h[0]&longForm != 0 {
		h[0] ^= o.mask[0] & 0x0f
	} else {
		h[0] ^= o.mask[0] & 0x1f
	}
	n := int(h[0]&3) + 1
	var truncated uint64
	for i := range n {
		h[at+i] ^= o.mask[1+i]
		truncated = truncated<<8 | uint64(h[at+i])
	}
	return packet{raw: p, header: h[:at+n], number: fullNumber(truncated, n, next), phase: h[0]&4 != 0}, true
}

// fullNumber is RFC 9000, appendix A.3: the packet number nearest to next that
// ends in the n bytes of truncated.
func fullNumber(truncated uint64, n int, next uint64) uint64 {
	window := uint64(1) << (8 * n)
	candidate := next&^(window-1) | truncated
	switch {
	case candidate+window/2 <= next && candidate < 1<<62-window:
		return candidate + window
	case candidate > next+window/2 && candidate >= window:
		return candidate - window
	}
	return candidate
}

// open decrypts a packet. The payload is valid until the next use of o.
func (o *opener) open(k *keys, p packet) ([]byte, bool) {
	o.nonce = k.iv
	tail := o.nonce[4:]
	binary.BigEndian.PutUint64(tail, binary.BigEndian.Uint64(tail)^p.number)
	if cap(o.plain) < len(p.raw) {
		grown := make([]byte, len(p.header), max(len(p.raw), 1536))
		copy(grown, p.header)
		o.plain, p.header = grown, grown
	}
	n := len(p.header)
	payload, err := k.aead.Open(o.plain[n:n:cap(o.plain)], o.nonce[:], p.raw[n:], p.header)
	return payload, err == nil && len(payload) > 0
}
