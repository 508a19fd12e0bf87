package httpwire

import "strings"

// Forbidden tells that a field must not be in an HTTP/2 message, and that the
// receiver must take the message for malformed: it belongs to one connection of
// HTTP/1.1, its name has upper-case letters or blanks, or its value has bytes
// that end a line (RFC 9113, sections 8.2.1 and 8.2.2).
func (f *H2Field) Forbidden() bool {
	switch f.Name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return true
	case "te":
		return !strings.EqualFold(f.Value, "trailers")
	}
	for i := range len(f.Name) {
		if c := f.Name[i]; c <= ' ' || c >= 'A' && c <= 'Z' || c >= 0x7f {
			return true
		}
	}
	return strings.ContainsAny(f.Value, "\r\n\x00")
}
