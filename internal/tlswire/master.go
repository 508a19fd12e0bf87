package tlswire

import (
	"crypto/rsa"
	"math/big"
)

// Why a connection stays encrypted.
const (
	whyNoKeys     = "no keys given"
	whyNoSecret   = "no secret for this client random"
	whyNotOpened  = "the secret given does not open it"
	whyOtherKey   = "the RSA key given does not belong to this server's certificate"
	whyMidstream  = "capture began after the handshake"
	whyLostInside = "packet lost inside the handshake"
)

// masters gives the master secrets that may be those of the handshake, best
// first; none: why.
func (s *Session) masters(h *handshake) (list [][]byte, why string) {
	if h.master != nil {
		return [][]byte{h.master}, ""
	}
	secrets := s.keys.of(&h.random[0])
	if secrets != nil && secrets[labelMaster] != nil {
		list = append(list, secrets[labelMaster])
	}
	if secrets != nil && secrets[labelPremaster] != nil {
		list = append(list, masterSecret(h, h.suite.prf, secrets[labelPremaster], h.sessionHash()))
	}
	if premaster := s.keys.premaster(h.exchange); premaster != nil {
		list = append(list, masterSecret(h, h.suite.prf, premaster, h.sessionHash()))
	}
	list = append(list, h.unwrap(s.keys.private())...)
	if !h.full && h.server != nil {
		if s.Await != nil && len(list) == 0 && s.keys.Len() > 0 {
			s.Await()
		}
		for _, id := range [...][]byte{h.ticket, h.server.SessionID} {
			if m := s.keys.session(id); m != nil {
				list = append(list, m)
			}
		}
	}
	if len(list) == 0 {
		why = s.whyNoMaster(h, secrets)
	}
	return list, why
}

func (h *handshake) sessionHash() []byte {
	if h.extended {
		return h.hash
	}
	return nil
}

// unwrap decrypts the premaster secret with the private keys not tried yet.
func (h *handshake) unwrap(keys []*rsa.PrivateKey) [][]byte {
	if h.exchange == nil || h.suite.exchange != exchangeRSA || h.extended && h.hash == nil {
		return nil
	}
	for ; h.rsaSeen < len(keys); h.rsaSeen++ {
		key := keys[h.rsaSeen]
		if h.public != nil && !h.public.Equal(key.Public()) {
			continue
		}
		if premaster := decryptRSA(key, h.exchange); len(premaster) == masterSecretLen {
			h.fromRSA = append(h.fromRSA, masterSecret(h, h.suite.prf, premaster, h.sessionHash()))
		}
	}
	return h.fromRSA
}

// decryptRSA undoes RSAES-PKCS1-v1_5; nil if that fails. Keys too short for
// crypto/rsa are met in old captures.
func decryptRSA(key *rsa.PrivateKey, sealed []byte) []byte {
	if key.N.BitLen() >= 1024 {
		//lint:ignore SA1019 it is what TLS 1.2 used, and no one learns from here whether it failed
		plain, err := rsa.DecryptPKCS1v15(nil, key, sealed)
		if err != nil {
			return nil
		}
		return plain
	}
	c := new(big.Int).SetBytes(sealed)
	if c.Cmp(key.N) >= 0 {
		return nil
	}
	b := c.Exp(c, key.D, key.N).FillBytes(make([]byte, key.Size()))
	if len(b) < 11 || b[0] != 0 || b[1] != 2 {
		return nil
	}
	for i, v := range b[2:] {
		if v == 0 && i >= 8 {
			return b[2+i+1:]
		}
	}
	return nil
}

func (s *Session) whyNoMaster(h *handshake, have *secrets) string {
	private := s.keys.private()
	switch {
	case have != nil:
		return "the key log has no CLIENT_RANDOM for this client random (only " + have.names() + ")"
	case s.keys.Len() == 0:
		return whyNoKeys
	case len(private) > 0 && s.keys.Len() == len(private):
		return s.whyNotRSA(h)
	}
	return whyNoSecret
}

// whyNotRSA says why private keys, given alone, did not help.
func (s *Session) whyNotRSA(h *handshake) string {
	switch {
	case h.suite.exchange == exchangeEphemeral:
		return "ephemeral key exchange (" + h.suite.how + "), so an RSA private key cannot open it"
	case h.suite.exchange != exchangeRSA:
		return "key exchange " + h.suite.how + ", so an RSA private key cannot open it"
	case h.exchange == nil && !h.full:
		return whyNoSecret // a resumed session whose first handshake was not seen
	case h.exchange == nil || h.extended && h.hash == nil:
		return whyLostInside
	}
	return whyOtherKey
}

// keyBlock cuts the keys of both directions (RFC 5246, section 6.3).
func keyBlock(h *handshake, master []byte) (out [2]material) {
	s := h.suite
	macLen := 0
	if s.tag == 0 && s.mac != 0 {
		macLen = s.mac.Size()
	}
	seed := append(h.random[1][:len(h.random[1]):len(h.random[1])], h.random[0][:]...)
	block := expand(h.version, s.prf, master, "key expansion", seed, 2*(macLen+s.key+s.iv))
	r := reader{b: block}
	for i := range out {
		out[i].mac = r.take(macLen)
	}
	for i := range out {
		out[i].key = r.take(s.key)
	}
	for i := range out {
		out[i].iv = r.take(s.iv)
	}
	return out
}
