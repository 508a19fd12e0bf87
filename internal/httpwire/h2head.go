package httpwire

import "bytes"

// H2Head is the head of a message of HTTP/2, in the form of one of HTTP/1.1:
// Fields are what routes and rules read, with Host in front and the lines of
// Cookie joined (RFC 9113, section 8.2.3); FieldLines are the fields as they
// were sent, pseudo fields left out. The zero value is ready for use, and its
// memory is used again by each Read. With irregularities the message is
// malformed (section 8.1.1); BadField names the field that is to blame, if it
// is one.
type H2Head struct {
	Head
	Scheme    Span
	Authority Span
	Protocol  Span // of an extended CONNECT (RFC 8441)
	BadField  Span

	pseudo uint8 // those that were given
	plain  bool  // a field that is none was given
	size   int   // as section 6.5.2 counts
	over   error // the limit that was exceeded
}

const (
	pseudoMethod = 1 << iota
	pseudoScheme
	pseudoPath
	pseudoAuthority
	pseudoProtocol
	pseudoStatus
)

const pseudoRequest = pseudoMethod | pseudoScheme | pseudoPath | pseudoAuthority | pseudoProtocol

// ReadRequest decodes the field block of a request. *H2Error is a block that
// cannot be decoded, by which the connection ends; ErrHeadTooLarge,
// ErrTargetTooLong and ErrTooManyFields are limits that were exceeded, behind
// which the decoder can go on.
func (h *H2Head) ReadRequest(d *HPACKDecoder, block []byte, lim Limits) error {
	lim = lim.orDefaults()
	h.reset(true)
	if err := h.decode(d, block, lim, pseudoRequest); err != nil {
		return err
	}
	h.Minor = 1
	if int(h.Target.End-h.Target.Start) > lim.TargetBytes {
		return ErrTargetTooLong
	}
	h.addHost()
	h.joinCookies()
	h.interpret()
	h.checkRequest()
	return nil
}

// ReadResponse decodes the field block of a response.
func (h *H2Head) ReadResponse(d *HPACKDecoder, block []byte, lim Limits) error {
	h.reset(false)
	if err := h.decode(d, block, lim.orDefaults(), pseudoStatus); err != nil {
		return err
	}
	h.Minor = 1
	h.interpret()
	if h.pseudo&pseudoStatus == 0 {
		h.note(H2BadPseudo, 0)
	}
	return nil
}

// ReadTrailers decodes the field block behind a body; FieldLines are the
// trailers.
func (h *H2Head) ReadTrailers(d *HPACKDecoder, block []byte, lim Limits) error {
	h.reset(false)
	if err := h.decode(d, block, lim.orDefaults(), 0); err != nil {
		return err
	}
	for _, f := range h.Fields {
		if barredFromTrailers(h.Bytes(f.Name)) {
			h.note(FramingInTrailer, int(f.Name.Start))
			h.BadField = f.Name
		}
	}
	return nil
}

// reset forgets the message; room asks for room for Host in front of the fields.
func (h *H2Head) reset(room bool) {
	buf := h.Buf[:0]
	h.Reset()
	*h = H2Head{Head: h.Head}
	h.Buf = buf
	if h.Fields == nil {
		h.Fields = make([]Field, 0, 16)
	}
	if room {
		h.Fields = append(h.Fields, Field{})
	}
}

// decode reads all fields. Beyond a limit they are decoded on for the table's
// sake.
func (h *H2Head) decode(d *HPACKDecoder, block []byte, lim Limits, allowed uint8) error {
	b, ok := d.sizes(block)
	if !ok {
		return connectionError(CodeCompression, H2TableSize)
	}
	for len(b) > 0 {
		start, name := len(h.Buf), 0
		if h.Buf, name, b, ok = d.line(h.Buf, b, h.over == nil); !ok {
			return connectionError(CodeCompression, H2BadBlock)
		}
		if h.over == nil {
			h.take(start, start+name, allowed)
			if h.size += len(h.Buf) - start - 4 + entryOverhead; h.size > lim.HeadBytes {
				h.over = ErrHeadTooLarge
			} else if len(h.Fields) > lim.Fields {
				h.over = ErrTooManyFields
			}
		}
	}
	if !h.plain {
		h.lines = span(len(h.Buf), len(h.Buf))
	} else {
		h.lines.End = int32(len(h.Buf))
	}
	return h.over
}

