package quicwire

// frames of RFC 9000, section 19, by type.
const (
	framePadding         = 0x00
	framePing            = 0x01
	frameAck             = 0x02
	frameAckECN          = 0x03
	frameReset           = 0x04
	frameStopSending     = 0x05
	frameCrypto          = 0x06
	frameNewToken        = 0x07
	frameStream          = 0x08 // to 0x0f: 1 FIN, 2 length, 4 offset
	frameMaxData         = 0x10
	frameMaxStreamData   = 0x11
	frameStreamBlocked   = 0x15
	frameNewConnectionID = 0x18
	frameRetireID        = 0x19
	framePathChallenge   = 0x1a
	framePathResponse    = 0x1b
	frameClose           = 0x1c
	frameCloseApp        = 0x1d
	frameHandshakeDone   = 0x1e
	frameDatagram        = 0x30 // RFC 9221
	frameDatagramLength  = 0x31
)

// frames tells what is in the payload of a packet. A frame of an unknown type
// ends it: there is no telling where the next begins.
func (c *Conn) frames(dir int, level Level, payload []byte, emit func(*Event)) {
	r := reader{b: payload}
	for len(r.b) > 0 {
		if r.b[0] == framePadding {
			r.b = r.b[1:]
			continue
		}
		c.event = Event{Dir: dir, Level: level}
		kind := r.varint()
		known := c.frame(kind, &r, emit)
		if r.short || !known {
			return
		}
		if c.event.Kind != 0 {
			emit(&c.event)
		}
	}
}

// frame reads one frame into c.event, whose Kind stays 0 if it tells nothing
// or was told already.
func (c *Conn) frame(kind uint64, r *reader, emit func(*Event)) (known bool) {
	e := &c.event
	switch {
	case kind == framePing, kind == frameHandshakeDone:
	case kind == frameAck, kind == frameAckECN:
		r.ack(kind == frameAckECN)
	case kind == frameCrypto:
		at := r.varint()
		data := r.bytes(r.varint())
		c.cryptoFrame(e.Dir, e.Level, at, data, emit)
	case kind == frameClose, kind == frameCloseApp:
		e.Kind, e.Code, e.App = Close, r.varint(), kind == frameCloseApp
		if !e.App {
			e.Frame = r.varint()
		}
		e.Reason = string(r.bytes(r.varint()))
	case e.Level == OneRTT:
		return c.dataFrame(kind, r)
	default:
		return false
	}
	return true
}

// dataFrame reads a frame that 1-RTT packets alone carry.
func (c *Conn) dataFrame(kind uint64, r *reader) (known bool) {
	e := &c.event
	switch {
	case kind >= frameStream && kind < frameMaxData:
		r.stream(kind, e)
	case kind == frameReset:
		e.Kind, e.Stream, e.Code, e.App = Reset, r.varint(), r.varint(), true
		r.varint()
	case kind == frameStopSending:
		e.Kind, e.Stream, e.Code, e.App = StopSending, r.varint(), r.varint(), true
	case kind == frameNewToken, kind == frameDatagramLength:
		r.bytes(r.varint())
	case kind == frameMaxStreamData, kind == frameStreamBlocked:
		r.varint()
		r.varint()
	case kind >= frameMaxData && kind < frameNewConnectionID, kind == frameRetireID:
		r.varint()
	case kind == frameNewConnectionID:
		r.varint()
		r.varint()
		r.cid()
		r.bytes(16)
	case kind == framePathChallenge, kind == framePathResponse:
		r.bytes(8)
	case kind == frameDatagram:
		r.bytes(uint64(len(r.b)))
	default:
		return false
	}
	return true
}

func (r *reader) ack(ecn bool) {
	r.varint()
	r.varint()
	ranges := r.varint()
	r.varint()
	for ; ranges > 0 && !r.short; ranges-- {
		r.varint()
		r.varint()
	}
	if ecn {
		r.varint()
		r.varint()
		r.varint()
	}
}

func (r *reader) stream(kind uint64, e *Event) {
	e.Kind, e.Stream, e.Fin = Stream, r.varint(), kind&1 != 0
	if kind&4 != 0 {
		e.Offset = r.varint()
	}
	n := uint64(len(r.b))
	if kind&2 != 0 {
		n = r.varint()
	}
	e.Data = r.bytes(n)
}
