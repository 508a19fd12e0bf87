package pcap

import "encoding/binary"

// Lengths and magic numbers of pcap files (draft-ietf-opsawg-pcap, section 4).
const (
	classicHeader  = 24
	recordHeader   = 16
	modifiedHeader = 24 // of a record in the format of Kuznetzov's patched libpcap

	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34
)

// classic is the pcap format.
type classic struct {
	link   LinkType
	record int   // length of a packet's header
	unit   int64 // nanoseconds in a unit of the fraction
}

// newClassic reads a file header; ok is whether head begins with one.
func (r *Reader) newClassic(head []byte) (f *classic, ok bool) {
	f = &classic{record: recordHeader, unit: 1000}
	magic := binary.LittleEndian.Uint32(head)
	if head[0] == 0xa1 {
		r.order.big, magic = true, binary.BigEndian.Uint32(head)
	}
	switch magic {
	case magicMicro:
	case magicNano:
		f.unit = 1
	case magicModified:
		f.record = modifiedHeader
	default:
		return nil, false
	}
	f.link = LinkType(r.order.u32(head[20:])) // the upper half tells of frame check sequences
	r.interfaces = []Interface{{
		Link: f.link, SnapLen: int(r.order.u32(head[16:])), Received: NotRecorded, Dropped: NotRecorded,
	}}
	return f, true
}

func (f *classic) take(r *Reader, buf []byte, b *Batch) (used int, err error) {
	for len(buf)-used >= f.record {
		h := buf[used : used+recordHeader]
		captured := r.order.u32(h[8:])
		if captured > maxPacket {
			return used, r.damage(used, r.number+1, "captured length %d is beyond the limit", captured)
		}
		begin := used + f.record
		end := begin + int(captured)
		if end > len(buf) {
			break
		}
		r.number++
		b.Packets = append(b.Packets, Packet{
			Number:  r.number,
			Time:    int64(r.order.u32(h))*1e9 + int64(r.order.u32(h[4:]))*f.unit,
			HasTime: true,
			Length:  int(r.order.u32(h[12:])),
			Data:    buf[begin:end:end],
			Link:    f.link,
		})
		used = end
	}
	return used, nil
}

func (f *classic) cut(r *Reader, rest []byte) error {
	if len(rest) == 0 {
		return nil
	}
	return r.damage(0, r.number+1, cutShort)
}
