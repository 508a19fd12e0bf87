package authwire

import (
	"bytes"
	"encoding/asn1"
	"slices"
)

// Object identifiers as DER has them, without tag and length.
const (
	oidSPNEGO       = "\x2b\x06\x01\x05\x05\x02"                 // 1.3.6.1.5.5.2
	oidKerberos     = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"     // 1.2.840.113554.1.2.2
	oidKerberosMS   = "\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"     // 1.2.840.48018.1.2.2, a slip of Windows 2000 that stayed
	oidKerberosUser = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03" // 1.2.840.113554.1.2.2.3, user to user
	oidNTLM         = "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a" // 1.3.6.1.4.1.311.2.2.10
	oidNegoEx       = "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e" // 1.3.6.1.4.1.311.2.2.30
)

// ASN.1 tags.
const (
	tagOctets     = 0x04
	tagOID        = 0x06
	tagEnumerated = 0x0a
	tagSequence   = 0x30
	tagGSS        = 0x60 // [APPLICATION 0], RFC 2743, section 3.1
	tagAPReq      = 0x6e // [APPLICATION 14], RFC 4120
	tagAPRep      = 0x6f // [APPLICATION 15]
	tagKrbError   = 0x7e // [APPLICATION 30]
	tagContext0   = 0xa0
	tagContext1   = 0xa1
	tagContext2   = 0xa2
	tagContext3   = 0xa3
	tagContext4   = 0xa4
)

// recognise notes what a decoded token is.
func (t *Token) recognise(raw []byte) {
	tag, content, _ := element(raw)
	switch tag {
	case tagGSS:
		oid, rest := take(content, tagOID)
		if string(oid) == oidSPNEGO {
			init, _ := take(rest, tagContext0)
			t.negotiation(init)
			return
		}
	case tagContext1:
		t.negotiation(content)
		return
	}
	t.mechanism(raw)
}

// negotiation reads a NegTokenInit or a NegTokenResp (RFC 4178, section 4.2),
// which agree in where the token is.
func (t *Token) negotiation(b []byte) {
	fields, _ := take(b, tagSequence)
	var chosen string
	for len(fields) > 0 {
		tag, content, rest := element(fields)
		fields = rest
		inner, value, _ := element(content)
		switch {
		case tag == tagContext0 && inner == tagSequence:
			t.Offered = mechanisms(value)
			if len(t.Offered) > 0 {
				chosen = t.Offered[0]
			}
		case tag == tagContext0 && inner == tagEnumerated:
			t.State = negotiationState(value)
		case tag == tagContext1 && inner == tagOID:
			chosen = mechanismName(value)
			t.Chosen = chosen
		case tag == tagContext2 && inner == tagOctets:
			t.mechanism(value)
		case (tag == tagContext3 || tag == tagContext4) && inner == tagOctets: // [4] where [3] is what MS-SPNG adds
			t.MIC = true
		}
	}
	if t.Mech == "" && chosen != "" {
		t.Mech = chosen
	}
	if t.Mech == "ntlm" {
		t.Mech = "spnego-ntlm"
	}
}

// negotiationState is the name of a negState (RFC 4178, section 4.2.2).
func negotiationState(value []byte) string {
	names := [...]string{"accept-completed", "accept-incomplete", "reject", "request-mic"}
	if len(value) != 1 || int(value[0]) >= len(names) {
		return ""
	}
	return names[value[0]]
}

// mechanism recognises a token of NTLM, Kerberos or NegoEx.
func (t *Token) mechanism(raw []byte) {
	if m := parseNTLM(raw); m != nil {
		t.Mech, t.Step, t.NTLM = "ntlm", m.Type, m
		return
	}
	if bytes.HasPrefix(raw, []byte("NEGOEXTS")) {
		t.Mech = "negoex"
		return
	}
	tag, content, _ := element(raw)
	switch tag {
	case tagAPReq, tagAPRep, tagKrbError:
		t.Mech, t.Step, t.Kerberos = "kerberos", messageStep(tag), parseKerberos(raw)
	case tagGSS:
		oid, rest := take(content, tagOID)
		if mechanismName(oid) == "kerberos" {
			t.Mech, t.Step = "kerberos", kerberosStep(rest)
			if t.Step > 0 {
				t.Kerberos = parseKerberos(rest[2:])
			}
		}
	}
}

func messageStep(tag byte) int {
	switch tag {
	case tagAPReq:
		return 1
	case tagAPRep:
		return 2
	}
	return 3
}

// kerberosStep reads TOK_ID (RFC 4121, section 4.1).
func kerberosStep(b []byte) int {
	if len(b) >= 2 && b[0] >= 1 && b[0] <= 3 && b[1] == 0 {
		return int(b[0])
	}
	return 0
}

// maxMechanisms bounds a list that has five entries in practice.
const maxMechanisms = 16

func mechanisms(list []byte) (names []string) {
	for len(list) > 0 && len(names) < maxMechanisms {
		tag, oid, rest := element(list)
		if name := mechanismName(oid); tag == tagOID && name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
		list = rest
	}
	return names
}

func mechanismName(oid []byte) string {
	switch string(oid) {
	case "":
		return ""
	case oidKerberos, oidKerberosMS, oidKerberosUser:
		return "kerberos"
	case oidNTLM:
		return "ntlm"
	case oidNegoEx:
		return "negoex"
	}
	var dotted asn1.ObjectIdentifier
	if len(oid) > 64 {
		return ""
	}
	if _, err := asn1.Unmarshal(append([]byte{tagOID, byte(len(oid))}, oid...), &dotted); err != nil {
		return ""
	}
	return dotted.String()
}

// element splits off the first element of BER with a tag of one byte and a
// definite length. What is cut short or is not like that has tag 0 and no
// rest, so that every walk ends.
func element(b []byte) (tag byte, content, rest []byte) {
	if len(b) < 2 {
		return 0, nil, nil
	}
	tag, n, at := b[0], int(b[1]), 2
	if n > 0x80 {
		size := n & 0x7f
		if size > 4 || len(b) < 2+size {
			return 0, nil, nil
		}
		n = 0
		for _, c := range b[2 : 2+size] {
			n = n<<8 | int(c)
		}
		at += size
	} else if n == 0x80 {
		return 0, nil, nil
	}
	if n < 0 || n > len(b)-at {
		return 0, nil, nil
	}
	return tag, b[at : at+n], b[at+n:]
}

// take splits off the first element if it has the tag.
func take(b []byte, want byte) (content, rest []byte) {
	if tag, content, rest := element(b); tag == want {
		return content, rest
	}
	return nil, nil
}
