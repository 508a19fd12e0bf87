package packet

import (
	"encoding/binary"
	"net/netip"
)

// Options of a TCP header, as IANA numbers their kinds.
const (
	optEnd       = 0
	optNop       = 1
	optMSS       = 2
	optWScale    = 3
	optSACK      = 4
	optTimestamp = 8

	// alignedTimestamp is how nearly every stack begins the options of a segment
	// without SYN (RFC 7323, appendix A): two fillers, the kind, the length.
	alignedTimestamp = optNop<<24 | optNop<<16 | optTimestamp<<8 | 10
)

func (i *Info) setPorts(src, dst uint16) {
	i.Src = netip.AddrPortFrom(i.Src.Addr(), src)
	i.Dst = netip.AddrPortFrom(i.Dst.Addr(), dst)
}

// tcp reads a segment (RFC 9293, 3.1).
func tcp(b []byte, wire int, out *Info) bool {
	if len(b) < 20 {
		return out.short(wire, 20)
	}
	header := int(b[12]>>4) * 4
	if header < 20 || header > wire {
		return out.skip(SkipMalformed)
	}
	out.Proto = TCP
	out.setPorts(binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]))
	h := &out.TCP
	h.Seq = binary.BigEndian.Uint32(b[4:])
	h.Ack = binary.BigEndian.Uint32(b[8:])
	h.Flags = b[13]
	h.Window = binary.BigEndian.Uint16(b[14:])
	options := b[20:min(header, len(b))]
	if h.Flags&SYN != 0 {
		h.readOptions(options)
	} else if len(options) >= 12 && binary.BigEndian.Uint32(options) == alignedTimestamp {
		h.readTimestamp(options[4:])
	}
	out.Payload = b[min(header, len(b)):]
	out.PayloadLen = wire - header
	return true
}

func (h *TCPHeader) readTimestamp(b []byte) {
	h.HasTS = true
	h.TSVal = binary.BigEndian.Uint32(b)
	h.TSEcr = binary.BigEndian.Uint32(b[4:])
}

// readOptions reads the options up to the first that is not well formed.
func (h *TCPHeader) readOptions(b []byte) {
	for len(b) > 0 && b[0] != optEnd {
		if b[0] == optNop {
			b = b[1:]
			continue
		}
		if len(b) < 2 || int(b[1]) < 2 || int(b[1]) > len(b) {
			return
		}
		kind, value := b[0], b[2:b[1]]
		b = b[b[1]:]
		switch {
		case kind == optMSS && len(value) == 2:
			h.MSS = binary.BigEndian.Uint16(value)
		case kind == optWScale && len(value) == 1:
			h.WScale = int8(min(value[0], 14)) // RFC 7323, 2.3
		case kind == optSACK && len(value) == 0:
			h.SACKPermitted = true
		case kind == optTimestamp && len(value) == 8:
			h.readTimestamp(value)
		}
	}
}
