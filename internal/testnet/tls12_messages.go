package testnet

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Handshake message types (RFC 5246, section 7.4).
const (
	msgHelloRequest       = 0
	msgClientHello        = 1
	msgServerHello        = 2
	msgCertificate        = 11
	msgServerKeyExchange  = 12
	msgCertificateRequest = 13
	msgServerHelloDone    = 14
	msgCertificateVerify  = 15
	msgClientKeyExchange  = 16
	msgFinished           = 20
)

// Extensions the server knows.
const (
	extServerName           = 0
	extSupportedGroups      = 10
	extPointFormats         = 11
	extSignatureAlgorithms  = 13
	extALPN                 = 16
	extExtendedMasterSecret = 23     // RFC 7627
	extRenegotiationInfo    = 0xff01 // RFC 5746
	scsvRenegotiation       = 0x00ff
)

// cursor takes a message apart; after the first shortage it yields nothing and
// stays bad.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.b, c.bad = nil, true
		return nil
	}
	out := c.b[:n:n]
	c.b = c.b[n:]
	return out
}

// vector takes a vector whose length is written in size bytes.
func (c *cursor) vector(size int) []byte {
	n := 0
	for _, b := range c.take(size) {
		n = n<<8 | int(b)
	}
	return c.take(n)
}

func (c *cursor) uint16() uint16 {
	if b := c.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func uint16s(b []byte) (out []uint16) {
	for c := (cursor{b: b}); len(c.b) >= 2; {
		out = append(out, c.uint16())
	}
	return out
}

// appendVector writes the length in size bytes and the bytes.
func appendVector(b []byte, size int, v []byte) []byte {
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(len(v)>>(8*i)))
	}
	return append(b, v...)
}

func appendExtension(b []byte, id uint16, body []byte) []byte {
	return appendVector(binary.BigEndian.AppendUint16(b, id), 2, body)
}

func handshakeMessage(kind byte, body []byte) []byte {
	return appendVector([]byte{kind}, 3, body)
}

// clientHello is what the server wants to know of a ClientHello.
type clientHello struct {
	random         []byte
	ciphers        []uint16
	groups         []uint16
	signatures     []uint16
	serverName     string
	protocols      []string
	extendedMaster bool
	renegotiation  []byte // renegotiated_connection; nil: the extension is absent
	signalled      bool   // TLS_EMPTY_RENEGOTIATION_INFO_SCSV
}

func parseClientHello(body []byte) (*clientHello, error) {
	c := &cursor{b: body}
	version := c.uint16()
	h := &clientHello{random: c.take(32)}
	c.vector(1) // session id
	h.ciphers = uint16s(c.vector(2))
	c.vector(1) // compression
	exts := &cursor{}
	if !c.bad && len(c.b) > 0 {
		exts.b = c.vector(2)
	}
	for len(exts.b) > 0 {
		id := exts.uint16()
		h.extension(id, exts.vector(2))
	}
	if c.bad || exts.bad {
		return nil, errors.New("parse ClientHello: truncated")
	}
	if version < version12 {
		return nil, fmt.Errorf("parse ClientHello: version %#04x is below TLS 1.2", version)
	}
	h.signalled = slices.Contains(h.ciphers, scsvRenegotiation)
	return h, nil
}

func (h *clientHello) extension(id uint16, body []byte) {
	c := &cursor{b: body}
	switch id {
	case extServerName:
		list := &cursor{b: c.vector(2)}
		if kind := list.take(1); kind != nil && kind[0] == 0 {
			h.serverName = string(list.vector(2))
		}
	case extSupportedGroups:
		h.groups = uint16s(c.vector(2))
	case extSignatureAlgorithms:
		h.signatures = uint16s(c.vector(2))
	case extALPN:
		for list := (cursor{b: c.vector(2)}); len(list.b) > 0; {
			h.protocols = append(h.protocols, string(list.vector(1)))
		}
	case extExtendedMasterSecret:
		h.extendedMaster = true
	case extRenegotiationInfo:
		h.renegotiation = append([]byte{}, c.vector(1)...)
	}
}

func certificateMessage(chain [][]byte) []byte {
	var list []byte
	for _, der := range chain {
		list = appendVector(list, 3, der)
	}
	return handshakeMessage(msgCertificate, appendVector(nil, 3, list))
}

func parseCertificates(body []byte) (chain []*x509.Certificate, err error) {
	c := &cursor{b: body}
	list := &cursor{b: c.vector(3)}
	for len(list.b) > 0 {
		cert, err := x509.ParseCertificate(list.vector(3))
		if err != nil {
			return nil, fmt.Errorf("parse client certificate: %w", err)
		}
		chain = append(chain, cert)
	}
	if c.bad {
		return nil, errors.New("parse client certificate: truncated")
	}
	return chain, nil
}

// verifiable are the signature schemes accepted of clients.
var verifiable = [...]tls.SignatureScheme{
	tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256, tls.PKCS1WithSHA256,
	tls.ECDSAWithP384AndSHA384, tls.PSSWithSHA384, tls.PKCS1WithSHA384,
	tls.PSSWithSHA512, tls.PKCS1WithSHA512,
}

// certificateRequest asks for RSA and ECDSA certificates of the given
// authorities (RFC 5246, section 7.4.4).
func certificateRequest(authorities []*x509.Certificate) []byte {
	b := appendVector(nil, 1, []byte{1, 64})
	var schemes, names []byte
	for _, s := range verifiable {
		schemes = binary.BigEndian.AppendUint16(schemes, uint16(s))
	}
	for _, ca := range authorities {
		names = appendVector(names, 2, ca.RawSubject)
	}
	b = appendVector(appendVector(b, 2, schemes), 2, names)
	return handshakeMessage(msgCertificateRequest, b)
}
