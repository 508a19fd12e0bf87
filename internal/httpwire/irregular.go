package httpwire

import (
	"errors"
	"fmt"
)

// Names of irregularities. The comment says which byte Offset points at when
// that is not obvious.
const (
	// Start line.

	EmptyLineBeforeRequest  = "empty-line-before-request"  // the second of several (RFC 9112 2.2 allows one)
	EmptyLineBeforeResponse = "empty-line-before-response" //
	BadMethod               = "bad-method"                 // not a token
	BadStartLine            = "bad-start-line"             // parts not separated by exactly one space
	BadTarget               = "bad-target"                 // none of the four forms of RFC 9112 3.2, or not the one its method needs
	BadEscape               = "bad-escape"                 // a % in the path without two hexadecimal digits
	ControlInTarget         = "control-in-target"          //
	NonASCIITarget          = "non-ascii-target"           //
	FragmentInTarget        = "fragment-in-target"         //
	BadVersion              = "bad-version"                // not HTTP/digit.digit
	UnsupportedVersion      = "unsupported-version"        // well formed, but not HTTP/1.x
	BadStatus               = "bad-status"                 // not three digits from 100 up
	ReasonSpaceMissing      = "reason-space-missing"       // the status line ends after the status
	BadReason               = "bad-reason"                 // control byte in the reason phrase

	// Lines and fields, in heads and trailers.

	BareCR                = "bare-cr"
	BareLF                = "bare-lf"
	NULByte               = "nul-byte"
	ObsFold               = "obs-fold"                 // the blank that begins the continuation line
	SpaceBeforeFirstField = "space-before-first-field" // that line is left out of Fields
	SpaceBeforeColon      = "space-before-colon"       //
	MissingColon          = "missing-colon"            // start of the line, which is left out of Fields
	BadFieldName          = "bad-field-name"           //
	BadFieldValue         = "bad-field-value"          // control byte in the value

	// Host.

	HostMissing  = "host-missing"  // the empty line
	HostRepeated = "host-repeated" // the later line
	BadHost      = "bad-host"      // start of the value

	// Framing.

	LengthAndChunked      = "length-and-chunked"      // the Content-Length line
	LengthsDiffer         = "lengths-differ"          // the later value
	LengthsRepeated       = "lengths-repeated"        // the later value, equal to the first
	BadLength             = "bad-length"              // start of the value
	UnknownTransferCoding = "unknown-transfer-coding" // any coding but chunked
	ChunkedNotLast        = "chunked-not-last"        // chunked is missing, repeated or followed by another coding
	ChunkedInHTTP10       = "chunked-in-http10"       //
	FramingLookalike      = "framing-lookalike"       // Content_Length or Transfer_Encoding, which CGI and its kind take for the real one
	FramingInTrailer      = "framing-in-trailer"      // a field of framing or routing in, or announced for, the trailers

	// Chunked bodies.

	BadChunkSize        = "bad-chunk-size"         // no digits, other bytes, or more than 63 bits
	BlankAfterChunkSize = "blank-after-chunk-size" //
	ChunkExtension      = "chunk-extension"        // the semicolon
	ChunkEndMissing     = "chunk-end-missing"      // a chunk's data is not followed by a line end
)

// Irregularity is one departure of a message from RFC 9110 and RFC 9112, and
// where it was: a byte offset into Head.Buf, or into the chunked body.
// A head or body lists the first few of each name.
type Irregularity struct {
	Name   string
	Offset int
}

func (i Irregularity) String() string { return fmt.Sprintf("%s at byte %d", i.Name, i.Offset) }

// SyntaxError says that the bytes allow no reading at all.
type SyntaxError struct{ Irregularity }

func (e *SyntaxError) Error() string { return "parse HTTP/1 message: " + e.Irregularity.String() }

// Limits that a message exceeded.
var (
	ErrHeadTooLarge  = errors.New("parse HTTP/1 message: head or trailers too large")
	ErrTargetTooLong = errors.New("parse HTTP/1 message: request target too long")
	ErrTooManyFields = errors.New("parse HTTP/1 message: too many header fields")
)

// maxNotes bounds how often one name is listed, so that the list stays short
// and yet holds every kind that occurred.
const maxNotes = 4

func note(list []Irregularity, name string, offset int) []Irregularity {
	seen := 0
	for i := range list {
		if list[i].Name == name {
			seen++
		}
	}
	if seen == maxNotes {
		return list
	}
	return append(list, Irregularity{name, offset})
}

// controlName gives the name for a control byte where other irregular bytes
// would be called otherwise.
func controlName(c byte, otherwise string) string {
	switch c {
	case 0:
		return NULByte
	case '\r':
		return BareCR
	}
	return otherwise
}
