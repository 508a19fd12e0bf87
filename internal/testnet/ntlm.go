package testnet

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"
)

const (
	ntlmNegotiate    = 1
	ntlmChallenge    = 2
	ntlmAuthenticate = 3
)

// NTLMOrigin signs clients in by NTLM, once for each TCP connection, as IIS
// does: later requests on the connection are of that user without further
// headers. It believes any password unless Admits says otherwise. Responses name the user in X-User and the
// connection in X-Connection. A request that says in X-Client whom it is from
// and comes on another user's connection is noted as Leaked.
type NTLMOrigin struct {
	At
	Scheme         string // of WWW-Authenticate; default NTLM, else Negotiate with raw NTLM tokens
	Server         string // the Server field; default testnet
	NoServerHeader bool
	Admits         func(token string) bool // judges the last token, in base64; default: everyone
	Forgets        func(*Request) bool     // tells that the sign-in ends with that request; default: it lasts
}

// Start listens until the test ends.
func (p NTLMOrigin) Start(t testing.TB) *Origin {
	t.Helper()
	if p.Scheme == "" {
		p.Scheme = "NTLM"
	}
	if p.Server == "" {
		p.Server = "testnet"
	}
	return p.start(t, func(c *conn) {
		s := &ntlmSession{origin: p, c: c}
		c.each(s.answer)
	})
}

// ntlmSession is the sign-in state of one connection.
type ntlmSession struct {
	origin     NTLMOrigin
	c          *conn
	challenged bool
	user       string
}

func (s *ntlmSession) answer(req *Request) bool {
	scheme, text, _ := strings.Cut(req.Get("Authorization"), " ")
	if strings.EqualFold(scheme, s.origin.Scheme) {
		token, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(text)) // a bad token has no type
		switch ntlmType(token) {
		case ntlmNegotiate:
			s.challenged, s.user = true, ""
			return s.unauthorized(req, s.origin.Scheme+" "+base64.StdEncoding.EncodeToString(challengeToken()))
		case ntlmAuthenticate:
			if s.challenged && (s.origin.Admits == nil || s.origin.Admits(text)) {
				s.user = ntlmUser(token)
				s.c.note(Authenticated, s.user)
			}
			s.challenged = false
		}
	}
	if s.user == "" {
		return s.unauthorized(req, s.origin.Scheme)
	}
	if from := req.Get("X-Client"); from != "" && from != s.user {
		s.c.note(Leaked, fmt.Sprintf("request of %s as %s", from, s.user))
	}
	ok := s.respond(req, http.StatusOK, "X-User: "+s.user)
	if s.origin.Forgets != nil && s.origin.Forgets(req) {
		s.user = ""
	}
	return ok
}

func (s *ntlmSession) unauthorized(req *Request, challenge string) bool {
	return s.respond(req, http.StatusUnauthorized, "WWW-Authenticate: "+challenge)
}

func (s *ntlmSession) respond(req *Request, status int, field string) bool {
	fields := []string{field, fmt.Sprintf("X-Connection: %d", s.c.number)}
	if !s.origin.NoServerHeader {
		fields = append(fields, "Server: "+s.origin.Server)
	}
	return s.c.respond(req, status, []byte(s.user+"\n"), fields...)
}

var ntlmSignature = []byte("NTLMSSP\x00")

func ntlmType(token []byte) uint32 {
	if len(token) < 12 || !bytes.HasPrefix(token, ntlmSignature) {
		return 0
	}
	return binary.LittleEndian.Uint32(token[8:])
}

// ntlmUser reads UserName of an AUTHENTICATE_MESSAGE (MS-NLMP, section 2.2.1.3).
func ntlmUser(token []byte) string {
	if len(token) < 64 {
		return ""
	}
	size, at := int(binary.LittleEndian.Uint16(token[36:])), int(binary.LittleEndian.Uint32(token[40:]))
	if at > len(token) || size > len(token)-at {
		return ""
	}
	name := token[at : at+size]
	if flags := binary.LittleEndian.Uint32(token[60:]); flags&ntlmUnicode == 0 {
		return string(name)
	}
	units := make([]uint16, size/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(name[2*i:])
	}
	return string(utf16.Decode(units))
}

