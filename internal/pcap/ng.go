package pcap

// Block types of pcapng (draft-ietf-opsawg-pcapng, section 4).
const (
	blockSection     = 0x0a0d0d0a
	blockInterface   = 1
	blockPacketOld   = 2
	blockSimple      = 3
	blockStatistics  = 5
	blockEnhanced    = 6
	blockSecrets     = 10
	byteOrderMagic   = 0x1a2b3c4d
	byteOrderSwapped = 0x4d3c2b1a

	// blockFrame is type and length before a block, and length after it.
	blockFrame  = 12
	blockBefore = 8
	// sectionFixed is how much of a section header tells its byte order.
	sectionFixed = 12
)

// ng is the pcapng format.
type ng struct {
	first   int       // index of the first interface of the section
	section Interface // what a section says of its interfaces

	skip    int64  // bytes still to pass over,
	skipped int64  // of a block of this length
	secrets []byte // block being collected,
	want    int    // of this length; 0: none
}

func (f *ng) take(r *Reader, buf []byte, b *Batch) (used int, err error) {
	for {
		rest := buf[used:]
		switch {
		case f.skip > 0:
			n := min(f.skip, int64(len(rest)))
			f.skip -= n
			used += int(n)
			if f.skip > 0 {
				return used, nil
			}
		case f.want > 0:
			n := min(f.want-len(f.secrets), len(rest))
			f.secrets = append(f.secrets, rest[:n]...)
			if len(f.secrets) < f.want {
				return used + n, nil
			}
			if err := f.takeSecrets(r, used+n-f.want); err != nil {
				return used, err
			}
			used += n
		default:
			n, err := f.takeBlock(r, rest, used, b)
			if n == 0 || err != nil {
				return used, err
			}
			used += n
		}
	}
}

// takeBlock takes the block that rest begins with, or begins to skip or
// collect it; used is 0 if rest is too short for that, but not if the block is
// to be skipped or collected, whose frame is then used.
func (f *ng) takeBlock(r *Reader, rest []byte, at int, b *Batch) (used int, err error) {
	if len(rest) < blockFrame {
		return 0, nil
	}
	kind, section := r.order.u32(rest), isSection(rest)
	if section && !r.setOrder(rest) {
		return 0, r.damage(at, 0, "byte-order magic is % x", rest[8:12])
	}
	total := r.order.u32(rest[4:])
	if total < blockFrame || total%4 != 0 {
		return 0, r.damage(at, 0, "block length is %d", total)
	}
	switch {
	case section:
	case kind == blockSecrets:
		if total > maxSecrets {
			return 0, r.damage(at, 0, "secrets of %d bytes are beyond the limit", total)
		}
		f.want = int(total)
		f.secrets = append(f.secrets, rest[:blockBefore]...)
		return blockBefore, nil
	case !needed(kind):
		f.skip, f.skipped = int64(total)-blockBefore, int64(total)
		return blockBefore, nil
	}
	if total > maxBlock {
		return 0, r.damage(at, r.packetNumber(kind), "block length %d is beyond the limit", total)
	}
	if int(total) > len(rest) {
		return 0, nil
	}
	if again := r.order.u32(rest[total-4:]); again != total {
		return 0, r.damage(at, r.packetNumber(kind), "block length is %d before and %d after it", total, again)
	}
	body := rest[blockBefore : total-4]
	if kind == blockEnhanced {
		err = f.enhanced(r, body, at, b)
	} else {
		err = f.other(r, kind, body, at, b)
	}
	return int(total), err
}

// isSection is true of a section header, whose type reads the same in both
// byte orders.
func isSection(b []byte) bool {
	return order{}.u32(b) == blockSection
}

// setOrder learns the byte order of a section from its header.
func (r *Reader) setOrder(header []byte) bool {
	switch (order{}).u32(header[8:sectionFixed]) {
	case byteOrderMagic:
		r.order.big = false
	case byteOrderSwapped:
		r.order.big = true
	default:
		return false
	}
	return true
}

func needed(kind uint32) bool {
	switch kind {
	case blockEnhanced, blockSimple, blockPacketOld, blockInterface, blockStatistics:
		return true
	}
	return false
}

// packetNumber is the number of the packet in the block at hand, or 0 if the
// block is of another kind.
func (r *Reader) packetNumber(kind uint32) int {
	switch kind {
	case blockEnhanced, blockSimple, blockPacketOld:
		return r.number + 1
	}
	return 0
}

func (f *ng) other(r *Reader, kind uint32, body []byte, at int, b *Batch) error {
	switch kind {
	case blockSection:
		return f.sectionHeader(r, body, at)
	case blockInterface:
		return f.describe(r, body, at)
	case blockStatistics:
		return f.statistics(r, body, at)
	case blockSimple:
		return f.simple(r, body, at, b)
	case blockPacketOld:
		return f.oldPacket(r, body, at, b)
	}
	return nil
}

func (f *ng) cut(r *Reader, rest []byte) error {
	switch {
	case f.want > 0:
		return r.damage(-len(f.secrets), 0, cutShort)
	case f.skip > 0:
		return r.damage(-int(f.skipped-f.skip), 0, cutShort)
	case len(rest) == 0:
		return nil
	case len(rest) < 4 || isSection(rest):
		return r.damage(0, 0, cutShort)
	}
	return r.damage(0, r.packetNumber(r.order.u32(rest)), cutShort)
}

func (f *ng) takeSecrets(r *Reader, at int) error {
	block := f.secrets
	f.secrets, f.want = nil, 0
	end := len(block) - 4
	if again := r.order.u32(block[end:]); int(again) != len(block) {
		return r.damage(at, 0, "block length is %d before and %d after it", len(block), again)
	}
	const fixed = blockBefore + 8
	if len(block) < fixed+4 {
		return r.damage(at, 0, "secrets block of %d bytes is too short", len(block))
	}
	n := r.order.u32(block[blockBefore+4:])
	if uint64(n) > uint64(end-fixed) {
		return r.damage(at, 0, "secrets of %d bytes run past their block", n)
	}
	if r.onSecrets != nil {
		r.onSecrets(Secrets{Kind: r.order.u32(block[blockBefore:]), Data: block[fixed : fixed+int(n) : fixed+int(n)]})
	}
	return nil
}
