package tlswire

import (
	"crypto"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"slices"
)

// maker makes a hash of the kinds that cipher suites name.
func maker(kind crypto.Hash) func() hash.Hash {
	switch kind {
	case crypto.MD5:
		return md5.New
	case crypto.SHA1:
		return sha1.New
	case crypto.SHA384:
		return sha512.New384
	}
	return sha256.New
}

const masterSecretLen = 48

// expand fills n bytes from a secret by the pseudo-random function of a
// version: RFC 6101, section 6.2.2; RFC 2246, section 5; RFC 5246, section 5.
func expand(version uint16, kind crypto.Hash, secret []byte, label string, seed []byte, n int) []byte {
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
		xorP(out, kind, secret, labelled)
	}
	return out
}

// xorP adds P_hash(secret, seed) to out.
func xorP(out []byte, kind crypto.Hash, secret, seed []byte) {
	mac := hmac.New(maker(kind), secret)
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
func masterSecret(h *handshake, kind crypto.Hash, premaster, sessionHash []byte) []byte {
	if sessionHash != nil {
		return expand(h.version, kind, premaster, "extended master secret", sessionHash, masterSecretLen)
	}
	return expand(h.version, kind, premaster, "master secret", slices.Concat(h.random[0][:], h.random[1][:]), masterSecretLen)
}

// sessionHash is the hash over the messages up to ClientKeyExchange.
func sessionHash(version uint16, kind crypto.Hash, messages ...[]byte) []byte {
	list := []crypto.Hash{kind}
	if version < 0x0303 {
		list = []crypto.Hash{crypto.MD5, crypto.SHA1}
	}
	var out []byte
	for _, kind := range list {
		h := maker(kind)()
		for _, m := range messages {
			h.Write(m)
		}
		out = h.Sum(out)
	}
	return out
}

// expandLabel is HKDF-Expand-Label with an empty context (RFC 8446, section
// 7.1). It gives nil if the hash cannot fill n bytes.
func expandLabel(kind crypto.Hash, secret []byte, label string, n int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(info, "tls13 "...)
	info = append(info, label...)
	info = append(info, 0)
	out, err := hkdf.Expand(maker(kind), secret, string(info), n)
	if err != nil {
		return nil
	}
	return out
}
