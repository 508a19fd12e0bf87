package tlswire

import (
	"bytes"
	"errors"
	"strings"
)

// content takes what a record holds, opened or in clear from the start.
func (s *Session) content(dir int, typ RecordType, b []byte, emit func(*Message)) {
	h := &s.half[dir]
	if s.tls13 && dir == 0 && h.stage == stageApplication && h.prot != nil && s.hs != nil {
		s.complete(s.hs, emit) // its Finished was not seen
	}
	switch typ {
	case ApplicationData:
		s.flowing = true
		if len(b) == 0 {
			return
		}
		m := s.scratch().message(DataMsg, dir)
		if s.isEarly(h, dir) {
			m.Kind = EarlyDataMsg
		}
		m.Data = b
		emit(m)
	case Handshake:
		err := h.messages.Add(b, func(typ uint8, body []byte) { s.message(dir, typ, body, emit) })
		if long := (*TooLongError)(nil); errors.As(err, &long) {
			s.tooLong(dir, long, emit)
		}
	case AlertRecord:
		s.alert(dir, b, emit)
	case ChangeCipherSpec:
		if !s.tls13 {
			hs := s.hs
			if hs != nil {
				hs.changed[dir] = true
			}
			s.change(h, hs)
		}
		emit(s.scratch().message(CCSMsg, dir))
	default:
		m := s.scratch().message(OtherMsg, dir)
		m.Length = len(b)
		emit(m)
	}
}

// tooLong tells of a message that is passed over. One of a type that is not
// known is none: its record was not what it seemed.
func (s *Session) tooLong(dir int, long *TooLongError, emit func(*Message)) {
	if !knownHandshake(long.Type) {
		s.half[dir].messages = Handshakes{}
		return
	}
	m := s.scratch().message(TooLongMsg, dir)
	m.HandshakeType, m.Length = long.Type, long.Length
	emit(m)
}

func knownHandshake(typ uint8) bool { return !strings.HasPrefix(HandshakeName(typ), "handshake ") }

func (s *Session) isEarly(h *half, dir int) bool {
	return dir == 0 && h.prot != nil && h.prot.version >= 0x0304 && h.stage == stageEarly
}

// change makes a direction go on under the keys of a handshake.
func (s *Session) change(h *half, hs *handshake) {
	h.sealed, h.from, h.prot, h.secret = true, hs, nil, nil
	h.count, h.passed, h.window, h.misses = 0, 0, 0, 0
	h.messages = Handshakes{} // no message goes on under other keys (RFC 8446, section 5.1)
	h.looked, h.dead = false, false
	s.progress++
}

func (s *Session) alert(dir int, b []byte, emit func(*Message)) {
	m := s.scratch().message(AlertMsg, dir)
	var ok bool
	if m.Level, m.Code, ok = ParseAlert(b); !ok {
		m.Kind, m.Length = OtherMsg, len(b)
	}
	emit(m)
}

// message takes one handshake message.
func (s *Session) message(dir int, typ uint8, body []byte, emit func(*Message)) {
	kind := OtherMsg
	m := Message{HandshakeType: typ, Data: body}
	switch typ {
	case TypeHelloRequest:
		kind = HelloRequestMsg
	case TypeClientHello:
		kind, m.ClientHello = ClientHelloMsg, s.clientHello(body)
		m.Renegotiation = s.hs.renegotiation
	case TypeServerHello:
		kind = s.serverHello(body, &m)
	case typeEncryptedExtensions:
		kind = EncryptedExtensionsMsg
		s.encryptedExtensions(body, &m)
	case TypeCertificate:
		kind, m.Certificates = CertificateMsg, s.certificates(dir, body)
		if s.tls13 {
			m.Staple = staple13(body)
		}
	case typeCompressedCertificate:
		if plain, ok := decompressCertificate(body); ok {
			kind, m.Certificates, m.Staple = CertificateMsg, parseCertificate13(plain), staple13(plain)
		}
	case typeCertificateStatus:
		kind, m.Staple = CertificateStatusMsg, certificateStatus(body)
	case TypeCertificateRequest:
		kind, m.Request = CertificateRequestMsg, s.certificateRequest(body)
	case TypeNewSessionTicket:
		kind, m.Ticket = NewTicketMsg, NewTicket(body, s.tls13)
		s.newTicket(body)
	case typeKeyUpdate:
		kind = KeyUpdateMsg
	case TypeFinished:
		kind = FinishedMsg
	}
	m.Kind, m.Dir = kind, dir
	s.hear(dir, typ, body)
	w := s.scratch()
	w.msg = m
	emit(&w.msg)
	s.after(dir, typ, emit)
}

const (
	typeEndOfEarlyData        = 5
	typeEncryptedExtensions   = 8
	typeCertificateStatus     = 22
	typeKeyUpdate             = 24
	typeCompressedCertificate = 25
)

func (s *Session) clientHello(body []byte) *ClientHello {
	switch {
	case s.hs == nil || s.hs.have[0] && !s.hs.retry:
		s.hs = &handshake{renegotiation: s.done}
	}
	if !s.tls13 {
		s.progress++
	}
	return s.hs.clientHello(body)
}

