package tlswire

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

// ccm opens what AES-CCM sealed (RFC 3610, RFC 6655) under nonces of twelve
// bytes. It is not for concurrent use.
type ccm struct {
	block cipher.Block
	tag   int

	counter, pad, mac [16]byte
}

var errOpen = errors.New("open record: it does not verify")

// open decrypts sealed into dst, which must have room for all but the tag.
func (c *ccm) open(dst, nonce, sealed, additional []byte) ([]byte, error) {
	n := len(sealed) - c.tag
	if n < 0 {
		return nil, errOpen
	}
	dst = dst[:n]
	c.counter = [16]byte{0: 2} // three bytes of length
	copy(c.counter[1:], nonce)
	c.mac = [16]byte{0: 64 | byte((c.tag-2)/2)<<3 | 2}
	copy(c.mac[1:], nonce)
	binary.BigEndian.PutUint16(c.mac[14:], uint16(n))
	c.mac[13] = byte(n >> 16)
	c.block.Encrypt(c.mac[:], c.mac[:])
	c.addAdditional(additional)

	c.block.Encrypt(c.pad[:], c.counter[:])
	var tag [16]byte
	subtle.XORBytes(tag[:c.tag], sealed[n:], c.pad[:])
	for i := 0; i < n; i += 16 {
		binary.BigEndian.PutUint16(c.counter[14:], uint16(i/16+1))
		c.block.Encrypt(c.pad[:], c.counter[:])
		end := min(i+16, n)
		subtle.XORBytes(dst[i:end], sealed[i:end], c.pad[:])
		subtle.XORBytes(c.mac[:], c.mac[:], dst[i:end])
		c.block.Encrypt(c.mac[:], c.mac[:])
	}
	if subtle.ConstantTimeCompare(tag[:c.tag], c.mac[:c.tag]) != 1 {
		return nil, errOpen
	}
	return dst, nil
}

// addAdditional feeds the MAC the additional data, 1 to 14 bytes of it.
func (c *ccm) addAdditional(additional []byte) {
	var b [16]byte
	b[1] = byte(len(additional))
	copy(b[2:], additional)
	subtle.XORBytes(c.mac[:], c.mac[:], b[:])
	c.block.Encrypt(c.mac[:], c.mac[:])
}
