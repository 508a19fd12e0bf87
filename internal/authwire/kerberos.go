package authwire

import (
	"bytes"
	"strconv"
	"strings"
)

// Kerberos is what a Kerberos message shows without a key (RFC 4120). A part
// that is absent or cannot be read is empty, an encryption type then 0.
type Kerberos struct {
	Message string // "AP-REQ", "AP-REP", "KRB-ERROR"
	Realm   string // of the service
	Service string // its name, components joined by "/": HTTP/app.example
	// AP-REQ: of the ticket, which tells which key of the service is needed,
	// and of the authenticator, that of the session. AP-REP: Etype alone.
	TicketEtype int
	Etype       int
	KeyVersion  int // of the service's key that the ticket is made with, 0: not told
	MutualAuth  bool
	// KRB-ERROR.
	Code       int
	ErrorName  string // KRB_AP_ERR_SKEW
	Text       string // e-text
	ServerTime string // as sent: 20261121140000Z
}

// Tags of fields that have no name of their own in RFC 4120.
const (
	tagInteger = 0x02
	tagBits    = 0x03
	tagTime    = 0x18 // GeneralizedTime
	tagString  = 0x1b // GeneralString
	tagTicket  = 0x61 // [APPLICATION 1]
)

const (
	maxNameParts = 16
	maxName      = 1024

	kerberosVersion = 5
)

// parseKerberos reads an AP-REQ, AP-REP or KRB-ERROR; nil for what is none.
func parseKerberos(b []byte) *Kerberos {
	tag, content, _ := element(b)
	fields, _ := take(content, tagSequence)
	if number(field(fields, 0)) != kerberosVersion || number(field(fields, 1)) != int(tag&0x1f) {
		return nil
	}
	k := &Kerberos{}
	switch tag {
	case tagAPReq:
		k.Message = "AP-REQ"
		k.apReq(fields)
	case tagAPRep:
		k.Message = "AP-REP"
		k.Etype, _ = encryptedData(field(fields, 2))
	case tagKrbError:
		k.Message = "KRB-ERROR"
		k.krbError(fields)
	default:
		return nil
	}
	return k
}

// apReq reads section 5.5.1.
func (k *Kerberos) apReq(fields []byte) {
	if tag, bits, _ := element(field(fields, 2)); tag == tagBits && len(bits) > 1 {
		k.MutualAuth = bits[1]&0x20 != 0
	}
	if ticket, _ := take(field(fields, 3), tagTicket); ticket != nil {
		inner, _ := take(ticket, tagSequence)
		k.Realm = text(field(inner, 1), tagString)
		k.Service = principal(field(inner, 2))
		k.TicketEtype, k.KeyVersion = encryptedData(field(inner, 3))
	}
	k.Etype, _ = encryptedData(field(fields, 4))
}

// krbError reads section 5.9.1.
func (k *Kerberos) krbError(fields []byte) {
	k.Code = number(field(fields, 6))
	k.ErrorName = KerberosErrorName(k.Code)
	k.Realm = text(field(fields, 9), tagString)
	k.Service = principal(field(fields, 10))
	k.Text = text(field(fields, 11), tagString)
	k.ServerTime = text(field(fields, 4), tagTime)
}

// field gives the content of context tag n among the fields of a sequence.
func field(fields []byte, n byte) []byte {
	for len(fields) > 0 {
		tag, content, rest := element(fields)
		if tag == 0xa0|n {
			return content
		}
		fields = rest
	}
	return nil
}

func number(b []byte) int {
	digits, _ := take(b, tagInteger)
	if len(digits) == 0 || len(digits) > 4 {
		return 0
	}
	n := int32(int8(digits[0]))
	for _, d := range digits[1:] {
		n = n<<8 | int32(d)
	}
	return int(n)
}

// text reads a string, in which what is not printable is replaced.
func text(b []byte, tag byte) string {
	raw, _ := take(b, tag)
	raw = bytes.TrimRight(raw, "\x00")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(string(raw[:min(len(raw), maxName)]), "?"))
}

// principal reads a PrincipalName (section 5.2.2).
func principal(b []byte) string {
	fields, _ := take(b, tagSequence)
	list, _ := take(field(fields, 1), tagSequence)
	var parts []string
	for len(list) > 0 && len(parts) < maxNameParts {
		_, _, rest := element(list)
		parts = append(parts, text(list, tagString))
		list = rest
	}
	return strings.Join(parts, "/")
}

// encryptedData reads the clear part of section 5.2.9.
func encryptedData(b []byte) (etype, keyVersion int) {
	fields, _ := take(b, tagSequence)
	return number(field(fields, 0)), number(field(fields, 1))
}

// EtypeName is the name of an encryption type (IANA's registry), or its number.
func EtypeName(etype int) string {
	switch etype {
	case 1:
		return "des-cbc-crc"
	case 3:
		return "des-cbc-md5"
	case 16:
		return "des3-cbc-sha1-kd"
	case 17:
		return "aes128-cts-hmac-sha1-96"
	case 18:
		return "aes256-cts-hmac-sha1-96"
	case 19:
		return "aes128-cts-hmac-sha256-128"
	case 20:
		return "aes256-cts-hmac-sha384-192"
	case 23:
		return "rc4-hmac"
	case 24:
		return "rc4-hmac-exp"
	}
	return strconv.Itoa(etype)
}
