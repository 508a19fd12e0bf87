package quicwire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
)

// Salts of the Initial secret: RFC 9001, section 5.2, and RFC 9369, section 3.3.1.
const (
	salt1 = "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
	salt2 = "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"
)

// Key and nonce of the Retry Integrity Tag: RFC 9001, section 5.8, and RFC
// 9369, section 3.3.3.
const (
	retryKey1   = "\xbe\x0c\x69\x0b\x9f\x66\x57\x5a\x1d\x76\x6b\x54\xe3\x68\xc8\x4e"
	retryNonce1 = "\x46\x15\x99\xd3\x5d\x63\x2b\xf2\x23\x98\x25\xbb"
	retryKey2   = "\x8f\xb4\xb0\x1b\x56\xac\x48\xe2\x60\xfb\xcb\xce\xad\x7c\xcc\x92"
	retryNonce2 = "\xd8\x69\x69\xbc\x2d\x7c\x6d\x99\x90\xef\xb0\x4a"
)

const (
	retryTag     = 16
	sampleLength = 16
)

// Cipher suites of TLS 1.3 that QUIC packets are opened for.
const (
	aes128gcm = 0x1301
	aes256gcm = 0x1302
	chacha    = 0x1303
)

// keys opens the packets of one direction at one level (RFC 9001, section 5).
type keys struct {
	version uint32
	suite   uint16
	secret  []byte
	aead    cipher.AEAD
	iv      [12]byte
	block   cipher.Block // header protection with AES, or
	stream  []byte       // the key of header protection with ChaCha20
}

// newKeys derives the keys of a traffic secret.
func newKeys(version uint32, suite uint16, secret []byte) (*keys, error) {
	k := &keys{version: version, suite: suite, secret: secret}
	if err := k.protect(); err != nil {
		return nil, err
	}
	hp, err := k.expand("hp", k.length())
	if err != nil {
		return nil, err
	}
	if suite == chacha {
		k.stream = hp
		return k, nil
	}
	k.block, err = aes.NewCipher(hp)
	return k, err
}

// protect sets what opens the payload; header protection outlives an update.
func (k *keys) protect() error {
	key, err := k.expand("key", k.length())
	if err != nil {
		return err
	}
	iv, err := k.expand("iv", len(k.iv))
	if err != nil {
		return err
	}
	copy(k.iv[:], iv)
	switch k.suite {
	case aes128gcm, aes256gcm:
		block, err := aes.NewCipher(key)
		if err != nil {
			return err
		}
		k.aead, err = cipher.NewGCM(block)
		return err
	case chacha:
		k.aead, err = chacha20poly1305.New(key)
		return err
	}
	return errors.New("unsupported cipher suite")
}

// next is the keys after an update (RFC 9001, section 6.1).
func (k *keys) next() (*keys, bool) {
	secret, err := k.expand("ku", len(k.secret))
	if err != nil {
		return nil, false
	}
	n := *k
	n.secret = secret
	return &n, n.protect() == nil
}

func (k *keys) expand(what string, length int) ([]byte, error) {
	prefix := "quic "
	if k.version == Version2 {
		prefix = "quicv2 "
	}
	return expandLabel(hashOf(k.suite), k.secret, prefix+what, length)
}

// length of the keys in bytes.
func (k *keys) length() int {
	if k.suite == aes128gcm {
		return 16
	}
	return 32
}

func hashOf(suite uint16) func() hash.Hash {
	if suite == aes256gcm {
		return sha512.New384
	}
	return sha256.New
}

// expandLabel is HKDF-Expand-Label of RFC 8446, section 7.1, without context.
func expandLabel(h func() hash.Hash, secret []byte, label string, length int) ([]byte, error) {
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(info, byte(len("tls13 "+label)))
	info = append(info, "tls13 "+label...)
	return hkdf.Expand(h, secret, string(append(info, 0)), length)
}

// initialKeys are the keys that everyone can derive from the Destination
// Connection ID of the client's first Initial (RFC 9001, section 5.2).
func initialKeys(version uint32, dcid []byte) (pair [2]*keys, err error) {
	salt := salt1
	if version == Version2 {
		salt = salt2
	}
	secret, err := hkdf.Extract(sha256.New, dcid, []byte(salt))
	if err != nil {
		return pair, fmt.Errorf("derive Initial keys: %w", err)
	}
	for dir, label := range [...]string{"client in", "server in"} {
		s, err := expandLabel(sha256.New, secret, label, sha256.Size)
		if err != nil {
			return pair, fmt.Errorf("derive Initial keys: %w", err)
		}
		if pair[dir], err = newKeys(version, aes128gcm, s); err != nil {
			return pair, fmt.Errorf("derive Initial keys: %w", err)
		}
	}
	return pair, nil
}

// mask is the header protection for a sample of ciphertext (RFC 9001, section
// 5.4): five bytes in m.
func (k *keys) mask(m *[sampleLength]byte, sample []byte) {
	if k.stream == nil {
		k.block.Encrypt(m[:], sample)
		return
	}
	*m = [sampleLength]byte{}
	c, err := chacha20.NewUnauthenticatedCipher(k.stream, sample[4:16])
	if err != nil {
		return
	}
	c.SetCounter(binary.LittleEndian.Uint32(sample))
	c.XORKeyStream(m[:5], m[:5])
}

// retryIsGenuine checks the tag at the end of a Retry packet against the
// Destination Connection ID it answers.
func retryIsGenuine(version uint32, p, dcid []byte) bool {
	key, nonce := retryKey1, retryNonce1
	if version == Version2 {
		key, nonce = retryKey2, retryNonce2
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return false
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return false
	}
	body, tag := p[:len(p)-retryTag], p[len(p)-retryTag:]
	pseudo := append([]byte{byte(len(dcid))}, dcid...)
	_, err = aead.Open(nil, []byte(nonce), tag, append(pseudo, body...))
	return err == nil
}
