package httpwire

import "encoding/binary"

// FrameType is the type of an HTTP/2 frame.
type FrameType uint8

// Frame types (RFC 9113, section 6; RFC 9218, section 7.1).
const (
	FrameData           FrameType = h2TypeData
	FrameHeaders        FrameType = h2TypeHeaders
	FramePriority       FrameType = h2TypePriority
	FrameReset          FrameType = h2TypeReset
	FrameSettings       FrameType = h2TypeSettings
	FramePush           FrameType = h2TypePush
	FramePing           FrameType = h2TypePing
	FrameGoAway         FrameType = h2TypeGoAway
	FrameWindow         FrameType = h2TypeWindow
	FrameContinuation   FrameType = h2TypeContinuation
	FramePriorityUpdate FrameType = h2TypePriorityUpdate
)

const (
	// H2ClientPreface is what a client sends first (RFC 9113, section 3.4).
	H2ClientPreface = h2ClientPreface
	// FrameHeadLength is the length of a frame's header.
	FrameHeadLength = h2HeadLength
	// DefaultMaxFrame is the longest payload that may be sent unless the other
	// side allows more.
	DefaultMaxFrame = defaultMaxFrame
	// MaxWindow is the largest flow-control window (RFC 9113, section 6.9.1).
	MaxWindow = 1<<31 - 1
)

// Frame is a frame that is as section 6 of RFC 9113 allows.
type Frame struct {
	Type   FrameType
	Flags  byte
	Stream uint32
	Length int // of the whole payload, which flow control counts
	// Payload of DATA is without padding; of HEADERS and CONTINUATION the
	// fragment of the field block; of SETTINGS the settings; of PING its eight
	// bytes; of GOAWAY the debug data; of PRIORITY_UPDATE the field value; of
	// others all of it. It points into what was read.
	Payload  []byte
	Code     uint32         // RST_STREAM, GOAWAY: error; WINDOW_UPDATE: increment
	Last     uint32         // GOAWAY: the last stream; PRIORITY_UPDATE: the stream it is about
	Priority H2PriorityInfo // HEADERS, PRIORITY
}

// EndStream tells that DATA or HEADERS are the last of their direction.
func (f *Frame) EndStream() bool {
	return f.Flags&h2FlagEndStream != 0 && (f.Type == FrameData || f.Type == FrameHeaders)
}

// EndHeaders tells that the field block ends with this frame.
func (f *Frame) EndHeaders() bool { return f.Flags&h2FlagEndHeaders != 0 }

// Ack tells that SETTINGS or PING are an acknowledgement.
func (f *Frame) Ack() bool { return f.Flags&h2FlagAck != 0 }

// FrameReader reads the frames of one direction and refuses what RFC 9113 does
// not allow. The zero value stands before the SETTINGS frame of a preface; the
// client's 24 bytes are read by the caller. It is not safe for concurrent use.
type FrameReader struct {
	MaxFrame int // that we announced; 0: DefaultMaxFrame

	begun bool
	block uint32 // stream whose field block is not complete; 0: none
}

// Read gives the first frame of b and how many bytes it takes; n == 0 with a nil
// error means that more are needed. An error ends a stream, and then n bytes
// are to be passed over, or the connection. It never keeps b.
func (r *FrameReader) Read(b []byte) (f Frame, n int, err *H2Error) {
	if len(b) < h2HeadLength {
		return f, 0, nil
	}
	head := parseH2Frame(b)
	f = Frame{Type: FrameType(head.kind), Flags: head.flags, Stream: head.stream, Length: head.length}
	if err := r.expected(&f); err != nil {
		return f, 0, err
	}
	n = h2HeadLength + head.length
	if len(b) < n {
		return f, 0, nil
	}
	r.begun = true
	f.Payload = b[h2HeadLength:n:n]
	if err := f.parse(); err != nil {
		return f, n, err
	}
	switch f.Type {
	case FrameHeaders, FrameContinuation:
		r.block = f.Stream
		if f.EndHeaders() {
			r.block = 0
		}
	}
	return f, n, nil
}

// InBlock tells that a field block is not complete: only CONTINUATION may follow.
func (r *FrameReader) InBlock() bool { return r.block != 0 }

