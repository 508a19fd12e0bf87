package httpwire

import "bytes"

// ParseRequest reads a request head from the start of buf. n is the length of
// the head with the empty line at its end; n == 0 with a nil error means that
// more bytes are needed. Callers pass the same bytes again with more behind
// them. An error means that the bytes allow no reading (*SyntaxError) or exceed
// lim; it may come before the head is complete.
//
// One empty line before the request is skipped, as RFC 9112 2.2 asks.
func (h *Head) ParseRequest(buf []byte, lim Limits) (n int, err error) {
	lim = lim.orDefaults()
	h.Reset()
	start := h.skipEmptyLines(buf, 1, EmptyLineBeforeRequest)
	if start < len(buf) && buf[start] != '\r' && !isToken(buf[start]) {
		return 0, &SyntaxError{Irregularity{BadMethod, start}}
	}
	end, err := h.findEnd(buf, start, lim)
	if end == 0 {
		if targetTooLong(buf[start:], lim.TargetBytes) {
			err = ErrTargetTooLong
		}
		return 0, err
	}
	if start, err = h.parseRequestLine(start, lim.TargetBytes); err != nil {
		return 0, err
	}
	if err = h.parseFields(start, lim.Fields); err != nil {
		return 0, err
	}
	h.interpret()
	h.checkHost()
	if h.coded && !h.chunked {
		h.note(ChunkedNotLast, int(h.codedAt))
	}
	return end, nil
}

// ParseResponse reads a response head, with the results of ParseRequest.
func (h *Head) ParseResponse(buf []byte, lim Limits) (n int, err error) {
	lim = lim.orDefaults()
	h.Reset()
	start := h.skipEmptyLines(buf, 0, EmptyLineBeforeResponse)
	if at := differs(buf[start:], "HTTP/"); at >= 0 && buf[start] != '\r' {
		return 0, &SyntaxError{Irregularity{BadVersion, start + at}}
	}
	end, err := h.findEnd(buf, start, lim)
	if end == 0 {
		return 0, err
	}
	if start, err = h.parseStatusLine(start); err != nil {
		return 0, err
	}
	if err = h.parseFields(start, lim.Fields); err != nil {
		return 0, err
	}
	h.interpret()
	return end, nil
}

// skipEmptyLines gives the start of the first line that is not empty.
func (h *Head) skipEmptyLines(buf []byte, allowed int, name string) (start int) {
	for n := 1; ; n++ {
		line := start
		switch {
		case bytes.HasPrefix(buf[start:], []byte("\r\n")):
			start += 2
		case start < len(buf) && buf[start] == '\n':
			h.note(BareLF, start)
			start++
		default:
			return start
		}
		if n > allowed {
			h.note(name, line)
		}
	}
}

// findEnd sets Buf and gives its length once the empty line is there. Looking
// for it first makes a head that arrives in many small pieces cheap.
func (h *Head) findEnd(buf []byte, start int, lim Limits) (end int, err error) {
	window := buf[:min(len(buf), lim.HeadBytes)]
	for pos := min(start, len(window)); ; {
		i := bytes.IndexByte(window[pos:], '\n')
		if i < 0 {
			break
		}
		end = pos + i + 1
		if i == 0 || i == 1 && window[pos] == '\r' {
			h.Buf = buf[:end:end]
			return end, nil
		}
		pos = end
	}
	h.Reset()
	if len(buf) >= lim.HeadBytes {
		return 0, ErrHeadTooLarge
	}
	return 0, nil
}

// targetTooLong looks at a first line that has not ended yet.
func targetTooLong(line []byte, limit int) bool {
	space := bytes.IndexByte(line, ' ')
	return space >= 0 && len(line)-space-1 > limit+len(" HTTP/1.1\r") && bytes.IndexByte(line, '\n') < 0
}

