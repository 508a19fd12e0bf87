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

// maxMessage bounds a handshake message; maxCertificates one with certificates
// or the names of acceptable issuers.
const (
	maxMessage      = 128 << 10
	maxCertificates = 1 << 20
)

func limitOf(typ uint8) int {
	switch typ {
	case TypeCertificate, TypeCertificateRequest, typeCompressedCertificate:
		return maxCertificates
	}
	return maxMessage
}

// TooLongError says that a handshake message is longer than is kept.
type TooLongError struct {
	Type   uint8
	Length int // bytes that it claims
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("read handshake message %s: it claims %d bytes, more than the %d allowed",
		HandshakeName(e.Type), e.Length, limitOf(e.Type))
}

// Handshakes puts handshake messages of one direction together from the
// payloads of handshake records in clear; the caller leaves out sealed ones.
// It holds at most one message of 1 MiB and one record. The zero value is
// ready; it is not for concurrent use.
type Handshakes struct {
	buf  []byte
	skip int // bytes to come of a message that is too long
}

// Add takes the payload of the next handshake record and calls emit for each
// message that it completes; body, which is without the header of four bytes,
// may be used only until emit returns. When a message begins that claims more
// than 128 KiB, or 1 MiB with certificates, it gives a *TooLongError; that
// message is passed over and reading goes on behind it.
func (h *Handshakes) Add(payload []byte, emit func(typ uint8, body []byte)) (err error) {
	rest := h.pass(payload)
	if len(h.buf) > 0 {
		h.buf = append(h.buf, rest...)
		rest = h.buf
	}
	before := len(rest)
	for len(rest) >= 4 {
		n := int(rest[1])<<16 | int(rest[2])<<8 | int(rest[3])
		if n > limitOf(rest[0]) {
			err = &TooLongError{Type: rest[0], Length: n}
			h.skip = 4 + n
			rest = h.pass(rest)
			continue
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
	return err
}

// pass takes off what belongs to a message that is passed over.
func (h *Handshakes) pass(p []byte) []byte {
	n := min(h.skip, len(p))
	h.skip -= n
	return p[n:]
}

// Held is how many bytes of memory the message that is not complete takes.
func (h *Handshakes) Held() int { return cap(h.buf) }

// Incomplete tells whether the messages so far stop inside one.
func (h *Handshakes) Incomplete() bool { return len(h.buf) > 0 || h.skip > 0 }
