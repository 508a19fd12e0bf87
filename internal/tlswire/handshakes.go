package tlswire

import "fmt"

// Types of handshake messages that callers tell apart (RFC 8446, section 4,
// and RFC 5246, section 7.4); HandshakeName knows the others too.
const (
	TypeHelloRequest       uint8 = 0
	TypeClientHello        uint8 = 1
	TypeServerHello        uint8 = 2
	TypeNewSessionTicket   uint8 = 4
	TypeCertificate        uint8 = 11
	TypeServerKeyExchange  uint8 = 12
	TypeCertificateRequest uint8 = 13
	TypeServerHelloDone    uint8 = 14
	TypeCertificateVerify  uint8 = 15
	TypeClientKeyExchange  uint8 = 16
	TypeFinished           uint8 = 20
)

// maxMessage bounds a handshake message; the longest in practice are
// certificate chains and lists of acceptable issuers.
const maxMessage = 128 << 10

// Handshakes puts handshake messages of one direction together from the
// payloads of handshake records in clear; the caller leaves out sealed ones.
// It holds at most one message of 128 KiB and one record. The zero value is
// ready; it is not for concurrent use.
type Handshakes struct {
	buf []byte
	err error
}

// Add takes the payload of the next handshake record and calls emit for each
// message that it completes; body, which is without the header of four bytes,
// may be used only until emit returns. It fails when a message claims more
// than 128 KiB, and from then on each time.
func (h *Handshakes) Add(payload []byte, emit func(typ uint8, body []byte)) error {
	if h.err != nil {
		return h.err
	}
	rest := payload
	if len(h.buf) > 0 {
		h.buf = append(h.buf, payload...)
		rest = h.buf
	}
	before := len(rest)
	for len(rest) >= 4 {
		n := int(rest[1])<<16 | int(rest[2])<<8 | int(rest[3])
		if n > maxMessage {
			h.buf = nil
			h.err = fmt.Errorf("read handshake message %s: it claims %d bytes, more than the %d allowed",
				HandshakeName(rest[0]), n, maxMessage)
			return h.err
		}
		if len(rest) < 4+n {
			break
		}
		emit(rest[0], rest[4:4+n:4+n])
		rest = rest[4+n:]
	}
	switch {
	case len(rest) == 0:
		h.buf = nil
	case len(h.buf) == 0 || len(rest) < before:
		h.buf = append([]byte(nil), rest...)
	}
	return nil
}

// Held is how many bytes of memory the message that is not complete takes.
func (h *Handshakes) Held() int { return cap(h.buf) }

// Incomplete tells whether the messages so far stop inside one.
func (h *Handshakes) Incomplete() bool { return len(h.buf) > 0 }
