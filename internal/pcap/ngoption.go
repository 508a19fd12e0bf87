package pcap

import "strings"

// Options by the block they appear in (draft-ietf-opsawg-pcapng, sections 3.5
// and 4).
const (
	optionEnd     = 0
	optionComment = 1

	sectionHardware    = 2
	sectionOS          = 3
	sectionApplication = 4

	interfaceName        = 2
	interfaceDescription = 3
	interfaceResolution  = 9
	interfaceFilter      = 11
	interfaceOS          = 12
	interfaceOffset      = 14
	interfaceHardware    = 15

	packetFlags = 2
	packetDrops = 4

	statReceived = 4
	statDropped  = 5
	statOSDrop   = 7

	defaultResolution = 6 // microseconds
)

// options calls f with each option of a list.
func (r *Reader) options(list []byte, at, packet int, f func(code uint16, value []byte)) error {
	for len(list) >= 4 {
		code, n := r.order.u16(list), int(r.order.u16(list[2:]))
		if code == optionEnd {
			return nil
		}
		if n > len(list)-4 {
			return r.damage(at, packet, "option %d of %d bytes runs past its block", code, n)
		}
		f(code, list[4:4+n])
		list = list[min(4+padded(n), len(list)):]
	}
	return nil
}

func (r *Reader) packetOptions(list []byte, at int, p *Packet) error {
	return r.options(list, at, r.number+1, func(code uint16, value []byte) {
		switch {
		case code == optionComment:
			if p.Comment != "" {
				p.Comment += "\n"
			}
			p.Comment += text(value)
		case code == packetFlags && len(value) == 4:
			if d := Direction(r.order.u32(value) & 3); d <= Outbound {
				p.Direction = d
			}
		case code == packetDrops && len(value) == 8:
			p.Dropped = int64(r.order.u64(value))
		}
	})
}

// sectionHeader begins a section (section 4.1) and forgets its predecessor's
// interfaces.
func (f *ng) sectionHeader(r *Reader, body []byte, at int) error {
	const fixed = 16
	if len(body) < fixed {
		return r.damage(at, 0, "section header of %d bytes is too short", len(body))
	}
	if major := r.order.u16(body[4:]); major != 1 {
		return r.damage(at, 0, "pcapng version %d.%d is not known", major, r.order.u16(body[6:]))
	}
	f.first = len(r.interfaces)
	f.section = Interface{Received: NotRecorded, Dropped: NotRecorded}
	return r.options(body[fixed:], at, 0, func(code uint16, value []byte) {
		switch code {
		case sectionHardware:
			f.section.Hardware = text(value)
		case sectionOS:
			f.section.OS = text(value)
		case sectionApplication:
			f.section.Application = text(value)
		}
	})
}

// describe reads an interface description block (section 4.2).
func (f *ng) describe(r *Reader, body []byte, at int) error {
	const fixed = 8
	if len(body) < fixed {
		return r.damage(at, 0, "interface description of %d bytes is too short", len(body))
	}
	if len(r.interfaces) == maxInterfaces {
		return r.damage(at, 0, "more than %d interfaces", maxInterfaces)
	}
	i := f.section
	i.Link, i.SnapLen = LinkType(r.order.u16(body)), int(r.order.u32(body[4:]))
	resolution, offset := uint8(defaultResolution), int64(0)
	err := r.options(body[fixed:], at, 0, func(code uint16, value []byte) {
		switch {
		case code == interfaceName:
			i.Name = text(value)
		case code == interfaceDescription:
			i.Description = text(value)
		case code == interfaceFilter && len(value) > 1 && value[0] == 0: // 0: as text
			i.Filter = text(value[1:])
		case code == interfaceOS:
			i.OS = text(value)
		case code == interfaceHardware:
			i.Hardware = text(value)
		case code == interfaceResolution && len(value) == 1:
			resolution = value[0]
		case code == interfaceOffset && len(value) == 8:
			offset = int64(r.order.u64(value))
		}
	})
	i.clock = newClock(resolution, offset)
	r.interfaces = append(r.interfaces, i)
	return err
}

// statistics reads an interface statistics block (section 4.6). Its counts are
// totals, so that the last ones stand.
func (f *ng) statistics(r *Reader, body []byte, at int) error {
	const fixed = 12
	if len(body) < fixed {
		return r.damage(at, 0, "interface statistics of %d bytes are too short", len(body))
	}
	iface := f.first + int(r.order.u32(body))
	if iface >= len(r.interfaces) {
		return r.damage(at, 0, "statistics of interface %d, which is not described before", iface-f.first)
	}
	i := &r.interfaces[iface]
	dropped := int64(NotRecorded)
	err := r.options(body[fixed:], at, 0, func(code uint16, value []byte) {
		if len(value) != 8 {
			return
		}
		switch code {
		case statReceived:
			i.Received = int64(r.order.u64(value))
		case statDropped, statOSDrop:
			dropped = max(dropped, 0) + int64(r.order.u64(value))
		}
	})
	if dropped != NotRecorded {
		i.Dropped = dropped
	}
	return err
}

// text is a copy of an option's value in UTF-8, without the terminator some
// writers add.
func text(b []byte) string {
	return strings.ToValidUTF8(strings.TrimRight(string(b), "\x00"), "\ufffd")
}