func (s *Session) serverHello(body []byte, m *Message) MessageKind {
	if s.hs == nil || s.hs.have[1] {
		s.hs = &handshake{renegotiation: s.done}
	}
	hs := s.hs
	sh := hs.serverHello(body, s.scratch())
	m.ServerHello, m.Version, m.Cipher, m.ALPN = sh, sh.Version, sh.Cipher, sh.ALPN
	m.Renegotiation = hs.renegotiation
	s.progress++
	if sh.HelloRetryRequest {
		s.half[0].stage = stageEarly
		return HelloRetry
	}
	s.version, s.cipher, s.alpn = sh.Version, sh.Cipher, sh.ALPN
	if sh.Version >= 0x0304 && !s.tls13 {
		s.begin13(hs)
	}
	return ServerHelloMsg
}

func (s *Session) begin13(hs *handshake) {
	s.tls13 = true
	for dir := range s.half {
		h := &s.half[dir]
		prot := h.prot
		s.change(h, hs)
		h.stage = stageHandshake
		if dir == 0 && (hs.offersEarlyData() || prot != nil) {
			h.stage, h.prot = stageEarly, prot
		}
	}
}

func (s *Session) encryptedExtensions(body []byte, m *Message) {
	r := reader{b: body}
	for list := r.vector(2); len(list.b) > 0; {
		switch id, data := list.u16(), list.vector(2); id {
		case extALPN:
			if names := data.protocols(); len(names) > 0 {
				s.alpn = names[0]
			}
		case extEarlyData:
			m.EarlyDataAccepted = true
		}
	}
	m.ALPN = s.alpn
}

func (s *Session) certificates(dir int, body []byte) (list [][]byte) {
	if s.tls13 {
		list = parseCertificate13(body)
	} else {
		list, _ = ParseCertificate12(body) // what could be read
		if dir == 1 && s.hs != nil && len(list) > 0 {
			s.hs.certificate(list[0])
		}
	}
	if list == nil {
		list = [][]byte{}
	}
	return list
}

func (s *Session) certificateRequest(body []byte) *CertificateRequest {
	if s.tls13 {
		return parseCertificateRequest13(body)
	}
	q, err := ParseCertificateRequest12(body)
	if err != nil {
		return new(CertificateRequest)
	}
	return q
}

// newTicket keeps a ticket up to TLS 1.2 (RFC 5077, section 3.3).
func (s *Session) newTicket(body []byte) {
	r := reader{b: body}
	r.take(4)
	if ticket := r.bytes(2); !s.tls13 && s.hs != nil && len(ticket) > 0 {
		s.hs.newTicket = bytes.Clone(ticket)
		if s.hs.master != nil {
			s.keys.remember(ticket, s.hs.master)
		}
	}
}

// hear lets the handshake keep what its keys depend on.
func (s *Session) hear(dir int, typ uint8, body []byte) {
	hs := s.hs
	if hs == nil || s.tls13 || hs.blind || typ == TypeHelloRequest {
		return
	}
	if hs.exchange == nil && (dir == 0 || !hs.full) && !s.hopeless() {
		hs.hear(dir, typ, body)
	}
	switch typ {
	case TypeServerHelloDone:
		hs.full = true
	case TypeClientKeyExchange:
		hs.keyExchange(body)
	default:
		return
	}
	s.progress++
	hs.exchanged()
}

// after goes on to the next keys or phase once a message has been emitted.
func (s *Session) after(dir int, typ uint8, emit func(*Message)) {
	h := &s.half[dir]
	switch {
	case typ == TypeFinished && !(s.tls13 && h.stage == stageApplication):
		if s.tls13 {
			s.leave(h, stageApplication)
		}
		s.finish(dir, s.hs, emit)
	case typ == typeEndOfEarlyData && s.tls13 && dir == 0 && h.stage == stageEarly:
		s.leave(h, stageHandshake)
	case typ == typeKeyUpdate && s.tls13:
		h.update()
	}
}

// leave goes on to a stage of TLS 1.3, of which no record has come.
func (s *Session) leave(h *half, next stage) {
	h.stage, h.prot, h.count, h.window, h.misses, h.looked = next, nil, 0, 0, 0, false
}

// finish notes a Finished, and the end of the handshake after the second. That
// is the client's under TLS 1.3, where the server's may be sealed for good.
func (s *Session) finish(dir int, hs *handshake, emit func(*Message)) {
	if hs == nil {
		return
	}
	hs.finished[dir] = true
	if hs.finished[0] && (hs.finished[1] || s.tls13) {
		s.complete(hs, emit)
	}
}

// complete ends a handshake.
func (s *Session) complete(hs *handshake, emit func(*Message)) {
	m := s.scratch().message(DoneMsg, 0)
	m.Resumed, m.Renegotiation = hs.resumed(), hs.renegotiation
	if !hs.blind {
		m.Version, m.Cipher, m.ALPN = s.version, s.cipher, s.alpn
	}
	s.done, s.hs, hs.client = true, nil, nil
	emit(m)
}
