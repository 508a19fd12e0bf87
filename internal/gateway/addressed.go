package gateway

import (
	"bytes"
	"strings"

	"fanlight/internal/httpconn"
)

// connectRefused ends a connection behind a CONNECT: a client that did not wait
// for our answer has sent what is meant for its tunnel, and that must not be
// read as requests.
const connectRefused = "CONNECT is not offered"

// misaddressed says why a target in absolute form is not for this connection,
// empty if it is: its scheme must be one that is served here, and https needs
// TLS (RFC 9110 section 7.4), which a trusted proxy may have taken off.
func (s *session) misaddressed(req *httpconn.Request) (why string) {
	if t := req.Target; len(t) == 0 || t[0] == '/' || t[0] == '*' || req.Method == "CONNECT" {
		return ""
	}
	scheme, _, _ := strings.Cut(req.Target, "://")
	switch strings.ToLower(scheme) {
	case "http":
		return ""
	case "https":
		if s.secure || s.trusted {
			return ""
		}
		return "a target of https came over a connection without TLS"
	}
	return "the target's scheme is neither http nor https"
}

// same compares a field name with another as CGI and its kind do, to which _
// and - are the same (RFC 3875 section 4.1.18): who asks must not be forged by
// another spelling.
func same(name []byte, other string) bool {
	if !underscored(name) {
		return equalFold(name, other)
	}
	return len(name) == len(other) && equalFold(bytes.ReplaceAll(name, []byte("_"), []byte("-")), other)
}

func underscored(name []byte) bool { return bytes.IndexByte(name, '_') >= 0 }
