package tlswire

import (
	"bytes"
	"errors"
	"slices"
)

// ClientHello holds the facts of a ClientHello (RFC 8446, section 4.1.2).
// Lists are in the client's order and contain its GREASE values unless said
// otherwise.
type ClientHello struct {
	Version             uint16   // legacy_version
	Versions            []uint16 // offered, highest first, without GREASE; Version alone if there is no such extension
	Random              [32]byte
	SessionID           []byte
	CipherSuites        []uint16
	Extensions          []uint16
	SNI                 string
	ALPN                []string
	Groups              []uint16 // supported_groups
	KeyShares           []KeyShare
	PointFormats        []uint8
	SignatureAlgorithms []uint16
	SessionTicket       Ticket
	Tickets             []string // fingerprints of what it would resume with, see Fingerprint

	PostHandshakeAuth    bool // post_handshake_auth: answers a CertificateRequest after a TLS 1.3 handshake
	EarlyData            bool
	PSK                  bool // pre_shared_key: tries to resume under TLS 1.3
	RenegotiationInfo    bool // RFC 5746, as extension or as cipher suite 0x00ff
	ExtendedMasterSecret bool
	ECH                  bool // encrypted_client_hello, real or GREASE: they cannot be told apart

	Length int // bytes of the message with its header of four
}

// KeyShare is one share of a client, without the key.
type KeyShare struct {
	Group  uint16
	Length int // bytes of the key
}

// Ticket tells of the session_ticket extension (RFC 5077).
type Ticket struct {
	Offered bool
	Length  int // 0: the client has no ticket and would take one
}

const (
	extServerName           = 0
	extSupportedGroups      = 10
	extPointFormats         = 11
	extSignatureAlgorithms  = 13
	extALPN                 = 16
	extExtendedMasterSecret = 23
	extSessionTicket        = 35
	extPreSharedKey         = 41
	extEarlyData            = 42
	extSupportedVersions    = 43
	extPostHandshakeAuth    = 49
	extKeyShare             = 51
	extECH                  = 0xfe0d
	extRenegotiationInfo    = 0xff01

	suiteRenegotiationInfo = 0x00ff
)

// ParseClientHello reads the body of a ClientHello message. The result is
// never nil and shares no memory with body; with an error it holds what could
// be read.
func ParseClientHello(body []byte) (*ClientHello, error) {
	r := reader{b: body}
	h := &ClientHello{Length: 4 + len(body)}
	h.Version = r.u16()
	copy(h.Random[:], r.take(len(h.Random)))
	h.SessionID = bytes.Clone(r.bytes(1))
	suites := r.vector(2)
	h.CipherSuites = suites.u16s()
	h.RenegotiationInfo = slices.Contains(h.CipherSuites, suiteRenegotiationInfo)
	r.bytes(1) // compression methods
	r.fail(suites)
	h.Versions = []uint16{h.Version}
	if r.short {
		return h, errors.New("parse ClientHello: it ends inside a field")
	}
	var err error
	h.Extensions, err = r.extensions("ClientHello", h.extension)
	if len(h.Tickets) == 0 && len(h.SessionID) > 0 && len(h.Versions) > 0 && h.Versions[0] < 0x0304 {
		h.Tickets = []string{Fingerprint(h.SessionID)} // of TLS 1.3 it would be a random number
	}
	return h, err
}

func (h *ClientHello) extension(id uint16, r *reader) {
	switch id {
	case extServerName:
		h.SNI = r.serverName()
	case extALPN:
		h.ALPN = r.protocols()
	case extSupportedVersions:
		v := r.vector(1)
		h.Versions = slices.DeleteFunc(v.u16s(), IsGREASE)
		slices.SortStableFunc(h.Versions, func(a, b uint16) int { return int(b) - int(a) })
		r.fail(v)
	case extSupportedGroups:
		v := r.vector(2)
		h.Groups = v.u16s()
		r.fail(v)
	case extSignatureAlgorithms:
		v := r.vector(2)
		h.SignatureAlgorithms = v.u16s()
		r.fail(v)
	case extKeyShare:
		h.KeyShares = r.keyShares()
	case extPointFormats:
		h.PointFormats = bytes.Clone(r.bytes(1))
	case extSessionTicket:
		h.SessionTicket = Ticket{Offered: true, Length: len(r.b)}
		if len(r.b) > 0 {
			h.Tickets = append(h.Tickets, Fingerprint(r.b))
		}
	case extPreSharedKey:
		h.PSK = true
		h.Tickets = append(h.Tickets, r.identities()...)
	default:
		h.flag(id)
	}
}

// flag notes extensions that count by being there.
func (h *ClientHello) flag(id uint16) {
	switch id {
	case extPostHandshakeAuth:
		h.PostHandshakeAuth = true
	case extEarlyData:
		h.EarlyData = true
	case extRenegotiationInfo:
		h.RenegotiationInfo = true
	case extExtendedMasterSecret:
		h.ExtendedMasterSecret = true
	case extECH:
		h.ECH = true
	}
}

// serverName is the first host name of a server_name extension (RFC 6066,
// section 3).
func (r *reader) serverName() (name string) {
	list := r.vector(2)
	for len(list.b) > 0 {
		typ, value := list.u8(), list.bytes(2)
		if typ == 0 && name == "" {
			name = string(value)
		}
	}
	r.fail(list)
	return name
}

// protocols is the list of an application_layer_protocol_negotiation
// extension (RFC 7301, section 3.1).
func (r *reader) protocols() (names []string) {
	list := r.vector(2)
	for len(list.b) > 0 {
		if p := list.bytes(1); !list.short {
			names = append(names, string(p))
		}
	}
	r.fail(list)
	return names
}

func (r *reader) keyShares() (shares []KeyShare) {
	list := r.vector(2)
	for len(list.b) > 0 {
		group, key := list.u16(), list.bytes(2)
		if !list.short {
			shares = append(shares, KeyShare{group, len(key)})
		}
	}
	r.fail(list)
	return shares
}
