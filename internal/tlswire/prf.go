package tlswire

import (
	"crypto"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	_ "crypto/sha256" // reached through crypto.Hash
	_ "crypto/sha512" // reached through crypto.Hash
	"encoding/binary"
	"slices"
)

const masterSecretLen = 48

// expand fills n bytes from a secret by the pseudo-random function of a
// version: RFC 6101, section 6.2.2; RFC 2246, section 5; RFC 5246, section 5.
func expand(version uint16, hash crypto.Hash, secret []byte, label string, seed []byte, n int) []byte {
	out := make([]byte, n)
	labelled := append([]byte(label), seed...)
	switch {
	case version <= 0x0300:
		expandSSL3(out, secret, seed)
	case version < 0x0303:
		half := (len(secret) + 1) / 2
		xorP(out, crypto.MD5, secret[:half], labelled)
		xorP(out, crypto.SHA1, secret[len(secret)-half:], labelled)
	default:
		xorP(out, hash, secret, labelled)
	}
	return out
}

// xorP adds P_hash(secret, seed) to out.
func xorP(out []byte, hash crypto.Hash, secret, seed []byte) {
	mac := hmac.New(hash.New, secret)
	sum := func(parts ...[]byte) []byte {
		mac.Reset()
		for _, p := range parts {
			mac.Write(p)
		}
		return mac.Sum(nil)
	}
	for a := sum(seed); len(out) > 0; a = sum(a) {
		block := sum(a, seed)
		n := min(len(block), len(out))
		for i := range n {
			out[i] ^= block[i]
		}
		out = out[n:]
	}
}

func expandSSL3(out, secret, seed []byte) {
	for i := 1; len(out) > 0; i++ {
		letters := slices.Repeat([]byte{byte('A' + i - 1)}, i)
		inner := sha1.Sum(slices.Concat(letters, secret, seed))
		block := md5.Sum(slices.Concat(secret, inner[:]))
		out = out[copy(out, block[:]):]
	}
}

// masterSecret makes one from a premaster secret. sessionHash is nil without
// extended_master_secret (RFC 7627, section 4).
func masterSecret(h *handshake, hash crypto.Hash, premaster, sessionHash []byte) []byte {
	if sessionHash != nil {
		return expand(h.version, hash, premaster, "extended master secret", sessionHash, masterSecretLen)
	}
	return expand(h.version, hash, premaster, "master secret", slices.Concat(h.random[0][:], h.random[1][:]), masterSecretLen)
}

// sessionHash is the hash over the messages up to ClientKeyExchange.
func sessionHash(version uint16, hash crypto.Hash, messages ...[]byte) []byte {
	list := []crypto.Hash{hash}
	if version < 0x0303 {
		list = []crypto.Hash{crypto.MD5, crypto.SHA1}
	}
	var out []byte
	for _, hash := range list {
		h := hash.New()
		for _, m := range messages {
			h.Write(m)
		}
		out = h.Sum(out)
	}
	return out
}

// expandLabel is HKDF-Expand-Label with an empty context (RFC 8446, section
// 7.1). It gives nil if the hash cannot fill n bytes.
func expandLabel(hash crypto.Hash, secret []byte, label string, n int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(info, "tls13 "...)
	info = append(info, label...)
	info = append(info, 0)
	out, err := hkdf.Expand(hash.New, secret, string(info), n)
	if err != nil {
		return nil
	}
	return out
}
