package tlswire

import "fmt"

// Skip says that n bytes of a direction, the next ones, are missing; n < 0: an
// unknown number. A record of known length that they fall into is lost, and
// counted. Beyond it the session looks for the next record header, and then
// for the sequence number that opens it.
func (s *Session) Skip(dir int, n int64, emit func(*Message)) {
	h := &s.half[dir]
	if h.err != nil || n == 0 {
		return
	}
	if s.heldSize > 0 {
		s.drain(emit)
	}
	at := h.offset
	s.noteLoss(h, at)
	if n > 0 {
		h.offset += n
		n = s.loseRecord(dir, n, emit)
	}
	if n == 0 {
		return
	}
	if h.records == 0 {
		s.midstream, h.sealed = true, true
	}
	if n < 0 || h.prot != nil && !h.prot.retriable() {
		h.dead = true
	}
	s.scratch().give(h.buf)
	h.buf, h.scanning = nil, true
	h.window = min(h.window+32+int(min(n, 1<<20)>>10), 1024)
	m := s.scratch().message(BadRecordMsg, dir)
	m.Length = int(max(n, 0))
	emit(m)
}

func (s *Session) noteLoss(h *half, at int64) {
	h.messages = Handshakes{}
	if !h.sealed {
		s.lostClear = true
		return
	}
	s.unopened = true
	s.why = fmt.Sprintf("packet lost at byte %d", at)
}

// loseRecord gives up the record that came in part, and tells how many of n
// bytes lie beyond it.
func (s *Session) loseRecord(dir int, n int64, emit func(*Message)) int64 {
	h := &s.half[dir]
	if h.damaged == 0 {
		if h.scanning || len(h.buf) < headerLen || !validHeader(h.buf) {
			return n
		}
		h.damaged = headerLen + int(h.buf[3])<<8 + int(h.buf[4]) - len(h.buf)
		h.buf = h.buf[:headerLen]
	}
	part := min(n, int64(h.damaged))
	h.damaged -= int(part)
	if h.damaged == 0 {
		s.countLost(dir, emit)
	}
	return n - part
}

// passDamaged takes what still comes of a record that was lost in part.
func (s *Session) passDamaged(dir int, p []byte, emit func(*Message)) []byte {
	h := &s.half[dir]
	n := min(h.damaged, len(p))
	if h.damaged -= n; h.damaged == 0 {
		s.countLost(dir, emit)
	}
	return p[n:]
}

// countLost emits and counts the record whose header is in the buffer.
func (s *Session) countLost(dir int, emit func(*Message)) {
	h := &s.half[dir]
	length := int(h.buf[3])<<8 + int(h.buf[4])
	s.scratch().give(h.buf)
	h.buf = nil
	h.records++
	switch {
	case h.prot != nil:
		h.prot.lost(nil, length)
	case h.sealed:
		h.count++
		h.passed += length
	}
	m := s.scratch().message(BadRecordMsg, dir)
	m.Length = length
	emit(m)
}

// resynchronise looks for a record header that another one follows, or the end
// of what has come, and gives all from there on; nil: none yet.
func (s *Session) resynchronise(h *half, p []byte) []byte {
	h.buf = append(h.buf, p...)
	b := h.buf
	for i := range b {
		rest := b[i:]
		if len(rest) < headerLen {
			h.buf = append(h.buf[:0], rest...)
			return nil
		}
		if !s.plausible(rest) {
			continue
		}
		n := headerLen + int(rest[3])<<8 + int(rest[4])
		switch {
		case n == len(rest) || n+headerLen <= len(rest) && s.plausible(rest[n:]):
			h.scanning, h.buf = false, nil
			return rest
		case n+headerLen > len(rest):
			h.buf = append(h.buf[:0], rest...)
			return nil
		}
	}
	h.buf = h.buf[:0]
	return nil
}

// plausible tells whether a record of this connection may begin here.
func (s *Session) plausible(p []byte) bool {
	switch {
	case !validHeader(p) || p[0] > byte(ApplicationData) || p[3]|p[4] == 0:
		return false
	case s.version >= 0x0303:
		return p[2] == 3
	case s.version != 0:
		return p[2] == byte(s.version)
	}
	return p[2] <= 3
}
