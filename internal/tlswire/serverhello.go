package tlswire

import (
	"bytes"
	"errors"
)

// ServerHello holds the facts of a ServerHello or a HelloRetryRequest (RFC
// 8446, section 4.1.3).
type ServerHello struct {
	Version    uint16 // negotiated
	Random     [32]byte
	SessionID  []byte
	Cipher     uint16
	ALPN       string // empty under TLS 1.3, which encrypts it
	Group      uint16 // key_share: of the server's share, or the one a HelloRetryRequest asks for; else 0
	Extensions []uint16

	HelloRetryRequest    bool
	PSK                  bool // pre_shared_key: the session is resumed under TLS 1.3
	SessionTicket        bool // a new ticket will come
	RenegotiationInfo    bool
	ExtendedMasterSecret bool
	Downgrade            bool // the random ends as RFC 8446, section 4.1.3, has it: a higher version was possible

	Length int // bytes of the message with its header of four
}

// helloRetryRequest is the Random that marks one: the SHA-256 of that word.
const helloRetryRequest = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" +
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// ParseServerHello reads the body of a ServerHello message. The result is
// never nil and shares no memory with body; with an error it holds what could
// be read.
func ParseServerHello(body []byte) (*ServerHello, error) {
	r := reader{b: body}
	h := &ServerHello{Length: 4 + len(body)}
	h.Version = r.u16()
	copy(h.Random[:], r.take(len(h.Random)))
	h.Downgrade = string(h.Random[24:31]) == "DOWNGRD"
	h.SessionID = bytes.Clone(r.bytes(1))
	h.Cipher = r.u16()
	r.u8() // compression method
	if r.short {
		return h, errors.New("parse ServerHello: it ends inside a field")
	}
	h.HelloRetryRequest = string(h.Random[:]) == helloRetryRequest
	var err error
	h.Extensions, err = r.extensions("ServerHello", h.extension)
	return h, err
}

func (h *ServerHello) extension(id uint16, r *reader) {
	switch id {
	case extSupportedVersions:
		if v := r.u16(); !r.short {
			h.Version = v
		}
	case extALPN:
		if names := r.protocols(); len(names) > 0 {
			h.ALPN = names[0]
		}
	case extKeyShare:
		h.Group = r.u16()
	case extPreSharedKey:
		h.PSK = true
	case extSessionTicket:
		h.SessionTicket = true
	case extRenegotiationInfo:
		h.RenegotiationInfo = true
	case extExtendedMasterSecret:
		h.ExtendedMasterSecret = true
	}
}

// Resumed tells whether the server took up the session that the client
// offered. It is not known for a client of TLS 1.2 that offered a ticket
// without a session id to recognise it by (RFC 5077, section 3.4).
func (h *ServerHello) Resumed(c *ClientHello) (resumed, known bool) {
	switch {
	case h.HelloRetryRequest:
		return false, false
	case h.Version >= 0x0304:
		return h.PSK, true
	case len(c.SessionID) == 0 && c.SessionTicket.Length > 0:
		return false, false
	}
	return len(c.SessionID) > 0 && bytes.Equal(h.SessionID, c.SessionID), true
}
