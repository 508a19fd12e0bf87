package httpwire

func (h *H2) openData(s *h2Side) {
	s.state = h2InData
	if s.frame.stream == 0 {
		h.irregular(s, H2BadStream, 0)
	}
	if s.frame.has(h2FlagPadded) && s.left > 0 {
		s.pad = -1
	} else if s.left == 0 {
		h.emitData(s, nil, 0)
		s.state = h2AtHead
	}
}

// data passes on what p has of a DATA payload.
func (h *H2) data(s *h2Side, p []byte) []byte {
	n := 1
	if s.pad < 0 {
		s.left--
		s.offset++
		h.padding(s, int(p[0]))
	} else {
		content := s.left - s.pad
		n = min(s.left, len(p))
		if content > 0 {
			n = min(content, n)
		}
		s.left -= n
		s.offset += int64(n)
		if content > 0 {
			h.emitData(s, p[:n], 0)
		}
	}
	if s.left == 0 {
		s.state = h2AtHead
	}
	return p[n:]
}

// padding takes the value of the octet before padded data.
func (h *H2) padding(s *h2Side, n int) {
	if n > s.left {
		h.irregular(s, H2BadPadding, 0)
		n = s.left
	}
	s.pad = n
	if s.left == s.pad {
		h.emitData(s, nil, 0)
	}
}

// emitData reports data that s.left no longer counts.
func (h *H2) emitData(s *h2Side, data []byte, lost int64) {
	e := h.begin(s, H2Data)
	e.Data, e.Lost = data, lost
	e.EndStream = s.left == s.pad && s.frame.has(h2FlagEndStream)
	if !s.told {
		e.Padded, e.Length, s.told = s.pad, s.frame.length, true
	}
	h.emit(e)
}
