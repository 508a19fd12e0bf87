package tlswire

// result is what came of an attempt to open a record.
type result uint8

const (
	noKeys result = iota // they may still come
	never                // what may come would not help
	opens
	broken // the keys are there and do not open it
)

// stage is which traffic keys of TLS 1.3 a direction uses.
type stage uint8

const (
	stageEarly stage = iota
	stageHandshake
	stageApplication
)

// open decrypts a record under the keys that its direction has, or for which
// there is a secret.
func (s *Session) open(dir int, rec []byte) (plain []byte, typ RecordType, res result) {
	h := &s.half[dir]
	if h.dead {
		return nil, 0, never
	}
	if h.prot == nil {
		now := s.now()
		if h.looked && h.tried == now {
			return nil, 0, noKeys
		}
		h.looked, h.tried = true, now
	}
	if hs := h.handshake(s); s.tls13 || hs != nil && hs.tls13() {
		return s.open13(dir, rec)
	}
	if h.prot == nil {
		plain, res = s.settle12(dir, rec)
		return plain, RecordType(rec[0]), res
	}
	if plain, ok := s.try(h, h.prot, rec); ok {
		return plain, RecordType(rec[0]), opens
	}
	return nil, 0, broken
}

// try opens a record at the sequence number due, or at a gap at one of those
// that follow.
func (s *Session) try(h *half, p *protection, rec []byte) ([]byte, bool) {
	w := s.scratch()
	due := p.seq
	plain, ok := p.open(w, rec)
	for i := 0; !ok && i < h.window && p.retriable(); i++ {
		p.seq++
		plain, ok = p.open(w, rec)
	}
	if !ok {
		p.seq = due
		return nil, false
	}
	h.window, h.misses = 0, 0
	return plain, true
}

// settle12 finds the keys, up to TLS 1.2, that open the first sealed record to
// be opened.
func (s *Session) settle12(dir int, rec []byte) ([]byte, result) {
	h := &s.half[dir]
	hs := h.from
	if why := s.whyNotReady(hs); why != "" {
		s.why = why
		return nil, noKeys
	}
	list, why := s.masters(hs)
	for _, master := range list {
		m := keyBlock(hs, master)
		p := newProtection(hs.suite, hs.version, m[dir])
		if p == nil {
			continue
		}
		p.etm = hs.encryptThenMAC
		if hs.deflate {
			p.inflate = new(inflater)
		}
		p.catchUp(h)
		plain, ok := s.try(h, p, rec)
		if !ok {
			continue
		}
		h.prot, h.from = p, nil
		s.settled(hs, master)
		return plain, opens
	}
	if why == "" {
		why = whyNotOpened
		if s.lostClear {
			why = whyLostInside
		}
	}
	s.why = why
	return nil, noKeys
}

// catchUp skips what passed before there were keys.
func (p *protection) catchUp(h *half) {
	if h.count == 0 {
		return
	}
	p.seq = h.count
	if p.suite.sealing == sealStream {
		skip := make([]byte, h.passed)
		p.stream.XORKeyStream(skip, skip)
	}
}

func (s *Session) settled(hs *handshake, master []byte) {
	hs.master = master
	hs.said, hs.fromRSA = [2][]byte{}, nil
	if hs.full && hs.server != nil {
		s.keys.remember(hs.server.SessionID, master)
	}
	s.keys.remember(hs.newTicket, master)
	s.progress++
}

// whyNotReady says what a handshake lacks for there to be keys.
func (s *Session) whyNotReady(hs *handshake) string {
	switch {
	case s.midstream && (hs == nil || !hs.have[0] || !hs.have[1]):
		return whyMidstream
	case hs == nil || !hs.have[0] || !hs.have[1]:
		if hs != nil && hs.blind {
			return s.whyKept()
		}
		return whyLostInside
	case hs.suite == nil:
		return "cipher suite " + CipherName(hs.cipher) + " is not supported"
	}
	return ""
}

// whyKept is the reason so far, for what follows from it.
func (s *Session) whyKept() string {
	if s.why == "" {
		return whyNoSecret
	}
	return s.why
}

// bad counts a record that its keys did not open.
func (s *Session) bad(dir int, rec []byte, emit func(*Message)) {
	h := &s.half[dir]
	s.unopened = true
	if s.why == "" {
		s.why = whyNotOpened
	}
	if h.misses++; h.misses > maxMisses {
		h.dead = true
	}
	if h.prot != nil {
		h.prot.lost(rec[headerLen:], 0)
		if !h.prot.retriable() {
			h.dead = true
		}
	}
	m := s.scratch().message(BadRecordMsg, dir)
	m.Length = len(rec) - headerLen
	emit(m)
}
