package pcap

const (
	enhancedFixed  = 20
	oldPacketFixed = 20
	simpleFixed    = 4
)

// enhanced reads an enhanced packet block (section 4.3).
func (f *ng) enhanced(r *Reader, body []byte, at int, b *Batch) error {
	if len(body) < enhancedFixed {
		return r.damage(at, r.number+1, "packet block of %d bytes is too short", len(body))
	}
	iface := f.first + int(r.order.u32(body))
	return f.timed(r, iface, body, at, b)
}

// oldPacket reads a packet block, which the enhanced one has replaced (section
// A.1); they differ in the first four bytes only.
func (f *ng) oldPacket(r *Reader, body []byte, at int, b *Batch) error {
	if len(body) < oldPacketFixed {
		return r.damage(at, r.number+1, "packet block of %d bytes is too short", len(body))
	}
	if err := f.timed(r, f.first+int(r.order.u16(body)), body, at, b); err != nil {
		return err
	}
	const unknown = 0xffff
	if drops := r.order.u16(body[2:]); drops != unknown {
		b.Packets[len(b.Packets)-1].Dropped = int64(drops)
	}
	return nil
}

func (f *ng) timed(r *Reader, iface int, body []byte, at int, b *Batch) error {
	captured := r.order.u32(body[12:])
	switch {
	case iface >= len(r.interfaces):
		return r.damage(at, r.number+1, "interface %d is not described before it", iface-f.first)
	case captured > maxPacket:
		return r.damage(at, r.number+1, "captured length %d is beyond the limit", captured)
	case int(captured) > len(body)-enhancedFixed:
		return r.damage(at, r.number+1, "captured length %d runs past its block", captured)
	}
	from := &r.interfaces[iface]
	end := enhancedFixed + int(captured)
	units := uint64(r.order.u32(body[4:]))<<32 | uint64(r.order.u32(body[8:]))
	b.Packets = append(b.Packets, Packet{
		Number:  r.number + 1,
		Time:    from.clock.nanoseconds(units),
		HasTime: true,
		Length:  int(r.order.u32(body[16:])),
		Data:    body[enhancedFixed:end:end],
		Link:    from.Link,
		Iface:   iface,
	})
	if options := enhancedFixed + padded(int(captured)); options < len(body) {
		if err := r.packetOptions(body[options:], at, &b.Packets[len(b.Packets)-1]); err != nil {
			b.Packets = b.Packets[:len(b.Packets)-1]
			return err
		}
	}
	r.number++
	return nil
}

// simple reads a simple packet block (section 4.4), which belongs to the first
// interface of its section and leaves the captured length to be inferred.
func (f *ng) simple(r *Reader, body []byte, at int, b *Batch) error {
	if len(body) < simpleFixed {
		return r.damage(at, r.number+1, "packet block of %d bytes is too short", len(body))
	}
	if f.first >= len(r.interfaces) {
		return r.damage(at, r.number+1, "interface 0 is not described before it")
	}
	from := &r.interfaces[f.first]
	length := r.order.u32(body)
	captured := int64(length)
	if from.SnapLen > 0 {
		captured = min(captured, int64(from.SnapLen))
	}
	switch {
	case captured > maxPacket:
		return r.damage(at, r.number+1, "captured length %d is beyond the limit", captured)
	case captured > int64(len(body)-simpleFixed):
		return r.damage(at, r.number+1, "captured length %d runs past its block", captured)
	}
	end := simpleFixed + int(captured)
	r.number++
	b.Packets = append(b.Packets, Packet{
		Number: r.number,
		Length: int(length),
		Data:   body[simpleFixed:end:end],
		Link:   from.Link,
		Iface:  f.first,
	})
	return nil
}

// padded is n rounded up to whole words of 32 bits.
func padded(n int) int { return (n + 3) &^ 3 }
