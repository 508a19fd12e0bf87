package httpwire

import "encoding/binary"

// Frame types (RFC 9113, section 6; RFC 9218, section 7.1).
const (
	h2TypeData           = 0
	h2TypeHeaders        = 1
	h2TypePriority       = 2
	h2TypeReset          = 3
	h2TypeSettings       = 4
	h2TypePush           = 5
	h2TypePing           = 6
	h2TypeGoAway         = 7
	h2TypeWindow         = 8
	h2TypeContinuation   = 9
	h2TypePriorityUpdate = 16
)

// Frame flags.
const (
	h2FlagAck        = 0x01
	h2FlagEndStream  = 0x01
	h2FlagEndHeaders = 0x04
	h2FlagPadded     = 0x08
	h2FlagPriority   = 0x20
)

const (
	h2HeadLength    = 9
	h2ClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	defaultMaxFrame = 16384
)

type h2State uint8

const (
	h2AtStart h2State = iota
	h2AtHead
	h2InData
	h2InPayload
	h2Hunting // for the next plausible frame
	h2Dead
)

// h2Frame is a frame header (RFC 9113, section 4.1).
type h2Frame struct {
	length int
	kind   byte
	flags  byte
	stream uint32
	offset int64
}

func (f *h2Frame) has(flag byte) bool { return f.flags&flag != 0 }

func (f *h2Frame) known() bool {
	return f.kind <= h2TypeContinuation || f.kind == h2TypePriorityUpdate
}

func parseH2Frame(b []byte) h2Frame {
	return h2Frame{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   b[3],
		flags:  b[4],
		stream: binary.BigEndian.Uint32(b[5:]) &^ (1 << 31),
	}
}

// h2Side is one direction.
type h2Side struct {
	dir    int
	state  h2State
	offset int64  // of the next byte
	part   []byte // bytes taken but not yet understood
	frame  h2Frame
	left   int  // bytes of the payload still to come
	pad    int  // DATA: bytes of padding at the end of them, -1: not yet known
	told   bool // DATA: an event of this frame has been given
	broken bool // bytes of this payload are lost, or it is too long to keep
	block  h2Block
	fields hpackReader
	hunt   h2Hunt

	mayFrame uint32 // the longest frame that the other side allows
}

// start expects the preface of the client or, from a server, the SETTINGS
// frame that serves as one.
func (h *H2) start(s *h2Side, p []byte) []byte {
	if s.dir == 1 {
		return h.head(s, p)
	}
	have := int(s.offset)
	n := min(len(p), len(h2ClientPreface)-have)
	if string(p[:n]) != h2ClientPreface[have:have+n] {
		h.derail(s, H2PrefaceMissing, 0)
		s.part = append(s.part, h2ClientPreface[:have]...)
		return p
	}
	s.offset += int64(n)
	if s.offset == int64(len(h2ClientPreface)) {
		s.state = h2AtHead
		h.emit(h.begin(s, H2Preface))
	}
	return p[n:]
}

// head takes a frame header.
func (h *H2) head(s *h2Side, p []byte) []byte {
	n := min(len(p), h2HeadLength-len(s.part))
	s.offset += int64(n)
	if n == h2HeadLength {
		h.frame(s, p[:n])
		return p[n:]
	}
	if s.part = append(s.part, p[:n]...); len(s.part) == h2HeadLength {
		head := [h2HeadLength]byte(s.part)
		s.part = s.part[:0]
		h.frame(s, head[:])
	}
	return p[n:]
}

// frame begins the frame whose header has just been taken.
func (h *H2) frame(s *h2Side, head []byte) {
	f := &s.frame
	*f = parseH2Frame(head)
	f.offset = s.offset - h2HeadLength
	tooLong := f.length > int(s.mayFrame)
	switch {
	case s.state == h2AtStart && f.kind != h2TypeSettings:
		h.derail(s, H2PrefaceMissing, 0)
	case tooLong && !f.known():
		h.derail(s, H2Desynchronised, 0)
	default:
		if tooLong {
			h.irregular(s, H2FrameSize, 0)
		}
		h.highest = max(h.highest, f.stream)
		h.open(s)
		return
	}
	s.part = append(s.part, head...)
}

// open prepares for the payload.
func (h *H2) open(s *h2Side) {
	f := &s.frame
	if s.block.open && (f.kind != h2TypeContinuation || f.stream != s.block.stream) {
		h.abandon(s)
	}
	s.left, s.pad, s.told = f.length, 0, false
	if f.kind == h2TypeData {
		h.openData(s)
		return
	}
	s.state = h2InPayload
	s.broken = f.length > maxH2Payload
	if f.length == 0 {
		h.endPayload(s, nil)
	}
}

// payload collects the payload of a frame that is not DATA.
func (h *H2) payload(s *h2Side, p []byte) []byte {
	n := min(s.left, len(p))
	s.left -= n
	s.offset += int64(n)
	whole := p[:n]
	if !s.broken && (len(s.part) > 0 || s.left > 0) {
		s.part = append(s.part, whole...)
		whole = s.part
	}
	if s.left == 0 {
		h.endPayload(s, whole)
	}
	return p[n:]
}

func (h *H2) endPayload(s *h2Side, payload []byte) {
	s.state = h2AtHead
	if s.broken {
		h.brokenFrame(s)
	} else {
		h.complete(s, payload)
	}
	s.part = emptied(s.part)
}

// emptied keeps a small buffer for the next use.
func emptied(b []byte) []byte {
	if cap(b) > 4096 {
		return nil
	}
	return b[:0]
}
