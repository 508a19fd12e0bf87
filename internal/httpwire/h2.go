package httpwire

import "unsafe"

// H2Kind says what an H2Event reports. The comment on each constant names the
// fields it uses besides Kind, Dir and Offset.
type H2Kind uint8

const (
	H2Preface     H2Kind = iota + 1 // the client's connection preface (RFC 9113, section 3.4)
	H2Headers                       // a complete field block, CONTINUATION included. Stream, Fields, EndStream, Priority, Unsure
	H2Data                          // part or all of a DATA frame. Stream, Data, Lost, Padded, Length, EndStream
	H2Reset                         // Stream, Code
	H2Settings                      // Settings
	H2SettingsAck                   //
	H2Push                          // a promised request. Stream, Promised, Fields, Unsure
	H2Ping                          // Ack, Data: eight bytes
	H2GoAway                        // Last, Code, Text: the debug data
	H2Window                        // Stream, Code: the increment
	H2Priority                      // Stream, Priority; of RFC 9218 Stream and Text: the field value
	H2Unknown                       // Stream, Code: the frame type, Data: its payload unless that is over 256 KiB
	H2Irregular                     // Stream, 0: any may be concerned; Text: its name; Lost
)

// Names of what is irregular in HTTP/2.
const (
	H2PrefaceMissing = "h2-preface-missing" // a direction does not begin with the preface or SETTINGS
	H2Gap            = "h2-gap"             // bytes lost outside of DATA
	H2Desynchronised = "h2-desynchronised"  // what follows is no sequence of frames
	H2FrameSize      = "h2-frame-size"      // longer than the receiver allows, or of a wrong length
	H2BadPadding     = "h2-bad-padding"     // as long as its frame or longer
	H2BadStream      = "h2-bad-stream"      // stream 0, or not stream 0
	H2Continuation   = "h2-continuation"    // not within a field block, or another frame within one
	H2BlockTooLarge  = "h2-block-too-large" // a field block over 256 KiB
	H2ListTooLarge   = "h2-list-too-large"  // decoded fields over 1 MiB, or many over 16 KiB from few bytes; the rest is left out
	H2BadBlock       = "h2-bad-block"       // a field block that HPACK does not allow
	H2TableSize      = "h2-table-size"      // a dynamic table larger than the receiver allows
)

// H2Event is one thing that passed on an HTTP/2 connection. It and all it
// points at are valid during the call only, but for the strings, which may be kept.
type H2Event struct {
	Kind      H2Kind
	Dir       int // 0 from the client, 1 from the server
	Stream    uint32
	Fields    []H2Field // pseudo fields among them, in the order sent
	Data      []byte
	Lost      int64 // bytes that the capture does not have
	Padded    int   // bytes of padding, with the first event of a DATA frame
	Length    int   // of the payload with its padding, which flow control counts, with the first event of a DATA frame
	EndStream bool  // with the last event of its frame
	Ack       bool
	Settings  []H2Setting
	Code      uint32
	Last      uint32 // GOAWAY: the last stream that was or may be processed
	Promised  uint32
	Text      string
	Offset    int64 // of the frame in its direction
	Unsure    bool  // fields are missing or may be wrong, because bytes before them were lost
	Priority  H2PriorityInfo
}

// H2Field is one field of a block. Of a reference to a name that is not known
// Name is empty; a reference to a whole field that is not known is left out.
type H2Field struct {
	Name, Value string
	Unsure      bool // taken from a table that may differ from the sender's
	Never       bool // never indexed: the sender calls it sensitive (RFC 7541, section 7.1.3)
}

// H2Setting is one parameter of a SETTINGS frame (RFC 9113, section 6.5.1).
type H2Setting struct {
	ID    uint16
	Value uint32
}

// H2PriorityInfo is the priority of RFC 7540, section 5.3; zero if there is none.
type H2PriorityInfo struct {
	Given     bool
	Depends   uint32
	Weight    int // 1 to 256
	Exclusive bool
}

// Limits on what a connection makes us keep.
const (
	maxH2Payload = 256 << 10 // of a frame that is not DATA
	maxH2Block   = 256 << 10
	maxH2List    = 1 << 20

	// A block of a hundred bytes can refer a hundred times to a field of
	// kilobytes. Lists of up to fairH2List bytes are always read; larger ones as
	// long as the connection has sent a byte of blocks for each h2Expansion of
	// what they have more, the first maxH2List not counted.
	fairH2List  = 16 << 10
	h2Expansion = 16
)

// H2 follows one HTTP/2 connection from both of its byte streams (RFC 9113).
// It is tolerant: what is irregular is reported, and reading goes on. It is
// not safe for concurrent use.
type H2 struct {
	sides [2]h2Side
	event H2Event
	emit  func(*H2Event)
	list  []H2Field

	highest uint32 // stream seen so far
}

// NewH2 makes a reader that stands at the beginning of both directions.
func NewH2() *H2 {
	h := &H2{}
	for i := range h.sides {
		h.sides[i].dir = i
		h.sides[i].mayFrame = defaultMaxFrame
		h.sides[i].fields.init()
	}
	return h
}

// Upgraded declares that the connection began with HTTP/1.1 and was upgraded
// (RFC 7540, section 3.2): stream 1 is the request that asked for it, which
// the client does not send again.
func (h *H2) Upgraded() { h.highest = max(h.highest, 1) }

// Held is how many bytes of memory the connection takes, about: frames and field
// blocks that are not complete, and the tables of HPACK.
func (h *H2) Held() int {
	n := int(unsafe.Sizeof(*h))
	for i := range h.sides {
		s := &h.sides[i]
		n += cap(s.part) + cap(s.block.bytes) + s.fields.size
	}
	return n
}

// Write reads the next bytes of a direction, cut anywhere. It does not allocate
// for DATA. What was sent on one side should be written before the answer to
// it, because settings are taken into account when they pass.
func (h *H2) Write(dir int, p []byte, emit func(*H2Event)) {
	s := &h.sides[dir&1]
	h.emit = emit
	for len(p) > 0 {
		p = h.step(s, p)
	}
	h.emit = nil
}

// Skip takes note that the next n bytes of a direction are lost; with n <= 0
// their number is not known. Within a frame that began before, reading goes on
// behind the frame. Otherwise it looks for the next plausible frames, and
// from then on fields that depend on what was lost are marked as unsure.
func (h *H2) Skip(dir int, n int64, emit func(*H2Event)) {
	s := &h.sides[dir&1]
	h.emit = emit
	h.skip(s, n)
	h.emit = nil
}

// step reads what it can from the beginning of p and gives the rest.
func (h *H2) step(s *h2Side, p []byte) (rest []byte) {
	switch s.state {
	case h2AtStart:
		return h.start(s, p)
	case h2AtHead:
		return h.head(s, p)
	case h2InData:
		return h.data(s, p)
	case h2InPayload:
		return h.payload(s, p)
	case h2Hunting:
		return h.hunt(s, p)
	}
	s.offset += int64(len(p))
	return nil
}

// begin prepares the event for a frame of one side.
func (h *H2) begin(s *h2Side, kind H2Kind) *H2Event {
	h.event = H2Event{Kind: kind, Dir: s.dir, Stream: s.frame.stream, Offset: s.frame.offset, Settings: h.event.Settings[:0]}
	return &h.event
}

func (h *H2) irregular(s *h2Side, name string, lost int64) {
	e := h.begin(s, H2Irregular)
	e.Text, e.Lost = name, lost
	h.emit(e)
}
