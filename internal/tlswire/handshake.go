package tlswire

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"slices"
)

// handshake is what is known of one handshake, as far as it bears on keys.
type handshake struct {
	version uint16 // 0 until the ServerHello
	cipher  uint16
	suite   *suite // nil: unknown or not supported
	random  [2][32]byte
	have    [2]bool // the hello of each direction
	client  *ClientHello
	server  *ServerHello

	extended       bool // extended_master_secret
	encryptThenMAC bool
	deflate        bool

	ticket, newTicket []byte    // offered, and given
	said              [2][]byte // messages, for the session hash
	hash              []byte    // session hash
	exchange          []byte    // the encrypted premaster secret
	public            *rsa.PublicKey
	full              bool // not an abbreviated one

	changed, finished [2]bool
	renegotiation     bool
	blind             bool // sealed under keys that are not there
	retry             bool // a HelloRetryRequest was sent

	master  []byte // proven by a record that it opened
	rsaSeen int    // private keys tried
	fromRSA [][]byte
}

// tls13 tells whether the records of the handshake follow TLS 1.3; before the
// ServerHello, whether they may. A client that renegotiates still offers it.
func (h *handshake) tls13() bool {
	if h.renegotiation {
		return false
	}
	if h.version == 0 {
		return h.client != nil && len(h.client.Versions) > 0 && h.client.Versions[0] >= 0x0304
	}
	return h.version >= 0x0304
}

// offersEarlyData tells whether the client's first records may be 0-RTT.
func (h *handshake) offersEarlyData() bool { return h.client != nil && h.client.EarlyData }

func (h *handshake) clientHello(body []byte) *ClientHello {
	h.client, _ = ParseClientHello(body) // what could be read is in it
	h.random[0], h.have[0] = h.client.Random, true
	h.ticket = bytes.Clone(helloExtension(body, true, extSessionTicket))
	return h.client
}

func (h *handshake) serverHello(body []byte, w *Scratch) *ServerHello {
	sh, _ := ParseServerHello(body)
	h.server, h.version, h.cipher = sh, sh.Version, sh.Cipher
	if sh.HelloRetryRequest {
		h.retry = true
		return sh
	}
	h.random[1], h.have[1] = sh.Random, true
	h.suite = w.suite(sh.Cipher)
	h.extended = sh.ExtendedMasterSecret
	h.encryptThenMAC = slices.Contains(sh.Extensions, extEncryptThenMAC) && h.suite != nil && h.suite.sealing == sealBlock
	at := 2 + 32 + 1 + len(sh.SessionID) + 2
	h.deflate = sh.Version < 0x0304 && len(body) > at && body[at] == 1
	return sh
}

const (
	extEncryptThenMAC = 22
	maxSaid           = 256 << 10
)

// helloExtension finds the data of an extension in a hello.
func helloExtension(body []byte, client bool, id uint16) []byte {
	r := reader{b: body}
	r.take(34)
	r.bytes(1)
	if client {
		r.bytes(2)
		r.bytes(1)
	} else {
		r.take(3)
	}
	for list := r.vector(2); len(list.b) > 0; {
		if got, data := list.u16(), list.bytes(2); got == id {
			return data
		}
	}
	return nil
}

// forget drops what only keys would make use of.
func (h *handshake) forget() {
	h.client, h.server, h.ticket, h.newTicket, h.exchange, h.said = nil, nil, nil, nil, nil, [2][]byte{}
}

// hear keeps the messages that the session hash covers (RFC 7627, section 3),
// for as long as it may be needed: with an RSA key exchange.
func (h *handshake) hear(dir int, typ uint8, body []byte) {
	needed := h.version == 0 || h.extended && h.suite != nil && h.suite.exchange == exchangeRSA
	if !needed || h.hash != nil || len(h.said[dir])+len(body) > maxSaid {
		h.said = [2][]byte{}
		return
	}
	n := len(body)
	h.said[dir] = append(h.said[dir], typ, byte(n>>16), byte(n>>8), byte(n))
	h.said[dir] = append(h.said[dir], body...)
}

// exchanged is called once the client's key exchange and all that the server
// said before it have come.
func (h *handshake) exchanged() {
	if h.exchange == nil || !h.full || !h.have[0] || h.suite == nil || len(h.said[0]) == 0 || len(h.said[1]) == 0 {
		return
	}
	first := 4 + (int(h.said[0][1])<<16 | int(h.said[0][2])<<8 | int(h.said[0][3]))
	first = min(first, len(h.said[0]))
	h.hash = sessionHash(h.version, h.suite.prf, h.said[0][:first], h.said[1], h.said[0][first:])
	h.said = [2][]byte{}
}

// keyExchange takes the body of a ClientKeyExchange (RFC 5246, section
// 7.4.7.1); SSL 3.0 sends no length.
func (h *handshake) keyExchange(body []byte) {
	r := reader{b: body}
	if inner := r.bytes(2); h.version > 0x0300 && !r.short && len(r.b) == 0 {
		body = inner
	}
	h.exchange = bytes.Clone(body)
}

func (h *handshake) certificate(der []byte) {
	if h.suite == nil || h.suite.exchange != exchangeRSA {
		return
	}
	if cert, err := x509.ParseCertificate(der); err == nil {
		h.public, _ = cert.PublicKey.(*rsa.PublicKey)
	}
}

// resumed tells whether the handshake took up an earlier session: 1, 0, or -1
// where that is not known.
func (h *handshake) resumed() int8 {
	switch {
	case h.full:
		return 0
	case h.blind || h.server == nil:
		return -1
	case h.version >= 0x0304:
		if h.server.PSK {
			return 1
		}
		return 0
	case h.changed[1]: // the server went on without a key exchange
		return 1
	}
	return -1
}
