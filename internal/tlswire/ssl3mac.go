package tlswire

import (
	"bytes"
	"crypto"
	"hash"
)

// ssl3MAC is the MAC of SSL 3.0 (RFC 6101, section 5.2.3.1), a forerunner of
// HMAC.
type ssl3MAC struct {
	inner, outer hash.Hash
	secret, pads []byte
}

func newSSL3MAC(h crypto.Hash, secret []byte) hash.Hash {
	n := 48
	if h == crypto.SHA1 {
		n = 40
	}
	m := &ssl3MAC{inner: maker(h)(), outer: maker(h)(), secret: secret, pads: bytes.Repeat([]byte{0x36}, n)}
	m.pads = append(m.pads, bytes.Repeat([]byte{0x5c}, n)...)
	m.Reset()
	return m
}

func (m *ssl3MAC) Reset() {
	m.inner.Reset()
	m.inner.Write(m.secret)
	m.inner.Write(m.pads[:len(m.pads)/2])
}

func (m *ssl3MAC) Sum(b []byte) []byte {
	m.outer.Reset()
	m.outer.Write(m.secret)
	m.outer.Write(m.pads[len(m.pads)/2:])
	m.outer.Write(m.inner.Sum(nil))
	return m.outer.Sum(b)
}

func (m *ssl3MAC) Write(p []byte) (int, error) { return m.inner.Write(p) }
func (m *ssl3MAC) Size() int                   { return m.inner.Size() }
func (m *ssl3MAC) BlockSize() int              { return m.inner.BlockSize() }
