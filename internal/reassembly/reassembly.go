// Package reassembly puts the TCP segments of a connection back into its two ordered streams of bytes.
package reassembly

import "sync/atomic"

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

// Limits bound the bytes held out of order. A zero means the default.
type Limits struct {
	PerConn int64 // bytes a connection, both directions; 1 MiB
	Total   int64 // bytes of all connections; 64 MiB
}

const (
	defaultPerConn = 1 << 20
	defaultTotal   = 64 << 20
)

// Budget is the bytes that connections may hold together. It is safe for
// concurrent use.
type Budget struct {
	perConn, total int64
	held           atomic.Int64
}

// NewBudget gives a budget of l.
func NewBudget(l Limits) *Budget {
	if l.PerConn <= 0 {
		l.PerConn = defaultPerConn
	}
	if l.Total <= 0 {
		l.Total = defaultTotal
	}
	return &Budget{perConn: l.PerConn, total: l.Total}
}

// Held is how many bytes the connections hold now.
func (b *Budget) Held() int64 { return b.held.Load() }

// Conn is the two streams of one connection. The zero value is ready; Budget
// may be set before the first Add. A Conn is for one goroutine.
type Conn struct {
	Budget *Budget // nil: the default limit of one connection, and no share with others

	half      [2]half
	held      int64 // bytes held out of order, with what holding them costs
	last      int64 // time of the last segment
	rtt       int64 // nanoseconds from SYN to Established, 0 unknown
	opened    int64 // time of the SYN
	midStream bool
	opening   bool // a SYN was seen and its sender has shown no answer yet
	reset     bool
}

// MidStream reports whether the capture began after the handshake.
func (c *Conn) MidStream() bool { return c.midStream }