// take adds the field line of Buf from start; its name ends at end.
func (h *H2Head) take(start, end int, allowed uint8) {
	f := Field{Name: span(start, end), Value: span(end+2, len(h.Buf)-2)}
	if end > start && h.Buf[start] == ':' {
		h.takePseudo(f, allowed)
		return
	}
	if !h.plain {
		h.plain, h.lines = true, span(start, start)
	}
	if h.forbidden(f) {
		h.blame(f, H2ForbiddenField)
	}
	h.Fields = append(h.Fields, f)
}

func (h *H2Head) blame(f Field, name string) {
	if h.BadField == (Span{}) {
		h.BadField = f.Name
	}
	h.note(name, int(f.Name.Start))
}

// forbidden is stricter than H2Field.Forbidden in what a name and a value may
// hold: as strict as the reader of HTTP/1.1.
func (h *H2Head) forbidden(f Field) bool {
	name, value := h.Bytes(f.Name), h.Bytes(f.Value)
	if len(name) == 0 {
		return true
	}
	for _, c := range name {
		if class[c]&classToken == 0 || 'A' <= c && c <= 'Z' {
			return true
		}
	}
	switch len(name) {
	case 2:
		if string(name) == "te" && !equalFold(value, "trailers") {
			return true
		}
	case 7, 10, 16, 17:
		switch string(name) {
		case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
			return true
		}
	}
	return badValue(value)
}

// badValue tells of control bytes other than tabs, and of blanks at an end
// (RFC 9113, section 8.2.1).
func badValue(value []byte) bool {
	if len(value) > 0 && (isBlank(value[0]) || isBlank(value[len(value)-1])) {
		return true
	}
	for len(value) > 0 {
		i := firstControl(value)
		if i < 0 {
			return false
		}
		if value[i] != '\t' {
			return true
		}
		value = value[i+1:]
	}
	return false
}

func (h *H2Head) takePseudo(f Field, allowed uint8) {
	var kind uint8
	switch string(h.Bytes(f.Name)) {
	case ":method":
		kind, h.Method = pseudoMethod, f.Value
	case ":scheme":
		kind, h.Scheme = pseudoScheme, f.Value
	case ":path":
		kind, h.Target = pseudoPath, f.Value
	case ":authority":
		kind, h.Authority = pseudoAuthority, f.Value
	case ":protocol":
		kind, h.Protocol = pseudoProtocol, f.Value
	case ":status":
		kind = pseudoStatus
		h.takeStatus(f)
	}
	if kind&allowed == 0 || h.pseudo&kind != 0 || h.plain {
		h.blame(f, H2BadPseudo)
	}
	if badValue(h.Bytes(f.Value)) {
		h.blame(f, H2ForbiddenField)
	}
	h.pseudo |= kind
}

// takeStatus: 101 is of HTTP/1.1 alone (section 8.6).
func (h *H2Head) takeStatus(f Field) {
	v := h.Bytes(f.Value)
	if len(v) != 3 || v[0] < '1' || !isDigit(v[0]) || !isDigit(v[1]) || !isDigit(v[2]) || string(v) == "101" {
		h.blame(f, BadStatus)
		return
	}
	h.Status = int(v[0]-'0')*100 + int(v[1]-'0')*10 + int(v[2]-'0')
}