// line gives the end of the content of the line at pos and the start of the
// next line.
func (h *Head) line(pos int) (end, next int) {
	next = pos + bytes.IndexByte(h.Buf[pos:], '\n') + 1
	end = next - 1
	if end > pos && h.Buf[end-1] == '\r' {
		return end - 1, next
	}
	h.note(BareLF, end)
	return end, next
}

// parseRequestLine reads method, target and version (RFC 9112 3), which other
// blanks than a single space may separate in an irregular line.
func (h *Head) parseRequestLine(pos, targetLimit int) (next int, err error) {
	end, next := h.line(pos)
	last := end
	for last > pos && isBlank(h.Buf[last-1]) {
		last--
	}
	methodEnd, version := pos, last
	for methodEnd < last && !isBlank(h.Buf[methodEnd]) {
		methodEnd++
	}
	for version > methodEnd && !isBlank(h.Buf[version-1]) {
		version--
	}
	if version == methodEnd {
		return 0, &SyntaxError{Irregularity{BadStartLine, end}}
	}
	if h.Minor, err = h.parseVersion(version, last); err != nil {
		return 0, err
	}
	h.Method, h.Target = span(pos, methodEnd), span(methodEnd+1, max(methodEnd+1, version-1))
	if last != end || h.Buf[methodEnd] != ' ' || h.Buf[version-1] != ' ' || version == methodEnd+1 {
		h.note(BadStartLine, methodEnd)
	}
	if int(h.Target.End-h.Target.Start) > targetLimit {
		return 0, ErrTargetTooLong
	}
	h.checkMethod()
	h.checkTarget()
	return next, nil
}

func (h *Head) parseVersion(start, end int) (minor int, err error) {
	v := h.Buf[start:end]
	if at := differs(v, "HTTP/"); at >= 0 {
		return 0, &SyntaxError{Irregularity{BadVersion, start + at}}
	}
	if len(v) != len("HTTP/1.1") || !isDigit(v[5]) || v[6] != '.' || !isDigit(v[7]) {
		return 0, &SyntaxError{Irregularity{BadVersion, start}}
	}
	if v[5] != '1' {
		return 0, &SyntaxError{Irregularity{UnsupportedVersion, start}}
	}
	return int(v[7] - '0'), nil
}

// differs gives the index at which b stops being the same as prefix, -1 if all
// of its bytes that are there are the same.
func differs(b []byte, prefix string) int {
	for i := range min(len(b), len(prefix)) {
		if b[i] != prefix[i] {
			return i
		}
	}
	return -1
}

func (h *Head) checkMethod() {
	for i := h.Method.Start; i < h.Method.End; i++ {
		if c := h.Buf[i]; !isToken(c) {
			h.note(controlName(c, BadMethod), int(i))
		}
	}
}

// parseStatusLine reads version, status and reason (RFC 9112 4).
func (h *Head) parseStatusLine(pos int) (next int, err error) {
	end, next := h.line(pos)
	at := min(pos+len("HTTP/1.1"), end)
	if h.Minor, err = h.parseVersion(pos, at); err != nil {
		return 0, err
	}
	space := at
	for at < end && isBlank(h.Buf[at]) {
		at++
	}
	if h.Status = parseStatus(h.Buf[at:end]); at == space || h.Status == 0 {
		return 0, &SyntaxError{Irregularity{BadStatus, at}}
	}
	if at != space+1 || h.Buf[space] != ' ' {
		h.note(BadStartLine, space)
	}
	at += 3
	if at == end {
		h.note(ReasonSpaceMissing, at)
		h.Reason = span(at, at)
		return next, nil
	}
	h.Reason = span(at+1, end)
	h.checkText(at, end, BadReason)
	return next, nil
}

// parseStatus gives 0 unless b starts with three digits and, if anything
// follows, a space.
func parseStatus(b []byte) int {
	if len(b) < 3 || b[0] == '0' || !isDigit(b[0]) || !isDigit(b[1]) || !isDigit(b[2]) || len(b) > 3 && b[3] != ' ' {
		return 0
	}
	return int(b[0]-'0')*100 + int(b[1]-'0')*10 + int(b[2]-'0')
}