const (
	ntlmUnicode    = 0x00000001
	ntlmTarget     = 0x00000004
	ntlmProtocol   = 0x00000200
	ntlmServer     = 0x00020000
	ntlmExtended   = 0x00080000
	ntlmTargetInfo = 0x00800000
	ntlm128        = 0x20000000
)

func utf16le(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// challengeToken is a CHALLENGE_MESSAGE (MS-NLMP, section 2.2.1.2).
func challengeToken() []byte {
	target := utf16le("TESTNET")
	info := append([]byte{2, 0, byte(len(target)), 0}, target...)      // MsvAvNbDomainName
	info = append(append(info, 1, 0, byte(len(target)), 0), target...) // MsvAvNbComputerName
	info = append(info, 0, 0, 0, 0)                                    // MsvAvEOL
	const fixed = 48
	nonce := make([]byte, 8)
	rand.Read(nonce)

	b := binary.LittleEndian.AppendUint32(bytes.Clone(ntlmSignature), ntlmChallenge)
	b = appendNTLMField(b, len(target), fixed)
	b = binary.LittleEndian.AppendUint32(b, ntlmUnicode|ntlmTarget|ntlmProtocol|ntlmServer|ntlmExtended|ntlmTargetInfo|ntlm128)
	b = append(b, nonce...)
	b = append(b, make([]byte, 8)...) // reserved
	b = appendNTLMField(b, len(info), fixed+len(target))
	return append(append(b, target...), info...)
}

func appendNTLMField(b []byte, size, at int) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(size))
	b = binary.LittleEndian.AppendUint16(b, uint16(size))
	return binary.LittleEndian.AppendUint32(b, uint32(at))
}

// NTLMChallenge is a second token, of the server, in base64.
func NTLMChallenge() string { return base64.StdEncoding.EncodeToString(challengeToken()) }

// NTLMNegotiate is a first token for an Authorization field, in base64.
func NTLMNegotiate() string {
	b := binary.LittleEndian.AppendUint32(bytes.Clone(ntlmSignature), ntlmNegotiate)
	b = binary.LittleEndian.AppendUint32(b, ntlmUnicode|ntlmTarget|ntlmProtocol|ntlmExtended)
	b = appendNTLMField(appendNTLMField(b, 0, 0), 0, 0)
	return base64.StdEncoding.EncodeToString(b)
}

// NTLMAuthenticate is a last token for a user, in base64, with empty proofs.
func NTLMAuthenticate(user string) string { return ntlmAuthenticateWith(user, nil) }

// NTLMBound is a last token for a user that says which channel binding
// (RFC 5929, 16 bytes hashed) the client's TLS connection has.
func NTLMBound(user string, binding [16]byte) string {
	pairs := append([]byte{10, 0, 16, 0}, binding[:]...)                  // MsvAvChannelBindings
	response := append(make([]byte, 16+28), append(pairs, 0, 0, 0, 0)...) // NTLMv2_RESPONSE: proof, client challenge, pairs
	return ntlmAuthenticateWith(user, response)
}

func ntlmAuthenticateWith(user string, response []byte) string {
	const fixed = 64
	name := utf16le(user)
	b := binary.LittleEndian.AppendUint32(bytes.Clone(ntlmSignature), ntlmAuthenticate)
	b = appendNTLMField(b, 0, fixed)
	b = appendNTLMField(b, len(response), fixed+len(name)) // NtChallengeResponse
	for _, size := range []int{0, len(name), 0, 0} {       // UserName is the fourth field
		b = appendNTLMField(b, size, fixed)
	}
	b = binary.LittleEndian.AppendUint32(b, ntlmUnicode|ntlmProtocol|ntlmExtended)
	return base64.StdEncoding.EncodeToString(append(append(b, name...), response...))
}
