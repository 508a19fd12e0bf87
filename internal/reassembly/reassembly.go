// Package reassembly puts the TCP segments of a connection back into its two ordered streams of bytes.
package reassembly

// Segment is one captured TCP segment. Add reads it within the call only.
type Segment struct {
	Time     int64 // nanoseconds since the Unix epoch
	Packet   int   // its number in the capture
	Seq, Ack uint32
	Window   uint16 // as sent, not scaled
	Flags    uint8  // as package packet has them
	WScale   int8   // offered in a segment with SYN, -1 if not
	Payload  []byte // as captured
	Length   int    // bytes on the wire; never taken as less than len(Payload)
}

// Mark says when and in which packet a byte or a note came.
type Mark struct {
	Time   int64 // nanoseconds since the Unix epoch
	Packet int
}

// NoteKind is what happened to a connection besides bytes.
type NoteKind uint8

// The number that comes with a note is given in brackets; without it is 0.
const (
	// SYN is a first SYN without ACK.
	SYN NoteKind = iota + 1
	// SYNACK is a first SYN with ACK.
	SYNACK
	// Established is the first segment by which the sender of the SYN shows
	// that it got an answer.
	Established
	// FIN comes after the last byte of its direction, with the mark of the
	// packet that had it.
	FIN
	// RST ends both directions; nothing comes after it.
	RST
	// InvalidRST is a RST outside of the window, which its receiver ignores
	// (RFC 5961, 3.2).
	InvalidRST
	// Retransmission is [n bytes] that came before, or that fill a hole later
	// than the network would have swapped two packets. A SYN or FIN again
	// is one with the bytes it carries.
	Retransmission
	// OutOfOrder is [n bytes] that fill a hole a moment after what follows them.
	OutOfOrder
	// Overlap is [n bytes] that differ from those held for the same sequence
	// numbers. The first stay.
	Overlap
	// Gap is [n bytes] that did not come: the reason of the Skip that follows.
	Gap
	// AckedUnseen comes before a Gap whose [n bytes] the peer acknowledged: the
	// capture lost them, not the network.
	AckedUnseen
	// Dropped comes before a Gap of [n bytes] that were waited for no longer
	// because too much was held. If they come after all they count as
	// retransmissions.
	Dropped
	// Snapped is [n bytes] cut off by the capture's snap length: the reason of
	// the Skip that follows.
	Snapped
	// Stray is [n bytes] too far from the stream to belong to it. They are left out.
	Stray
	// KeepAlive is a probe of 0 or 1 [n] bytes before the next one
	// (RFC 9293, 3.8.4).
	KeepAlive
	// ZeroWindow is the moment when the sender of the note takes no more bytes.
	ZeroWindow
	// WindowOpen is the moment when it takes [n bytes] again.
	WindowOpen
	// MidStream is the first segment of a connection whose SYN was not seen.
	MidStream
)

// String is the name of the kind.
func (k NoteKind) String() string {
	names := [...]string{"", "SYN", "SYN-ACK", "established", "FIN", "RST", "invalid RST", "retransmission", "out of order", "overlap", "gap", "acked unseen", "dropped", "snapped", "stray", "keep-alive", "zero window", "window open", "mid-stream"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown note"
}

// Handler takes what a connection gives, in the order of each direction.
// Direction 0 is from the client.
type Handler interface {
	// Bytes gives the next bytes. p is valid only in the call.
	Bytes(dir int, p []byte, m Mark)
	// Skip says that n bytes are missing here and will not come. A hostile
	// capture can make n as large as 2^31: allocate nothing by it.
	Skip(dir int, n int64, m Mark)
	// Note says what else happened.
	Note(dir int, kind NoteKind, n int64, m Mark)
}
