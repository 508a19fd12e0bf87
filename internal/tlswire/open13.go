package tlswire

// open13 opens a record of TLS 1.3 under the keys of its direction's stage or,
// where those are not there or what they seal was lost, of a later one.
func (s *Session) open13(dir int, rec []byte) (plain []byte, typ RecordType, res result) {
	h := &s.half[dir]
	if h.prot != nil {
		if plain, ok := s.try(h, h.prot, rec); ok {
			return s.inner(plain)
		}
		if h.stage == stageApplication {
			if plain, ok := s.tryUpdated(h, rec); ok {
				return s.inner(plain)
			}
			return nil, 0, broken
		}
	}
	hs := h.handshake(s)
	if why := s.whyNot13(hs); why != "" {
		s.why = why
		return nil, 0, noKeys
	}
	secrets := s.keys.of(&hs.random[0])
	if secrets == nil {
		s.why = s.whyNoSecrets(hs)
		return nil, 0, noKeys
	}
	first := h.stage
	if h.prot != nil {
		first++
	}
	var missing label
	attempted := false
	for stage := first; stage <= stageApplication; stage++ {
		secret := secrets[stage.label(dir)]
		if secret == nil {
			missing = stage.label(dir)
			continue
		}
		attempted = true
		if plain, ok := s.enter(dir, hs, stage, secret, rec); ok {
			return s.inner(plain)
		}
	}
	return nil, 0, s.failed13(h, secrets, missing, attempted)
}

// failed13 says what it means that no stage opened a record. The next one may
// be of a later stage, so that it is tried again, up to a point. 0-RTT without
// its secret passes: nothing that waits for it could follow.
func (s *Session) failed13(h *half, secrets *secrets, missing label, attempted bool) result {
	h.looked = !attempted
	if missing != 0 {
		s.why = "the key log has no " + missing.String() + " for this client random (only " + secrets.names() + ")"
		if h.stage == stageEarly {
			return never
		}
		return noKeys
	}
	s.why = whyNotOpened
	if h.misses++; h.stage != stageEarly && h.misses > maxMisses {
		h.looked, h.misses = true, 0 // until there are other keys
	}
	return never
}

// handshake is whose secrets open a direction under TLS 1.3.
func (h *half) handshake(s *Session) *handshake {
	if h.from != nil {
		return h.from
	}
	return s.hs
}

func (s *Session) whyNot13(hs *handshake) string {
	if hs != nil && hs.version == 0 && hs.offersEarlyData() {
		return ""
	}
	return s.whyNotReady(hs)
}

func (s *Session) whyNoSecrets(*handshake) string {
	private := len(s.keys.private())
	switch {
	case s.keys.Len() == 0:
		return whyNoKeys
	case private == s.keys.Len():
		return "ephemeral key exchange (TLS 1.3), so an RSA private key cannot open it"
	}
	return whyNoSecret
}

func (t stage) label(dir int) label {
	switch {
	case t == stageEarly:
		return labelClientEarly
	case t == stageHandshake:
		return labelClientHandshake + label(dir)
	}
	return labelClientTraffic + label(dir)
}

// enter goes on to a stage if its keys open the record.
func (s *Session) enter(dir int, hs *handshake, t stage, secret, rec []byte) ([]byte, bool) {
	h := &s.half[dir]
	suites := []*suite{hs.suite}
	if hs.suite == nil {
		if t != stageEarly {
			return nil, false
		}
		suites = earlySuites(hs.client, len(secret))
	}
	window := h.window
	defer func() { h.window = window }()
	if window == 0 && h.count > 0 {
		h.window = 32
	}
	for _, suite := range suites {
		p := protect13(suite, secret)
		if p == nil {
			continue
		}
		if h.count > 32 {
			p.seq = h.count - 32 // a handshake has few records
		}
		plain, ok := s.try(h, p, rec)
		if !ok {
			continue
		}
		h.prot, h.stage, h.secret, window = p, t, nil, 0
		if t == stageApplication {
			h.secret, h.from = secret, nil
		}
		return plain, true
	}
	return nil, false
}

// earlySuites are those of a client's offer whose hash fits a secret: which of
// them seals 0-RTT only the session that is resumed could tell.
func earlySuites(h *ClientHello, secret int) (out []*suite) {
	for _, id := range h.CipherSuites {
		if id>>8 != 0x13 {
			continue
		}
		if s, ok := suiteOf(id); ok && s.prf.Size() == secret {
			out = append(out, &s)
		}
	}
	return out
}

// protect13 makes the keys of a traffic secret (RFC 8446, section 7.3).
func protect13(s *suite, secret []byte) *protection {
	if len(secret) != s.prf.Size() {
		return nil
	}
	return newProtection(s, 0x0304, material{
		key: expandLabel(s.prf, secret, "key", s.key),
		iv:  expandLabel(s.prf, secret, "iv", 12),
	})
}

// update goes on to the next application traffic secret (RFC 8446, section
// 7.2).
func (h *half) update() {
	if h.secret != nil && h.prot != nil {
		suite := h.prot.suite
		h.secret = expandLabel(suite.prf, h.secret, "traffic upd", len(h.secret))
		h.prot = protect13(suite, h.secret)
	}
}

// tryUpdated opens a record whose KeyUpdate was lost.
func (s *Session) tryUpdated(h *half, rec []byte) ([]byte, bool) {
	if h.window == 0 || h.secret == nil {
		return nil, false
	}
	prot, secret := h.prot, h.secret
	if h.update(); h.prot != nil {
		if plain, ok := s.try(h, h.prot, rec); ok {
			return plain, true
		}
	}
	h.prot, h.secret = prot, secret
	return nil, false
}

// inner takes the padding off, and the type of the content (RFC 8446, section
// 5.4).
func (s *Session) inner(plain []byte) ([]byte, RecordType, result) {
	end := len(plain)
	for end > 0 && plain[end-1] == 0 {
		end--
	}
	if end == 0 {
		return nil, 0, broken
	}
	return plain[:end-1], RecordType(plain[end-1]), opens
}
