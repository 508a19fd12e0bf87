package httpwire

import "bytes"

// parseFields reads the lines from pos to the empty line at the end of Buf.
func (h *Head) parseFields(pos, limit int) error {
	if h.Fields == nil {
		h.Fields = make([]Field, 0, 16)
	}
	start := pos
	for {
		end, next := h.line(pos)
		if end == pos {
			break
		}
		h.parseField(pos, end)
		if len(h.Fields) > limit {
			h.lines = span(start, pos)
			return ErrTooManyFields
		}
		pos = next
	}
	h.lines = span(start, pos)
	return nil
}

func (h *Head) parseField(pos, end int) {
	line := h.Buf[pos:end]
	if isBlank(line[0]) {
		h.unfold(pos, end)
		return
	}
	colon := 0
	for colon < len(line) && isToken(line[colon]) {
		colon++
	}
	nameEnd := colon
	if colon == 0 || colon == len(line) || line[colon] != ':' {
		if colon = bytes.IndexByte(line, ':'); colon < 0 {
			h.note(MissingColon, pos)
			h.checkText(pos, end, BadFieldName)
			return
		}
		nameEnd = h.checkName(pos, pos+colon) - pos
	}
	value := h.trim(pos+colon+1, end)
	h.checkText(int(value.Start), int(value.End), BadFieldValue)
	h.Fields = append(h.Fields, Field{Name: span(pos, pos+nameEnd), Value: value})
}

// checkName looks at a name that is not a token and gives its end without the
// blanks before the colon.
func (h *Head) checkName(start, colon int) (end int) {
	for end = colon; end > start && isBlank(h.Buf[end-1]); end-- {
	}
	if end < colon {
		h.note(SpaceBeforeColon, end)
	}
	if end == start {
		h.note(BadFieldName, start)
	}
	for i := start; i < end; i++ {
		if c := h.Buf[i]; !isToken(c) {
			h.note(controlName(c, BadFieldName), i)
		}
	}
	return end
}

// unfold adds a continuation line (RFC 9112 5.2) to the value before it.
func (h *Head) unfold(pos, end int) {
	if len(h.Fields) == 0 {
		h.note(SpaceBeforeFirstField, pos)
		h.checkText(pos, end, BadFieldValue)
		return
	}
	h.note(ObsFold, pos)
	more := h.trim(pos, end)
	h.checkText(int(more.Start), int(more.End), BadFieldValue)
	value := &h.Fields[len(h.Fields)-1].Value
	switch {
	case more.Start == more.End:
	case value.Start == value.End:
		*value = more
	default:
		value.End = more.End
	}
}

// trim takes optional white space off both ends (RFC 9110 5.6.3).
func (h *Head) trim(start, end int) Span {
	for start < end && isBlank(h.Buf[start]) {
		start++
	}
	for start < end && isBlank(h.Buf[end-1]) {
		end--
	}
	return span(start, end)
}

// checkText notes the control bytes other than tabs; obs-text is legal.
func (h *Head) checkText(start, end int, name string) {
	for start < end {
		i := firstControl(h.Buf[start:end])
		if i < 0 {
			return
		}
		if c := h.Buf[start+i]; c != '\t' {
			h.note(controlName(c, name), start+i)
		}
		start += i + 1
	}
}
