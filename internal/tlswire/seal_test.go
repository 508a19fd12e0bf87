package tlswire

import (
	"bytes"
	"compress/zlib"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"
	"testing"
)

// sealer writes records for what no program here still speaks: SSL 3.0, and
// compression. Its keys come from the code under test, its records do not.
type sealer struct {
	version uint16
	mac     hash.Hash
	cbc     cipher.BlockMode
	seq     uint64
}

func (s *sealer) seal(typ byte, plain []byte) []byte {
	head := binary.BigEndian.AppendUint64(nil, s.seq)
	s.seq++
	head = append(head, typ)
	if s.version > 0x0300 {
		head = binary.BigEndian.AppendUint16(head, s.version)
	}
	head = binary.BigEndian.AppendUint16(head, uint16(len(plain)))
	s.mac.Reset()
	s.mac.Write(head)
	s.mac.Write(plain)
	body := s.mac.Sum(bytes.Clone(plain))
	if s.cbc != nil {
		n := 16 - len(body)%16
		body = append(body, bytes.Repeat([]byte{0xaa}, n-1)...) // SSL 3.0 does not say what padding holds
		body = append(body, byte(n-1))
		s.cbc.CryptBlocks(body, body)
	}
	return s.record(typ, body)
}

func (s *sealer) record(typ byte, body []byte) []byte {
	return append([]byte{typ, byte(s.version >> 8), byte(s.version), byte(len(body) >> 8), byte(len(body))}, body...)
}

// hello is a message without extensions, which both versions here may omit.
func (s *sealer) hello(typ byte, fill byte, cipher uint16, deflate bool) []byte {
	b := binary.BigEndian.AppendUint16(nil, s.version)
	b = append(b, bytes.Repeat([]byte{fill}, 32)...)
	b = append(b, 0)
	method := byte(0)
	if deflate {
		method = 1
	}
	if typ == TypeClientHello {
		b = append(b, 0, 2, byte(cipher>>8), byte(cipher), 1, method)
	} else {
		b = append(b, byte(cipher>>8), byte(cipher), method)
	}
	return s.record(22, append([]byte{typ, 0, 0, byte(len(b))}, b...))
}

func TestSealedByHand(t *testing.T) {
	master := bytes.Repeat([]byte{7}, 48)
	var keys Keys
	keys.AddKeyLog([]byte("CLIENT_RANDOM " + strings.Repeat("01", 32) + " " + hex.EncodeToString(master)))
	for _, c := range []struct {
		name    string
		version uint16
		suite   uint16
		deflate bool
	}{
		{"SSL 3.0", 0x0300, 0x002f, false},
		{"SSL 3.0 MD5", 0x0300, 0x0001, false},
		{"compressed", 0x0303, 0x003b, true},
	} {
		suite, _ := suiteOf(c.suite)
		hs := &handshake{version: c.version, suite: &suite}
		copy(hs.random[0][:], bytes.Repeat([]byte{1}, 32))
		copy(hs.random[1][:], bytes.Repeat([]byte{2}, 32))
		m := keyBlock(hs, master)[0]
		s := &sealer{version: c.version}
		if s.mac = newSSL3MAC(suite.mac, m.mac); c.version > 0x0300 {
			s.mac = hmac.New(suite.mac.New, m.mac)
		}
		if suite.sealing == sealBlock {
			block, _ := aes.NewCipher(m.key)
			s.cbc = cipher.NewCBCEncrypter(block, m.iv)
		}
		var packed bytes.Buffer
		z := zlib.NewWriter(&packed)
		squeeze := func(plain string) []byte {
			if !c.deflate {
				return []byte(plain)
			}
			packed.Reset()
			z.Write([]byte(plain))
			z.Flush()
			return packed.Bytes()
		}
		session := NewSession(&keys)
		var got []string
		emit := func(m *Message) {
			if m.Kind == DataMsg {
				got = append(got, string(m.Data))
			}
		}
		session.Write(0, s.hello(TypeClientHello, 1, c.suite, c.deflate), emit)
		session.Write(1, s.hello(TypeServerHello, 2, c.suite, c.deflate), emit)
		session.Write(0, s.record(20, []byte{1}), emit)
		session.Write(0, s.seal(22, squeeze("\x14\x00\x00\x04done")), emit)
		want := []string{"one", strings.Repeat("two two ", 1500), strings.Repeat("two two ", 1500)}
		for _, plain := range want {
			session.Write(0, s.seal(23, squeeze(plain)), emit)
		}
		if state, why := session.Decrypted(); state != Yes || strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: %v %q, got %d texts", c.name, state, why, len(got))
		}
	}
}

func TestCompressedCertificate(t *testing.T) {
	plain := append([]byte{0, 0, 0, 0x6a, 0, 0, 100}, make([]byte, 103)...) // context, list, one certificate, no extensions
	plain[5], plain[6] = 0, 101
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	z.Write(plain)
	z.Close()
	body := append([]byte{0, 1, 0, 0, byte(len(plain)), 0, 0, byte(packed.Len())}, packed.Bytes()...)
	got, ok := decompressCertificate(body)
	if !ok || !bytes.Equal(got, plain) || len(parseCertificate13(got)) != 1 {
		t.Errorf("got %x, %v", got, ok)
	}
	for i := range body {
		decompressCertificate(body[:i])
	}
	body[1] = 2
	if _, ok := decompressCertificate(body); ok {
		t.Error("brotli was read as zlib")
	}
}
