package tlswire

import (
	"crypto/sha256"
	"encoding/hex"
)

// Fingerprint stands for a ticket or session id: equal ones have equal
// fingerprints, and nothing can be resumed with one.
func Fingerprint(ticket []byte) string {
	sum := sha256.Sum256(ticket)
	return hex.EncodeToString(sum[:8])
}

// NewTicket is the fingerprint of the ticket in the body of a NewSessionTicket
// (RFC 5077, section 3.3; RFC 8446, section 4.6.1), empty if it holds none.
func NewTicket(body []byte, tls13 bool) string {
	r := reader{b: body}
	r.take(4)
	if tls13 {
		r.take(4)
		r.bytes(1)
	}
	ticket := r.bytes(2)
	if r.short || len(ticket) == 0 {
		return ""
	}
	return Fingerprint(ticket)
}

// SessionFingerprint is that of the session id by which the server would
// resume, empty if it gave none. TLS 1.3 has no such ids.
func (h *ServerHello) SessionFingerprint() string {
	if h.Version >= 0x0304 || len(h.SessionID) == 0 {
		return ""
	}
	return Fingerprint(h.SessionID)
}

// identities are the fingerprints of a pre_shared_key extension's tickets (RFC
// 8446, section 4.2.11), as far as they can be read.
func (r *reader) identities() (tickets []string) {
	in := reader{b: r.b} // what is malformed does not matter to the rest of the hello
	list := in.vector(2)
	for len(list.b) > 0 {
		ticket := list.bytes(2)
		if list.take(4); !list.short {
			tickets = append(tickets, Fingerprint(ticket))
		}
	}
	return tickets
}

// ShareNames names the groups the client sent keys for, without GREASE.
func (h *ClientHello) ShareNames() (names []string) {
	for _, s := range h.KeyShares {
		if name := GroupName(s.Group); name != "" {
			names = append(names, name)
		}
	}
	return names
}
