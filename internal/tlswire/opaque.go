package tlswire

// opaque counts and emits what a record shows that stays sealed.
func (s *Session) opaque(dir int, rec []byte, emit func(*Message)) {
	h := &s.half[dir]
	length := len(rec) - headerLen
	h.count++
	h.passed += length
	s.unopened = true
	s.why = s.whyKept()
	kind := OtherMsg
	switch RecordType(rec[0]) {
	case ApplicationData:
		s.opaqueData(dir, length, emit)
		return
	case AlertRecord:
		kind = AlertMsg
		if s.hs != nil && s.hs.blind {
			s.hs = nil // a refusal, most likely
		}
	case ChangeCipherSpec:
		kind = CCSMsg
	case Handshake:
		kind = s.opaqueHandshake(dir)
	}
	m := s.scratch().message(kind, dir)
	m.Sealed, m.Length = true, length
	m.Renegotiation = s.hs != nil && s.hs.renegotiation
	emit(m)
	switch hs := s.hs; {
	case kind == CCSMsg && hs != nil:
		hs.changed[dir] = true
		s.change(h, hs)
	case kind == FinishedMsg:
		s.finish(dir, hs, emit)
	}
}

// opaqueHandshake tells, up to TLS 1.2, what a sealed handshake record must be
// by its place: after the handshake, the server has only a HelloRequest to
// send, and the client a ClientHello.
func (s *Session) opaqueHandshake(dir int) MessageKind {
	switch {
	case s.hs != nil && s.hs.changed[dir]:
		return FinishedMsg
	case s.hs != nil || !s.done && !s.flowing:
		return OtherMsg
	case dir == 1:
		return HelloRequestMsg
	}
	s.hs = &handshake{blind: true, renegotiation: true}
	return ClientHelloMsg
}

// opaqueData emits a record that says it holds application data. Under TLS 1.3
// it may be a part of the handshake, which is over with the client's Finished.
func (s *Session) opaqueData(dir, length int, emit func(*Message)) {
	kind := OpaqueMsg
	hs := s.hs
	if s.tls13 && hs != nil {
		kind = OtherMsg
	}
	s.flowing = s.flowing || kind == OpaqueMsg
	m := s.scratch().message(kind, dir)
	m.Sealed, m.Length = true, length
	emit(m)
	if kind == OtherMsg && dir == 0 && hs.mayBeFinished(length) {
		s.finish(dir, hs, emit)
	}
}

// mayBeFinished tells whether a sealed record of a TLS 1.3 client may hold its
// Finished, or what comes before it in one flight, rather than an alert or
// 0-RTT data.
func (h *handshake) mayBeFinished(length int) bool {
	if h.suite == nil {
		return length > 3+16
	}
	finished := 4 + h.suite.prf.Size() + 1 + h.suite.tag
	if h.offersEarlyData() {
		return length == finished
	}
	return length >= finished
}
