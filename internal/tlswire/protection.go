package tlswire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/rc4"
	"crypto/subtle"
	"encoding/binary"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
)

// protection opens the records of one direction under one set of keys.
type protection struct {
	suite   *suite
	version uint16
	etm     bool // encrypt_then_mac (RFC 7366)
	seq     uint64

	iv      [16]byte // of an AEAD; up to TLS 1.0 the block to chain from
	kept    [32]byte // the key of an AEAD, to make its engine again
	*engine          // nil at rest
}

// engine is what does the work: one cipher, a MAC beside those that are no AEAD.
type engine struct {
	aead   cipher.AEAD
	ccm    *ccm
	cbc    chained
	stream *rc4.Cipher
	mac    hash.Hash

	inflate *inflater // compression, nil without
}

// chained is the CBC mode of the standard library.
type chained interface {
	cipher.BlockMode
	SetIV([]byte)
}

// material is a direction's part of a key block.
type material struct{ mac, key, iv []byte }

// newProtection gives nil if the lengths of the keys do not fit the suite.
func newProtection(s *suite, version uint16, m material) *protection {
	if len(m.key) != s.key {
		return nil
	}
	p := &protection{suite: s, version: version, engine: new(engine)}
	copy(p.iv[:], m.iv)
	copy(p.kept[:], m.key)
	if s.mac != 0 && s.tag == 0 {
		if version <= 0x0300 {
			p.mac = newSSL3MAC(s.mac, m.mac)
		} else {
			p.mac = hmac.New(maker(s.mac), m.mac)
		}
	}
	if !p.key(m.key) {
		return nil
	}
	return p
}

func (p *protection) key(key []byte) (ok bool) {
	var err error
	var block cipher.Block
	switch p.suite.cipher {
	case "AES":
		block, err = aes.NewCipher(key)
	case "3DES":
		block, err = des.NewTripleDESCipher(key)
	case "DES":
		block, err = des.NewCipher(key)
	}
	if err != nil {
		return false
	}
	switch p.suite.sealing {
	case sealStream:
		p.stream, err = rc4.NewCipher(key)
	case sealBlock:
		p.cbc, ok = cipher.NewCBCDecrypter(block, p.iv[:block.BlockSize()]).(chained)
		return ok
	case sealGCM:
		p.aead, err = cipher.NewGCM(block)
	case sealCCM:
		p.ccm = &ccm{block: block, tag: p.suite.tag}
	case sealChaCha:
		p.aead, err = chacha20poly1305.New(key)
	}
	return err == nil
}

// rest lets go of what the key makes again.
func (p *protection) rest() {
	if p.suite.tag > 0 && p.engine != nil && p.inflate == nil {
		p.engine = nil
	}
}

// retriable tells whether a record can be tried twice.
func (p *protection) retriable() bool { return p.suite.sealing != sealStream }

// open decrypts a record, header included, under the current sequence number
// and counts it; the result lies in the scratch memory or in rec. If the
// record does not verify, nothing is counted; a stream cipher is then lost.
func (p *protection) open(w *Scratch, rec []byte) (plain []byte, ok bool) {
	sealed := rec[headerLen:]
	switch {
	case p.suite.tag > 0:
		plain, ok = p.openAEAD(w, rec[:headerLen], sealed)
	case p.cbc != nil:
		plain, ok = p.openBlock(w, rec, sealed)
	case p.stream != nil:
		out := w.room(len(sealed))
		p.stream.XORKeyStream(out, sealed)
		plain, ok = p.verify(w, rec, out)
	default:
		plain, ok = p.verify(w, rec, sealed)
	}
	if ok {
		p.seq++
		if p.inflate != nil {
			plain, ok = p.inflate.record(w, plain)
		}
	}
	return plain, ok
}

