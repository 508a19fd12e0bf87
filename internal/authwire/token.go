// Package authwire recognises authentication in HTTP header values: the
// scheme, the mechanism inside it and the step of its exchange, never the
// secrets.
//
// Sources: RFC 9110, section 11 (the header fields), RFC 4559 (Negotiate),
// RFC 4178 (SPNEGO), RFC 4121 (Kerberos in GSS-API), MS-NLMP (NTLM).
package authwire

import (
	"bytes"
	"encoding/base64"
)

// Token is what one challenge or one set of credentials shows.
type Token struct {
	// Scheme is in its registered spelling: Basic, Bearer, Digest, Negotiate,
	// NTLM. Of an unknown scheme it is what the server wrote; in credentials
	// it is then empty, because what stands there may be the secret itself.
	Scheme string
	// Mech is what the token inside is: "ntlm", "spnego-ntlm", "kerberos",
	// "negoex", or empty where there is none or it cannot be read.
	Mech string
	// Step is the type of the message: of NTLM 1 negotiate, 2 challenge, 3
	// authenticate; of Kerberos 1 AP-REQ, 2 AP-REP, 3 KRB-ERROR; else 0.
	Step int
	// Offered lists the mechanisms of a SPNEGO init by preference: "kerberos",
	// "ntlm", "negoex", each once; others as dotted numbers.
	Offered []string
	// ConnectionBound says that the scheme may sign in the connection instead
	// of the request: NTLM, Negotiate, Nego2.
	ConnectionBound bool
	// NTLM is the NTLM message, nil if there is none.
	NTLM *NTLM
	// Kerberos is the Kerberos message, nil if there is none.
	Kerberos *Kerberos
	// State is the negState of a SPNEGO reply: "accept-completed",
	// "accept-incomplete", "reject", "request-mic"; empty if it has none.
	State string
	// Chosen is the mechanism that a SPNEGO reply supports, named as in Offered.
	Chosen string
	// MIC says that a SPNEGO message has a mechListMIC.
	MIC bool
}

// maxToken bounds what is decoded: a Kerberos ticket is at most 64 KiB or so.
const maxToken = 128 << 10

// ParseChallenge reads the value of a WWW-Authenticate or Proxy-Authenticate
// field, which may hold several challenges. It is tolerant and skips what is
// none.
func ParseChallenge(value []byte) (tokens []Token) {
	c := challenges{value}
	for {
		scheme, token68, ok := c.next()
		if !ok {
			return tokens
		}
		t := newToken(scheme, token68)
		if t.Scheme == "" {
			t.Scheme = string(scheme)
		}
		tokens = append(tokens, t)
	}
}

// ParseAuthorization reads the value of an Authorization or
// Proxy-Authorization field.
func ParseAuthorization(value []byte) Token {
	scheme, credentials, _ := bytes.Cut(bytes.Trim(value, " \t"), []byte(" "))
	return newToken(scheme, bytes.Trim(credentials, " \t"))
}

// ConnectionBound tells whether a value of any of the four fields names NTLM,
// Negotiate or Nego2 as a scheme. It does not allocate.
func ConnectionBound(value []byte) bool {
	c := challenges{value}
	for {
		scheme, _, ok := c.next()
		if !ok {
			return false
		}
		if bound(canonical(scheme)) {
			return true
		}
	}
}

func newToken(scheme, token68 []byte) Token {
	t := Token{Scheme: canonical(scheme)}
	t.ConnectionBound = bound(t.Scheme)
	if (t.ConnectionBound || t.Scheme == "Kerberos") && len(token68) <= maxToken {
		unpadded := bytes.TrimRight(token68, "=")
		raw, err := base64.RawStdEncoding.AppendDecode(nil, unpadded)
		if err == nil {
			t.recognise(raw)
		}
	}
	return t
}

func bound(scheme string) bool {
	return scheme == "NTLM" || scheme == "Negotiate" || scheme == "Nego2"
}

// canonical is the spelling of a known scheme (IANA's registry of HTTP
// authentication schemes and what is in use beside it), else empty.
func canonical(scheme []byte) string {
	for _, known := range [...]string{
		"Basic", "Bearer", "Negotiate", "NTLM", "Digest", "Nego2", "Kerberos",
		"Concealed", "DPoP", "GNAP", "HOBA", "Mutual", "OAuth", "PrivateToken",
		"SCRAM-SHA-1", "SCRAM-SHA-256", "vapid",
		"AWS4-HMAC-SHA256", "Hawk", "Signature", "Token", "ApiKey",
	} {
		if equalFold(scheme, known) {
			return known
		}
	}
	return ""
}

func equalFold(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if lower(c) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