// addHost puts Host in front: that of :authority, which a field must repeat if
// there is one (section 8.3.1).
func (h *H2Head) addHost() {
	at := 0
	for i := 1; i < len(h.Fields); i++ {
		if f := h.Fields[i]; string(h.Bytes(f.Name)) == "host" {
			if at != 0 {
				h.blame(f, HostRepeated)
			}
			at = i
		}
	}
	switch {
	case at != 0:
		f := h.Fields[at]
		if h.pseudo&pseudoAuthority != 0 && !bytes.EqualFold(h.Bytes(f.Value), h.Bytes(h.Authority)) {
			h.blame(f, H2HostDiffers)
		}
		copy(h.Fields[1:at+1], h.Fields[:at])
		h.Fields[0] = f
		h.Fields = append(h.Fields[:1], h.Fields[2:]...) // the room that was kept
	case h.pseudo&pseudoAuthority != 0:
		start := len(h.Buf)
		h.Buf = append(h.Buf, "Host"...)
		h.Fields[0] = Field{Name: span(start, len(h.Buf)), Value: h.Authority}
	default:
		h.Fields = append(h.Fields[:0], h.Fields[1:]...)
		h.note(HostMissing, 0)
		return
	}
	if host := h.Bytes(h.Fields[0].Value); !validAuthority(host, false) {
		h.note(BadHost, int(h.Fields[0].Value.Start))
	}
}

// joinCookies makes one field of several lines of Cookie.
func (h *H2Head) joinCookies() {
	first, last := -1, -1
	for i := range h.Fields {
		if string(h.Bytes(h.Fields[i].Name)) == "cookie" {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first == last {
		return
	}
	start, kept := len(h.Buf), h.Fields[:first+1]
	for i, f := range h.Fields[first:] {
		if string(h.Bytes(f.Name)) != "cookie" {
			kept = append(kept, f)
			continue
		}
		if i > 0 {
			h.Buf = append(h.Buf, "; "...)
		}
		h.Buf = append(h.Buf, h.Buf[f.Value.Start:f.Value.End]...)
	}
	h.Fields = kept
	h.Fields[first].Value = span(start, len(h.Buf))
}

// checkRequest looks at the pseudo fields (section 8.3.1; RFC 8441, section 4).
func (h *H2Head) checkRequest() {
	connect := string(h.Bytes(h.Method)) == "CONNECT"
	extended := h.pseudo&pseudoProtocol != 0
	need := uint8(pseudoMethod | pseudoScheme | pseudoPath)
	if connect && !extended {
		need = pseudoMethod | pseudoAuthority
	}
	if h.pseudo&need != need || connect && !extended && h.pseudo != need || extended && !connect {
		h.note(H2BadPseudo, 0)
		return
	}
	if !(connect && !extended) && !isScheme(h.Bytes(h.Scheme)) {
		h.note(H2BadPseudo, int(h.Scheme.Start))
		return
	}
	if m := h.Bytes(h.Method); len(m) == 0 || !allTokens(m) {
		h.note(BadMethod, int(h.Method.Start))
	}
	if connect && !extended {
		h.Target = h.Authority
		h.checkTarget()
		return
	}
	if t := h.Bytes(h.Target); len(t) == 0 || t[0] != '/' && string(t) != "*" {
		h.note(BadTarget, int(h.Target.Start))
		return
	}
	if extended {
		method := h.Method
		h.Method = Span{} // the target of an extended CONNECT is that of a GET
		h.checkTarget()
		h.Method = method
		return
	}
	h.checkTarget()
}

// isScheme follows RFC 3986 section 3.1.
func isScheme(b []byte) bool { return len(b) > 0 && validScheme(b) }

func allTokens(b []byte) bool {
	for _, c := range b {
		if !isToken(c) {
			return false
		}
	}
	return true
}

// HasAuthority tells that :authority was given.
func (h *H2Head) HasAuthority() bool { return h.pseudo&pseudoAuthority != 0 }

// Extended tells that the request is an extended CONNECT (RFC 8441).
func (h *H2Head) Extended() bool { return h.pseudo&pseudoProtocol != 0 }

// cutLine takes the first field line off lines.
func cutLine(lines []byte) (name, value, rest []byte) {
	end := bytes.IndexByte(lines, '\n')
	line := lines
	if end >= 0 {
		line, rest = lines[:end], lines[end+1:]
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return nil, nil, rest
	}
	return line[:colon], trimBlanks(line[colon+1:]), rest
}

// Add adds a field that was not received, behind the others. It is no field
// line.
func (h *H2Head) Add(name, value string) {
	start := len(h.Buf)
	h.Buf = append(append(h.Buf, name...), value...)
	middle := start + len(name)
	h.Fields = append(h.Fields, Field{Name: span(start, middle), Value: span(middle, len(h.Buf))})
}
