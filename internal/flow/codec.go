package flow

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"
)

// Batch is a run of encoded events. The encoding exists so that recording an
// exchange allocates nothing and the store keeps events in memory that the
// garbage collector does not scan. The store's files hold it too, with the names
// of their kinds beside: another encoding needs another version there.
type Batch []byte

const (
	hasExchange = 1 << iota
	hasStatus
	hasPacket
	hasBytes
	hasText
	hasHeader
	hasAttrs
	hasOpen
)

// Events decodes the batch. Header and the strings of the events point into
// the batch and live as long as it does.
func (b Batch) Events(yield func(Event) bool) {
	r := reader{b}
	for len(r.b) > 0 {
		e, ok := r.event()
		if !ok || !yield(e) {
			return
		}
	}
}

// Append encodes an event behind the others.
func (b Batch) Append(e *Event) Batch {
	flags := e.flags()
	b = append(b, byte(e.Kind), byte(e.From), flags)
	var nanos int64
	if !e.At.IsZero() {
		nanos = e.At.UnixNano()
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(nanos))
	b = binary.AppendUvarint(b, uint64(e.Conn))
	if flags&hasExchange != 0 {
		b = binary.AppendUvarint(b, uint64(e.Exchange))
		b = binary.AppendUvarint(b, uint64(e.Parent))
	}
	if flags&hasStatus != 0 {
		b = binary.AppendUvarint(b, uint64(e.Status))
	}
	if flags&hasPacket != 0 {
		b = binary.AppendUvarint(b, uint64(e.Packet))
	}
	if flags&hasBytes != 0 {
		b = binary.AppendVarint(b, e.Bytes)
	}
	if flags&hasText != 0 {
		b = appendString(b, e.Text)
	}
	if flags&hasHeader != 0 {
		b = binary.AppendUvarint(b, uint64(len(e.Header)))
		b = append(b, e.Header...)
	}
	if flags&hasAttrs != 0 {
		b = binary.AppendUvarint(b, uint64(len(e.Attrs)))
		for _, a := range e.Attrs {
			b = appendString(appendString(b, a.Key), a.Value)
		}
	}
	if flags&hasOpen != 0 {
		b = appendOpening(b, e.Open)
	}
	return b
}

func (e *Event) flags() (flags byte) {
	set := func(cond bool, bit byte) {
		if cond {
			flags |= bit
		}
	}
	set(e.Exchange != 0, hasExchange)
	set(e.Status != 0, hasStatus)
	set(e.Packet != 0, hasPacket)
	set(e.Bytes != 0, hasBytes)
	set(e.Text != "", hasText)
	set(len(e.Header) != 0, hasHeader)
	set(len(e.Attrs) != 0, hasAttrs)
	set(e.Open != nil, hasOpen)
	return flags
}

func appendOpening(b []byte, o *Opening) []byte {
	b = binary.AppendUvarint(b, uint64(o.Parent))
	b = append(b, byte(o.Self), byte(o.Keys))
	for _, s := range [...]string{o.Source, o.Scheme, o.WhyNot} {
		b = appendString(b, s)
	}
	for _, a := range [...]netip.AddrPort{o.Client, o.Server} {
		raw, _ := a.MarshalBinary() // never fails
		b = append(append(b, byte(len(raw))), raw...)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader decodes what Batch.Append wrote. A damaged batch ends the reading; it
// cannot read outside its bytes.
type reader struct{ b []byte }

func (r *reader) event() (e Event, ok bool) {
	if len(r.b) < 11 {
		return e, false
	}
	flags := r.b[2]
	e.Kind, e.From = Kind(r.b[0]), Side(r.b[1])
	if nanos := int64(binary.LittleEndian.Uint64(r.b[3:])); nanos != 0 {
		e.At = time.Unix(0, nanos).UTC()
	}
	r.b = r.b[11:]
	e.Conn = ConnID(r.uint())
	if flags&hasExchange != 0 {
		e.Exchange, e.Parent = ExchangeID(r.uint()), ExchangeID(r.uint())
	}
	if flags&hasStatus != 0 {
		e.Status = int(r.uint())
	}
	if flags&hasPacket != 0 {
		e.Packet = int(r.uint())
	}
	if flags&hasBytes != 0 {
		e.Bytes = r.int()
	}
	if flags&hasText != 0 {
		e.Text = r.string()
	}
	if flags&hasHeader != 0 {
		e.Header = r.bytes(r.uint())
	}
	if flags&hasAttrs != 0 {
		e.Attrs = r.attrs()
	}
	if flags&hasOpen != 0 {
		e.Open = r.opening()
	}
	return e, r.b != nil
}

func (r *reader) attrs() []Attr {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.b = nil
		return nil
	}
	out := make([]Attr, n)
	for i := range out {
		out[i] = Attr{r.string(), r.string()}
	}
	return out
}

func (r *reader) opening() *Opening {
	o := &Opening{Parent: ConnID(r.uint())}
	two := r.bytes(2)
	if two == nil {
		return o
	}
	o.Self, o.Keys = Side(two[0]), Seen(two[1])
	o.Source, o.Scheme, o.WhyNot = r.string(), r.string(), r.string()
	for _, a := range [...]*netip.AddrPort{&o.Client, &o.Server} {
		if n := r.bytes(1); n != nil {
			_ = a.UnmarshalBinary(r.bytes(uint64(n[0]))) // leaves an invalid address
		}
	}
	return o
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) || r.b == nil {
		r.b = nil
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) string() string {
	b := r.bytes(r.uint())
	return unsafe.String(unsafe.SliceData(b), len(b))
}
