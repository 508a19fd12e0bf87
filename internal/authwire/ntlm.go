package authwire

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf16"
)

// NTLM is an NTLM message (MS-NLMP, section 2.2.1) without its challenge,
// responses and keys. A name that is absent or lies outside the message is
// empty.
type NTLM struct {
	Type        int // 1 negotiate, 2 challenge, 3 authenticate
	Flags       uint32
	Target      string // type 2: the server's domain or name
	User        string // type 3; empty: anonymous
	Domain      string // types 1 and 3
	Workstation string // types 1 and 3
	Binding     string // type 3: the channel binding it is made for, in hex; all zero: none; empty: it does not say
}

const (
	ntlmSignature = "NTLMSSP\x00"
	ntlmUnicode   = 1 // NTLMSSP_NEGOTIATE_UNICODE
)

// parseNTLM gives nil for what is no NTLM message.
func parseNTLM(b []byte) *NTLM {
	if len(b) < 12 || string(b[:8]) != ntlmSignature {
		return nil
	}
	m := &NTLM{Type: int(binary.LittleEndian.Uint32(b[8:]))}
	switch m.Type {
	case 1:
		m.Flags = flagsAt(b, 12)
		m.Domain = nameAt(b, 16, false)
		m.Workstation = nameAt(b, 24, false)
	case 2:
		m.Flags = flagsAt(b, 20)
		m.Target = nameAt(b, 12, m.Flags&ntlmUnicode != 0)
	case 3:
		m.Flags = flagsAt(b, 60)
		unicode := m.Flags&ntlmUnicode != 0
		m.Domain = nameAt(b, 28, unicode)
		m.User = nameAt(b, 36, unicode)
		m.Workstation = nameAt(b, 44, unicode)
		m.Binding = bindingIn(fieldAt(b, 20))
	default:
		return nil
	}
	return m
}

func flagsAt(b []byte, at int) uint32 {
	if len(b) < at+4 {
		return 0
	}
	return binary.LittleEndian.Uint32(b[at:])
}

// nameAt reads the string that the eight bytes at an offset point to: length,
// capacity, offset (MS-NLMP, section 2.2.1.1, DomainNameFields).
func nameAt(b []byte, at int, unicode bool) string {
	raw := fieldAt(b, at)
	if !unicode {
		return latin1(raw)
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units))
}

// fieldAt is what those eight bytes point to, nil if it lies outside.
func fieldAt(b []byte, at int) []byte {
	if len(b) < at+8 {
		return nil
	}
	n, offset := int64(binary.LittleEndian.Uint16(b[at:])), int64(binary.LittleEndian.Uint32(b[at+4:]))
	if offset+n > int64(len(b)) {
		return nil
	}
	return b[offset : offset+n]
}

const avChannelBindings = 10 // MsvAvChannelBindings, MS-NLMP, section 2.2.2.1

// bindingIn reads the channel binding of an NTLMv2 response (MS-NLMP, sections
// 2.2.2.7 and 2.2.2.8); shorter responses carry none.
func bindingIn(response []byte) string {
	const beforePairs = 16 + 28
	if len(response) < beforePairs {
		return ""
	}
	for pairs := response[beforePairs:]; len(pairs) >= 4; {
		id, n := binary.LittleEndian.Uint16(pairs), int(binary.LittleEndian.Uint16(pairs[2:]))
		if pairs = pairs[4:]; id == 0 || n > len(pairs) {
			return ""
		}
		if id == avChannelBindings {
			return hex.EncodeToString(pairs[:n])
		}
		pairs = pairs[n:]
	}
	return ""
}

// latin1 stands in for the sender's OEM code page, which it does not tell.
func latin1(raw []byte) string {
	var s strings.Builder
	for _, c := range raw {
		s.WriteRune(rune(c))
	}
	return s.String()
}
