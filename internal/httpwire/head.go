// Package httpwire parses and writes HTTP/1.x messages in the caller's
// buffers: order, letter case, duplicates and byte offsets are kept, and every
// irregularity is listed rather than judged.
package httpwire

import "cmp"

// Span is a piece of Head.Buf, as byte offsets.
type Span struct{ Start, End int32 }

// Field is one header field line. Value is without surrounding blanks; after
// an obs-fold it spans the line ends in between.
type Field struct{ Name, Value Span }

// Limits bound a head. A zero means the package's default: 64 KiB for the
// head (Kerberos tokens of members of many groups need most of it), 16 KiB for
// the target, 200 fields.
type Limits struct{ HeadBytes, TargetBytes, Fields int }

// Head is a parsed request or response head. The zero value is ready for use;
// each Parse call forgets what was there and reuses the slices, so that a
// repeated parse allocates nothing. Buf aliases the caller's buffer: the Head
// is valid as long as those bytes stay as they are. Not safe for concurrent
// parsing; a parsed Head may be read concurrently.
//
// A message is regular if and only if Irregular is empty. With irregularities
// the other members hold the most likely reading; after an error they hold
// what was read before it.
type Head struct {
	Buf       []byte // the bytes consumed: an empty line before the start line, if any, through the empty line at the end
	Method    Span   // requests only
	Target    Span   // requests only
	Reason    Span   // responses only, may be empty
	Minor     int    // HTTP/1.Minor
	Status    int    // responses only
	Fields    []Field
	Irregular []Irregularity

	lines    Span  // the field lines
	length   int64 // Content-Length, or absent, or invalid
	lengthAt int32 // where the first Content-Length line starts
	codedAt  int32 // where the first Transfer-Encoding line starts
	coded    bool  // there is a Transfer-Encoding
	chunked  bool  // whose last coding is chunked
	names    bool  // a Connection field names more than keep-alive
	closes   bool  // Connection: close
	keeps    bool  // Connection: keep-alive
}

const (
	absent  = -1 // no Content-Length
	invalid = -2 // a Content-Length that says nothing, or several things
)

func (l Limits) orDefaults() Limits {
	return Limits{
		HeadBytes:   min(cmp.Or(l.HeadBytes, 64<<10), 1<<30), // a Span reaches no further
		TargetBytes: cmp.Or(l.TargetBytes, 16<<10),
		Fields:      cmp.Or(l.Fields, 200),
	}
}

// Reset forgets the message, keeping the slices for the next one.
func (h *Head) Reset() {
	*h = Head{Fields: h.Fields[:0], Irregular: h.Irregular[:0], length: absent}
}

func (h *Head) note(name string, offset int) {
	h.Irregular = note(h.Irregular, name, offset)
}

func span(start, end int) Span { return Span{int32(start), int32(end)} }

// Bytes gives the bytes of a span.
func (h *Head) Bytes(s Span) []byte { return h.Buf[s.Start:s.End:s.End] }

// Get gives the value of the first field of that name, letter case ignored;
// nil if there is none, empty but not nil if its value is empty.
func (h *Head) Get(name string) []byte {
	for i := range h.Fields {
		if f := &h.Fields[i]; equalFold(h.Bytes(f.Name), name) {
			return h.Bytes(f.Value)
		}
	}
	return nil
}

// Has reports whether there is a field of that name, letter case ignored.
func (h *Head) Has(name string) bool { return h.Get(name) != nil }

// HasToken reports whether token is an element of the comma-separated lists in
// all fields of that name, letter case ignored (RFC 9110 5.6.1).
func (h *Head) HasToken(name, token string) bool {
	for i := range h.Fields {
		f := &h.Fields[i]
		if equalFold(h.Bytes(f.Name), name) && listHas(h.Bytes(f.Value), token) {
			return true
		}
	}
	return false
}

// FieldLines gives the field lines as they were on the wire, without the start
// line and the empty line.
func (h *Head) FieldLines() []byte { return h.Bytes(h.lines) }

// KeepAlive reports whether the sender lets the connection live on after this
// message, by its version and Connection fields (RFC 9112 9.3).
func (h *Head) KeepAlive() bool {
	switch {
	case h.closes:
		return false
	case h.Minor >= 1:
		return true
	}
	return h.keeps && !h.coded
}

// IsHopByHop reports whether a field is meant for the next hop only and is not
// forwarded: the list of RFC 9110 7.6.1. Trailer, Proxy-Authenticate and
// Proxy-Authorization are not on it since RFC 9110; a door that asks for
// proxy credentials itself drops those it consumed.
func IsHopByHop(name []byte) bool {
	switch len(name) { // which differs from those of nearly all other fields
	case len("te"):
		return equalFold(name, "te")
	case len("upgrade"):
		return equalFold(name, "upgrade")
	case len("connection"):
		return equalFold(name, "connection") || equalFold(name, "keep-alive")
	case len("proxy-connection"):
		return equalFold(name, "proxy-connection")
	case len("transfer-encoding"):
		return equalFold(name, "transfer-encoding")
	}
	return false
}

// HopByHop reports whether a field of this head is not forwarded: those of
// IsHopByHop and those named as an option in a Connection field. A client must
// not be able to talk the door out of Host or Content-Length, so these stay
// whatever Connection says.
func (h *Head) HopByHop(f Field) bool {
	name := h.Bytes(f.Name)
	if IsHopByHop(name) {
		return true
	}
	if !h.names || equalFold(name, "host") || equalFold(name, "content-length") {
		return false
	}
	for i := range h.Fields {
		o := &h.Fields[i]
		if equalFold(h.Bytes(o.Name), "connection") && listHas(h.Bytes(o.Value), name) {
			return true
		}
	}
	return false
}
