package httpwire

import "encoding/binary"

// WSFrame is one frame of a WebSocket connection (RFC 6455, section 5.2). It
// and its payload are valid during the call only; Reason may be kept.
type WSFrame struct {
	Opcode     int // 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong
	Final      bool
	Compressed bool // RSV1: permessage-deflate (RFC 7692)
	Masked     bool
	Length     int64 // of the payload
	Lost       int64 // bytes of it that the capture does not have
	Payload    []byte
	Code       int // of a close frame, 0: none given
	Reason     string
	Irregular  string // name of what is irregular about the frame, empty: nothing
	Offset     int64  // of the frame in its direction
}

// Names of what is irregular about a frame of WebSocket.
const (
	WSBadOpcode   = "ws-bad-opcode"   // reserved
	WSBadControl  = "ws-bad-control"  // a control frame that is fragmented or over 125 bytes
	WSBadLength   = "ws-bad-length"   // over 63 bits
	WSBadReserved = "ws-bad-reserved" // RSV2 or RSV3
	WSBadClose    = "ws-bad-close"    // a close payload of one byte
)

const (
	wsText       = 1
	wsBinary     = 2
	wsClose      = 8
	wsPing       = 9
	wsPong       = 10
	maxWSControl = 125
)

// WebSocket reads one direction of a WebSocket connection. It counts data and
// keeps none of it; the payload of control frames is given unmasked. The zero
// value stands at the beginning. It is not safe for concurrent use.
type WebSocket struct {
	frame   WSFrame
	head    [14]byte
	have    int
	offset  int64 // of the next byte
	left    int64
	mask    [4]byte
	inside  bool // in a payload
	dead    bool
	control [maxWSControl]byte
	kept    int
}

// Write reads the next bytes, cut anywhere. It calls emit at the end of each
// frame and does not allocate but for the reason of a close.
func (w *WebSocket) Write(p []byte, emit func(*WSFrame)) {
	for len(p) > 0 && !w.dead {
		if w.inside {
			p = w.payload(p, emit)
		} else {
			p = w.header(p, emit)
		}
	}
	w.offset += int64(len(p))
}

// Skip takes note that the next n bytes are lost; with n <= 0 their number is
// not known. Within a payload reading goes on; otherwise frames can no longer
// be told apart, and the direction ends. Lost tells which.
func (w *WebSocket) Skip(n int64, emit func(*WSFrame)) {
	if w.dead || !w.inside || n <= 0 || n > w.left {
		w.dead = true
		w.offset += max(n, 0)
		return
	}
	w.offset += n
	w.left -= n
	w.frame.Lost += n
	w.finish(emit)
}

// Lost tells that nothing more can be read.
func (w *WebSocket) Lost() bool { return w.dead }

// Open gives the frame that has begun and not ended, nil if there is none, and
// how much of its payload has passed.
func (w *WebSocket) Open() (frame *WSFrame, passed int64) {
	if !w.inside {
		return nil, 0
	}
	return &w.frame, w.frame.Length - w.left
}

// header collects the header, whose length its first two bytes tell.
func (w *WebSocket) header(p []byte, emit func(*WSFrame)) []byte {
	for i, b := range p {
		w.head[w.have] = b
		w.have++
		if w.have >= 2 && w.have == wsHeadLength(w.head[1]) {
			w.offset += int64(i + 1)
			w.begin(emit)
			return p[i+1:]
		}
	}
	w.offset += int64(len(p))
	return nil
}

func wsHeadLength(second byte) int {
	n := 2
	switch second & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if second&0x80 != 0 {
		n += 4
	}
	return n
}

func (w *WebSocket) begin(emit func(*WSFrame)) {
	b := w.head[:w.have]
	length := uint64(b[1] & 0x7f)
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		length = binary.BigEndian.Uint64(b[2:])
	}
	w.frame = WSFrame{
		Opcode: int(b[0] & 0x0f), Final: b[0]&0x80 != 0, Compressed: b[0]&0x40 != 0, Masked: b[1]&0x80 != 0,
		Length: int64(length &^ (1 << 63)), Offset: w.offset - int64(w.have),
	}
	w.mask = [4]byte{}
	if w.frame.Masked {
		copy(w.mask[:], b[w.have-4:])
	}
	w.frame.Irregular = w.fault(b[0], length)
	w.inside, w.have, w.kept, w.left = true, 0, 0, w.frame.Length
	w.finish(emit)
}

func (w *WebSocket) fault(first byte, length uint64) string {
	f := &w.frame
	switch {
	case length>>63 != 0:
		return WSBadLength
	case first&0x30 != 0:
		return WSBadReserved
	case f.Opcode > wsPong || f.Opcode > wsBinary && f.Opcode < wsClose:
		return WSBadOpcode
	case f.Opcode >= wsClose && (!f.Final || f.Length > maxWSControl):
		return WSBadControl
	}
	return ""
}

func (w *WebSocket) payload(p []byte, emit func(*WSFrame)) []byte {
	n := int(min(int64(len(p)), w.left))
	if w.frame.Opcode >= wsClose {
		at := w.frame.Length - w.left
		for i := 0; i < n && w.kept < maxWSControl; i++ {
			w.control[w.kept] = p[i] ^ w.mask[(at+int64(i))&3]
			w.kept++
		}
	}
	w.left -= int64(n)
	w.offset += int64(n)
	w.finish(emit)
	return p[n:]
}

// finish reports the frame if it is over.
func (w *WebSocket) finish(emit func(*WSFrame)) {
	if w.left > 0 {
		return
	}
	w.inside = false
	f := &w.frame
	if f.Opcode >= wsClose && f.Lost == 0 {
		f.Payload = w.control[:w.kept]
	}
	if f.Opcode == wsClose && f.Lost == 0 && f.Length > 0 {
		if w.kept < 2 {
			f.Irregular = WSBadClose
		} else {
			f.Code = int(binary.BigEndian.Uint16(f.Payload))
			f.Reason = string(f.Payload[2:])
		}
	}
	emit(f)
}
