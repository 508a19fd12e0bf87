package tlswire

import (
	"crypto"
	"strings"
)

// exchange is how the parties of a cipher suite come to a premaster secret.
type exchange uint8

const (
	exchangeEphemeral exchange = iota // or none at all: TLS 1.3
	exchangeRSA
	exchangeStatic // Diffie-Hellman with the key of the certificate
	exchangePSK
)

// sealing is how a cipher suite protects records.
type sealing uint8

const (
	sealNone   sealing = iota // integrity alone
	sealStream                // RC4
	sealBlock                 // CBC
	sealGCM
	sealCCM
	sealChaCha
)

// suite is what the keys of a cipher suite are made of and used for.
type suite struct {
	name     string
	exchange exchange
	how      string // name of the key exchange: "ECDHE_RSA"
	sealing  sealing
	cipher   string // "AES", "3DES", "DES"
	key      int    // bytes
	iv       int    // bytes of a block; of an AEAD, what the key block has
	tag      int    // of an AEAD
	mac      crypto.Hash
	prf      crypto.Hash // from TLS 1.2 on
}

// suiteOf reads a cipher suite off its registered name, which says it all. It
// fails for a suite that cannot be decrypted.
func suiteOf(id uint16) (suite, bool) {
	s := suite{name: CipherName(id), prf: crypto.SHA256}
	rest, found := strings.CutPrefix(s.name, "TLS_")
	if before, after, with := strings.Cut(rest, "_WITH_"); with {
		s.how, rest = before, after
	}
	s.exchange = exchangeOf(s.how)
	rest, s.mac = macOf(rest)
	if s.mac == crypto.SHA384 {
		s.prf = crypto.SHA384
	}
	supported := found && !strings.Contains(s.how, "EXPORT") && s.protect(rest)
	return s, supported && (s.tag > 0 || s.mac != 0)
}

func exchangeOf(how string) exchange {
	switch {
	case how == "RSA":
		return exchangeRSA
	case strings.Contains(how, "PSK") || strings.HasPrefix(how, "KRB5"):
		return exchangePSK
	case how == "DH_RSA" || how == "DH_DSS" || how == "ECDH_RSA" || how == "ECDH_ECDSA":
		return exchangeStatic
	}
	return exchangeEphemeral
}

// macOf cuts the hash off the end of a cipher's name; CCM suites name none.
func macOf(name string) (rest string, mac crypto.Hash) {
	i := strings.LastIndexByte(name, '_')
	if i < 0 {
		return name, 0
	}
	switch name[i+1:] {
	case "MD5":
		return name[:i], crypto.MD5
	case "SHA":
		return name[:i], crypto.SHA1
	case "SHA256":
		return name[:i], crypto.SHA256
	case "SHA384":
		return name[:i], crypto.SHA384
	}
	return name, 0
}

func (s *suite) protect(cipher string) bool {
	switch cipher {
	case "NULL":
		s.sealing = sealNone
		return true
	case "RC4_128":
		s.sealing, s.key = sealStream, 16
		return true
	case "CHACHA20_POLY1305":
		s.sealing, s.key, s.iv, s.tag = sealChaCha, 32, 12, 16
		return true
	case "DES_CBC":
		s.sealing, s.cipher, s.key, s.iv = sealBlock, "DES", 8, 8
		return true
	case "3DES_EDE_CBC":
		s.sealing, s.cipher, s.key, s.iv = sealBlock, "3DES", 24, 8
		return true
	}
	mode, found := strings.CutPrefix(cipher, "AES_128_")
	s.cipher, s.key = "AES", 16
	if !found {
		mode, found = strings.CutPrefix(cipher, "AES_256_")
		s.key = 32
	}
	switch mode {
	case "CBC":
		s.sealing, s.iv = sealBlock, 16
	case "GCM":
		s.sealing, s.iv, s.tag = sealGCM, 4, 16
	case "CCM":
		s.sealing, s.iv, s.tag = sealCCM, 4, 16
	case "CCM_8":
		s.sealing, s.iv, s.tag = sealCCM, 4, 8
	default:
		return false
	}
	return found
}
