package testnet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
)

// suite is one of the two families of cipher suites the server speaks; which key
// signs the exchange decides between the RSA and the ECDSA code point.
type suite struct {
	keyLen     int
	hash       func() hash.Hash
	ecdsa, rsa uint16
}

var suites = [...]suite{
	{16, sha256.New, 0xc02b, 0xc02f},
	{32, sha512.New384, 0xc02c, 0xc030},
}

// prf is P_hash of RFC 5246, section 5.
func (s *suite) prf(secret []byte, label string, seed []byte, size int) []byte {
	seed = append([]byte(label), seed...)
	mac := hmac.New(s.hash, secret)
	sum := func(parts ...[]byte) []byte {
		mac.Reset()
		for _, p := range parts {
			mac.Write(p)
		}
		return mac.Sum(nil)
	}
	var out []byte
	for a := sum(seed); len(out) < size; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:size]
}

func (s *suite) digest(messages []byte) []byte {
	h := s.hash()
	h.Write(messages)
	return h.Sum(nil)
}

// finished is the verify_data of RFC 5246, section 7.4.9.
func (s *suite) finished(master []byte, label string, transcript []byte) []byte {
	return s.prf(master, label, s.digest(transcript), 12)
}

// keys derives both directions' AEADs (RFC 5246, section 6.3, and RFC 5288).
func (s *suite) keys(master, clientRandom, serverRandom []byte) (client, server *recordKey, err error) {
	seed := append(append([]byte{}, serverRandom...), clientRandom...)
	block := s.prf(master, "key expansion", seed, 2*s.keyLen+8)
	if client, err = newRecordKey(block[:s.keyLen], block[2*s.keyLen:2*s.keyLen+4]); err != nil {
		return nil, nil, err
	}
	server, err = newRecordKey(block[s.keyLen:2*s.keyLen], block[2*s.keyLen+4:])
	return client, server, err
}

// recordKey protects one direction under one set of keys.
type recordKey struct {
	aead cipher.AEAD
	salt []byte
	seq  uint64
}

func newRecordKey(key, salt []byte) (*recordKey, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &recordKey{aead: aead, salt: salt}, err
}
