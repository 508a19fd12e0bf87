package httpwire

import (
	"bytes"
	"iter"
	"math"
)

// interpret takes in the fields that decide how the message is read.
func (h *Head) interpret() {
	for _, f := range h.Fields {
		name := h.Bytes(f.Name)
		switch len(name) {
		case len("Trailer"):
			if equalFold(name, "trailer") {
				h.checkAnnounced(f)
			}
		case len("Connection"):
			if equalFold(name, "connection") {
				h.addConnection(f)
			}
		case len("Content-Length"):
			if equalFold(name, "content-length") {
				h.addLength(f)
			} else if lookalike(name, "content-length") {
				h.note(FramingLookalike, int(f.Name.Start))
			}
		case len("Transfer-Encoding"):
			if equalFold(name, "transfer-encoding") {
				h.addCodings(f)
			} else if lookalike(name, "transfer-encoding") {
				h.note(FramingLookalike, int(f.Name.Start))
			}
		}
	}
	if h.coded && h.length != absent {
		h.note(LengthAndChunked, int(h.lengthAt))
	}
	if h.coded && h.Minor == 0 {
		h.note(ChunkedInHTTP10, int(h.codedAt))
	}
}

// lookalike reports whether a name becomes the other one where _ and - are the
// same, as in the variables of CGI (RFC 3875 section 4.1.18), WSGI and FastCGI.
func lookalike(name []byte, other string) bool {
	if len(name) != len(other) || bytes.IndexByte(name, '_') < 0 {
		return false
	}
	for i, c := range name {
		if lower(c) != other[i] && (c != '_' || other[i] != '-') {
			return false
		}
	}
	return true
}

// elements goes through a comma-separated list; an empty value has one empty
// element.
func (h *Head) elements(list Span) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		for start := int(list.Start); start <= int(list.End); {
			end := int(list.End)
			if i := bytes.IndexByte(h.Buf[start:end], ','); i >= 0 {
				end = start + i
			}
			if !yield(h.trim(start, end)) {
				return
			}
			start = end + 1
		}
	}
}

func (h *Head) addConnection(f Field) {
	for e := range h.elements(f.Value) {
		option := h.Bytes(e)
		h.closes = h.closes || equalFold(option, "close")
		if equalFold(option, "keep-alive") { // whose field is for this hop in any case
			h.keeps = true
		} else {
			h.names = true
		}
	}
}

// addLength follows RFC 9112 6.3: lengths that differ make the message's end
// unknown; equal ones are one length.
func (h *Head) addLength(f Field) {
	if h.length == absent {
		h.lengthAt = f.Name.Start
	}
	for e := range h.elements(f.Value) {
		length := parseLength(h.Bytes(e))
		switch {
		case length == invalid:
			h.note(BadLength, int(f.Value.Start))
			h.length = invalid
		case h.length == absent:
			h.length = length
		case h.length == length:
			h.note(LengthsRepeated, int(e.Start))
		case h.length != invalid:
			h.note(LengthsDiffer, int(e.Start))
			h.length = invalid
		}
	}
}

// parseLength reads 1*DIGIT below 2^63.
func parseLength(b []byte) int64 {
	var length uint64
	for _, c := range b {
		if !isDigit(c) || length > (math.MaxInt64-9)/10 {
			return invalid
		}
		length = length*10 + uint64(c-'0')
	}
	if len(b) == 0 {
		return invalid
	}
	return int64(length)
}

// addCodings takes only a plain chunked for known: the door neither decodes
// other codings nor passes them on (RFC 9112 6.1).
func (h *Head) addCodings(f Field) {
	if !h.coded {
		h.coded, h.codedAt = true, f.Name.Start
	}
	for e := range h.elements(f.Value) {
		if h.chunked {
			h.note(ChunkedNotLast, int(e.Start))
		}
		h.chunked = equalFold(h.Bytes(e), "chunked")
		if !h.chunked {
			h.note(UnknownTransferCoding, int(e.Start))
		}
	}
}

// checkAnnounced looks at the names in a Trailer field.
func (h *Head) checkAnnounced(f Field) {
	for e := range h.elements(f.Value) {
		if barredFromTrailers(h.Bytes(e)) {
			h.note(FramingInTrailer, int(e.Start))
		}
	}
}

// barredFromTrailers names the fields whose late arrival could change how the
// message was framed or routed (RFC 9110 6.5.1).
func barredFromTrailers(name []byte) bool {
	for _, barred := range [...]string{"connection", "content-length", "host", "trailer", "transfer-encoding"} {
		if equalFold(name, barred) {
			return true
		}
	}
	return false
}