// lost counts a record that could not be opened; tail is what is known of its
// end, and n its length.
func (p *protection) lost(tail []byte, n int) {
	p.seq++
	if p.suite.sealing == sealBlock && p.version < 0x0302 && len(tail) >= p.cbc.BlockSize() {
		copy(p.iv[:], tail[len(tail)-p.cbc.BlockSize():])
	}
	if p.suite.sealing == sealStream {
		skip := make([]byte, n)
		p.stream.XORKeyStream(skip, skip)
	}
}

func (p *protection) openAEAD(w *Scratch, header, sealed []byte) ([]byte, bool) {
	if p.engine == nil {
		p.engine = new(engine)
		p.key(p.kept[:p.suite.key]) // it was fine before
	}
	nonce := w.nonce[:12]
	copy(nonce, p.iv[:12])
	if p.suite.iv == 4 && p.version < 0x0304 { // RFC 5288, section 3; RFC 6655, section 3
		if len(sealed) < 8 {
			return nil, false
		}
		copy(nonce[4:], sealed)
		sealed = sealed[8:]
	} else { // RFC 7905, section 2; RFC 8446, section 5.3
		seq := binary.BigEndian.Uint64(nonce[4:]) ^ p.seq
		binary.BigEndian.PutUint64(nonce[4:], seq)
	}
	if len(sealed) < p.suite.tag {
		return nil, false
	}
	additional := w.head[:headerLen]
	if p.version < 0x0304 {
		additional = w.head[:13]
		binary.BigEndian.PutUint64(additional, p.seq)
		copy(additional[8:], header[:3])
		binary.BigEndian.PutUint16(additional[11:], uint16(len(sealed)-p.suite.tag))
	} else {
		copy(additional, header)
	}
	var out []byte
	var err error
	if p.ccm != nil {
		out, err = p.ccm.open(w.room(len(sealed)), nonce, sealed, additional)
	} else {
		out, err = p.aead.Open(w.room(len(sealed))[:0], nonce, sealed, additional)
	}
	return out, err == nil
}

func (p *protection) openBlock(w *Scratch, rec, sealed []byte) ([]byte, bool) {
	size := p.cbc.BlockSize()
	if p.etm {
		var ok bool
		if sealed, ok = p.verify(w, rec, sealed); !ok {
			return nil, false
		}
	}
	iv := p.iv[:size]
	if p.version >= 0x0302 {
		if len(sealed) < size {
			return nil, false
		}
		iv, sealed = sealed[:size], sealed[size:]
	}
	if len(sealed) == 0 || len(sealed)%size != 0 {
		return nil, false
	}
	out := w.room(len(sealed))
	p.cbc.SetIV(iv)
	p.cbc.CryptBlocks(out, sealed)
	out, ok := p.unpad(out)
	if ok && !p.etm {
		out, ok = p.verify(w, rec, out)
	}
	if ok && p.version < 0x0302 {
		copy(p.iv[:], sealed[len(sealed)-size:])
	}
	return out, ok
}

// unpad takes off the padding (RFC 5246, section 6.2.3.2); SSL 3.0 leaves its
// content open.
func (p *protection) unpad(b []byte) ([]byte, bool) {
	n := int(b[len(b)-1]) + 1
	if n > len(b) {
		return nil, false
	}
	if p.version > 0x0300 {
		for _, c := range b[len(b)-n:] {
			if int(c) != n-1 {
				return nil, false
			}
		}
	}
	return b[:len(b)-n], true
}

// verify checks the MAC at the end of b, and gives what is before it.
func (p *protection) verify(w *Scratch, rec, b []byte) ([]byte, bool) {
	n := len(b) - p.mac.Size()
	if n < 0 {
		return nil, false
	}
	head := w.head[:13]
	binary.BigEndian.PutUint64(head, p.seq)
	copy(head[8:], rec[:3])
	if p.version <= 0x0300 {
		head = w.head[:11]
	}
	binary.BigEndian.PutUint16(head[len(head)-2:], uint16(n))
	p.mac.Reset()
	p.mac.Write(head)
	p.mac.Write(b[:n])
	return b[:n], subtle.ConstantTimeCompare(p.mac.Sum(w.sum[:0]), b[n:]) == 1
}