// expected judges what the header of a frame tells.
func (r *FrameReader) expected(f *Frame) *H2Error {
	most := r.MaxFrame
	if most == 0 {
		most = defaultMaxFrame
	}
	switch {
	case !r.begun && (f.Type != FrameSettings || f.Ack()):
		return connectionError(CodeProtocol, H2PrefaceMissing)
	case f.Length > most:
		return connectionError(CodeFrameSize, H2FrameSize)
	case (r.block != 0) != (f.Type == FrameContinuation), r.block != 0 && f.Stream != r.block:
		return connectionError(CodeProtocol, H2Continuation)
	}
	switch f.Type {
	case FrameData, FrameHeaders, FramePriority, FrameReset, FrameContinuation:
		if f.Stream == 0 {
			return connectionError(CodeProtocol, H2BadStream)
		}
	case FrameSettings, FramePing, FrameGoAway, FramePriorityUpdate:
		if f.Stream != 0 {
			return connectionError(CodeProtocol, H2BadStream)
		}
	case FramePush: // clients may not, servers are told not to
		return connectionError(CodeProtocol, H2Unexpected)
	}
	return f.fits()
}

// fits checks the length of frames that have one.
func (f *Frame) fits() *H2Error {
	bad := false
	switch f.Type {
	case FrameReset, FrameWindow:
		bad = f.Length != 4
	case FrameSettings:
		bad = f.Length%6 != 0 || f.Ack() && f.Length != 0
	case FramePing:
		bad = f.Length != 8
	case FrameGoAway:
		bad = f.Length < 8
	case FramePriorityUpdate:
		bad = f.Length < 4
	}
	if bad {
		return connectionError(CodeFrameSize, H2FrameSize)
	}
	return nil
}

// parse takes the payload apart.
func (f *Frame) parse() *H2Error {
	word := func(at int) uint32 { return binary.BigEndian.Uint32(f.Payload[at:]) }
	switch f.Type {
	case FrameData:
		return f.unpad(f.Payload)
	case FrameHeaders:
		return f.parseHeaders()
	case FramePriority:
		if f.Length != 5 {
			return &H2Error{CodeFrameSize, f.Stream, H2FrameSize}
		}
		f.Priority = parsePriority(f.Payload)
		if f.DependsOnItself() {
			return &H2Error{CodeProtocol, f.Stream, H2WrongValue}
		}
	case FrameReset:
		f.Code = word(0)
	case FrameWindow:
		f.Code = word(0) &^ (1 << 31)
		if f.Code == 0 {
			return &H2Error{CodeProtocol, f.Stream, H2WrongValue}
		}
	case FrameSettings:
		return f.checkSettings()
	case FrameGoAway:
		f.Last, f.Code, f.Payload = word(0)&^(1<<31), word(4), f.Payload[8:]
	case FramePriorityUpdate:
		f.Last, f.Payload = word(0)&^(1<<31), f.Payload[4:]
		if f.Last == 0 {
			return connectionError(CodeProtocol, H2BadStream)
		}
	}
	return nil
}

// unpad takes the padding off what is left of the payload (section 6.1).
func (f *Frame) unpad(b []byte) *H2Error {
	if f.Flags&h2FlagPadded != 0 {
		if len(b) == 0 {
			return connectionError(CodeFrameSize, H2FrameSize)
		}
		pad := int(b[0])
		if pad >= len(b) {
			return connectionError(CodeProtocol, H2BadPadding)
		}
		b = b[1 : len(b)-pad]
	}
	f.Payload = b
	return nil
}

func (f *Frame) parseHeaders() *H2Error {
	if err := f.unpad(f.Payload); err != nil {
		return err
	}
	if f.Flags&h2FlagPriority == 0 {
		return nil
	}
	if len(f.Payload) < 5 {
		return connectionError(CodeFrameSize, H2FrameSize)
	}
	f.Priority, f.Payload = parsePriority(f.Payload), f.Payload[5:]
	return nil
}

// DependsOnItself tells of a priority that is a stream error (RFC 7540, section
// 5.3.1). The field block of HEADERS has to be decoded all the same.
func (f *Frame) DependsOnItself() bool {
	return f.Priority.Given && f.Priority.Depends == f.Stream
}

// checkSettings refuses values out of range (section 6.5.2).
func (f *Frame) checkSettings() *H2Error {
	for i := range f.Settings() {
		switch s := f.Setting(i); {
		case (s.ID == SettingPush || s.ID == SettingConnectProtocol || s.ID == SettingNoPriorities) && s.Value > 1,
			s.ID == SettingMaxFrame && (s.Value < defaultMaxFrame || s.Value > 1<<24-1):
			return connectionError(CodeProtocol, H2WrongValue)
		case s.ID == SettingInitialWindow && s.Value > MaxWindow:
			return connectionError(CodeFlowControl, H2WrongValue)
		}
	}
	return nil
}

// Settings is how many settings the frame has.
func (f *Frame) Settings() int { return len(f.Payload) / 6 }

// Setting is one of them, from 0.
func (f *Frame) Setting(i int) H2Setting {
	b := f.Payload[6*i:]
	return H2Setting{binary.BigEndian.Uint16(b), binary.BigEndian.Uint32(b[2:])}
}
