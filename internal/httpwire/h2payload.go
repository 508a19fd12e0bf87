package httpwire

import "encoding/binary"

// complete reads a frame other than DATA.
func (h *H2) complete(s *h2Side, b []byte) {
	if h.wrongForm(s, len(b)) {
		return
	}
	switch s.frame.kind {
	case h2TypeHeaders, h2TypePush:
		h.beginBlock(s, b)
	case h2TypeContinuation:
		h.continueBlock(s, b)
	case h2TypeSettings:
		h.settings(s, b)
	default:
		h.simple(s, b)
	}
}

// wrongForm checks length and stream against section 6 of RFC 9113. A frame
// of a wrong length is not read.
func (h *H2) wrongForm(s *h2Side, n int) bool {
	f := &s.frame
	bad, zero := false, false
	switch f.kind {
	case h2TypePriority:
		bad = n != 5
	case h2TypeReset:
		bad = n != 4
	case h2TypeSettings:
		zero, bad = true, n%6 != 0 || f.has(h2FlagAck) && n != 0
	case h2TypePing:
		zero, bad = true, n != 8
	case h2TypeGoAway:
		zero, bad = true, n < 8
	case h2TypeWindow:
		zero, bad = f.stream == 0, n != 4
	case h2TypePriorityUpdate:
		zero, bad = true, n < 4
	case h2TypeHeaders, h2TypePush, h2TypeContinuation:
	default:
		zero = f.stream == 0
	}
	if bad {
		h.irregular(s, H2FrameSize, 0)
		return true
	}
	if zero != (f.stream == 0) {
		h.irregular(s, H2BadStream, 0)
	}
	return false
}

func (h *H2) simple(s *h2Side, b []byte) {
	word := func(at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }
	e := h.begin(s, H2Unknown)
	switch s.frame.kind {
	case h2TypePriority:
		e.Kind, e.Priority = H2Priority, parsePriority(b)
	case h2TypeReset:
		e.Kind, e.Code = H2Reset, word(0)
	case h2TypePing:
		e.Kind, e.Ack, e.Data = H2Ping, s.frame.has(h2FlagAck), b
	case h2TypeGoAway:
		e.Kind, e.Last, e.Code, e.Text = H2GoAway, word(0)&^(1<<31), word(4), string(b[8:min(len(b), 8+1024)])
	case h2TypeWindow:
		e.Kind, e.Code = H2Window, word(0)&^(1<<31)
	case h2TypePriorityUpdate:
		e.Kind, e.Stream, e.Text = H2Priority, word(0)&^(1<<31), string(b[4:min(len(b), 4+256)])
	default:
		e.Code, e.Data = uint32(s.frame.kind), b
	}
	h.emit(e)
}

func (h *H2) settings(s *h2Side, b []byte) {
	if s.frame.has(h2FlagAck) {
		h.emit(h.begin(s, H2SettingsAck))
		return
	}
	e := h.begin(s, H2Settings)
	other := &h.sides[1-s.dir]
	for ; len(b) >= 6; b = b[6:] {
		set := H2Setting{binary.BigEndian.Uint16(b), binary.BigEndian.Uint32(b[2:])}
		switch set.ID {
		case 1:
			other.fields.allow(set.Value)
		case 5:
			other.mayFrame = min(max(set.Value, defaultMaxFrame), 1<<24-1)
		}
		if len(e.Settings) < 64 {
			e.Settings = append(e.Settings, set)
		}
	}
	h.emit(e)
}

func parsePriority(b []byte) H2PriorityInfo {
	dep := binary.BigEndian.Uint32(b)
	return H2PriorityInfo{Given: true, Depends: dep &^ (1 << 31), Exclusive: dep>>31 == 1, Weight: int(b[4]) + 1}
}
