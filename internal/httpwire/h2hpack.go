package httpwire

import "golang.org/x/net/http2/hpack"

const (
	defaultTableSize = 4096
	maxTableSize     = 1 << 20 // what we keep, whatever the two sides agreed on
	entryOverhead    = 32      // RFC 7541, section 4.1
)

// hpackReader decodes the field blocks of one direction (RFC 7541). Unlike a
// decoder of an endpoint it goes on when entries of its table are missing, and
// says so.
type hpackReader struct {
	entries []H2Field // oldest first; those before first are evicted
	first   int
	size    int
	max     int
	credit  int    // bytes by which lists may exceed fairH2List
	limit   uint32 // what the receiver allows

	// After a loss the newest entries, so many of them, are as the sender has
	// them; older ones may be others.
	unsure bool
	known  int
}

func (r *hpackReader) init() {
	r.max, r.limit, r.credit = defaultTableSize, defaultTableSize, maxH2List
}

// allow takes the SETTINGS_HEADER_TABLE_SIZE of the receiver.
func (r *hpackReader) allow(size uint32) { r.limit = size }

// lose takes note that a block was not read.
func (r *hpackReader) lose() { r.unsure, r.known = true, 0 }

// read appends the fields of a block. Fault names the last irregularity.
func (r *hpackReader) read(dst []H2Field, b []byte) (fields []H2Field, unsure bool, fault string) {
	r.credit = min(r.credit+h2Expansion*len(b), maxH2List)
	most := min(fairH2List+r.credit, maxH2List)
	fields, size, unsure, fault := r.list(dst, b, most)
	r.credit -= max(min(size, most)-fairH2List, 0)
	return fields, unsure, fault
}

// list is read, and gives the size of the list (RFC 9113, section 6.5.2); what
// would make it more than most is left out.
func (r *hpackReader) list(dst []H2Field, b []byte, most int) (fields []H2Field, size int, unsure bool, fault string) {
	for len(b) > 0 {
		if b[0]&0xe0 == 0x20 {
			n, rest, ok := prefixInt(b, 5)
			if !ok {
				r.lose()
				return dst, size, true, H2BadBlock
			}
			if n > uint64(r.limit) && !r.unsure {
				fault = H2TableSize
			}
			r.resize(n)
			b = rest
			continue
		}
		f, rest, got := r.field(b)
		if got == hpackBad {
			r.lose()
			return dst, size, true, H2BadBlock
		}
		b = rest
		unsure = unsure || got != hpackSure
		if got == hpackMissing && !r.unsure {
			fault = H2BadBlock
			r.lose()
		}
		if size += len(f.Name) + len(f.Value) + entryOverhead; size > most {
			fault = H2ListTooLarge
		} else if got != hpackMissing || f.Value != "" {
			dst = append(dst, f)
		}
	}
	return dst, size, unsure, fault
}

type hpackCertainty uint8

const (
	hpackSure    hpackCertainty = iota
	hpackUnsure                 // from an entry that may be another
	hpackMissing                // refers to an entry that we do not have
	hpackBad                    // cannot be read, nor anything behind it
)

// field reads one field representation (RFC 7541, sections 6.1 and 6.2).
func (r *hpackReader) field(b []byte) (f H2Field, rest []byte, got hpackCertainty) {
	bits, indexed, literal := 4, false, true
	switch {
	case b[0]&0x80 != 0:
		bits, literal = 7, false
	case b[0]&0x40 != 0:
		bits, indexed = 6, true
	}
	never := literal && b[0]&0xf0 == 0x10
	index, rest, ok := prefixInt(b, bits)
	if !ok || index == 0 && !literal {
		return f, nil, hpackBad
	}
	if index > 0 {
		f, got = r.at(index)
	} else if f.Name, rest, ok = hpackString(rest); !ok {
		return f, nil, hpackBad
	}
	if literal {
		if f.Value, rest, ok = hpackString(rest); !ok {
			return f, nil, hpackBad
		}
	}
	f.Unsure, f.Never = got != hpackSure, never
	if indexed {
		r.add(f)
	}
	return f, rest, got
}

// at is the entry of an index from 1.
func (r *hpackReader) at(index uint64) (H2Field, hpackCertainty) {
	if index <= uint64(len(hpackStatic)) {
		return hpackStatic[index-1], hpackSure
	}
	age := index - uint64(len(hpackStatic)) - 1
	if age >= uint64(len(r.entries)-r.first) {
		return H2Field{}, hpackMissing
	}
	f := r.entries[len(r.entries)-1-int(age)]
	if f.Unsure || r.unsure && age >= uint64(r.known) {
		return f, hpackUnsure
	}
	return f, hpackSure
}

func (r *hpackReader) add(f H2Field) {
	r.entries = append(r.entries, f)
	r.size += entrySize(f)
	r.known++
	r.evict()
}

func (r *hpackReader) resize(n uint64) {
	r.max = int(min(n, maxTableSize))
	if n > maxTableSize {
		r.lose()
	}
	r.evict()
}

// evict drops the oldest entries. Once it drops one that is known, or none
// are left, the sender has none that we do not.
func (r *hpackReader) evict() {
	for r.size > r.max {
		old := &r.entries[r.first]
		r.size -= entrySize(*old)
		*old = H2Field{}
		r.first++
		if have := len(r.entries) - r.first; r.known > have {
			r.known, r.unsure = have, false
		}
	}
	if r.max == 0 {
		r.unsure = false
	}
	if r.first > 32 && r.first*2 > len(r.entries) {
		n := copy(r.entries, r.entries[r.first:])
		clear(r.entries[n:])
		r.entries, r.first = r.entries[:n], 0
	}
}

func entrySize(f H2Field) int { return len(f.Name) + len(f.Value) + entryOverhead }

// prefixInt reads an integer (RFC 7541, section 5.1) of at most 32 bits.
func prefixInt(b []byte, bits int) (n uint64, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	top := uint64(1)<<bits - 1
	if n = uint64(b[0]) & top; n < top {
		return n, b[1:], true
	}
	for i := 1; i < len(b) && i < 6; i++ {
		n += uint64(b[i]&0x7f) << (7 * (i - 1))
		if b[i] < 0x80 {
			return n, b[i+1:], n < 1<<32
		}
	}
	return 0, nil, false
}

// hpackString reads a string literal (RFC 7541, section 5.2).
func hpackString(b []byte) (s string, rest []byte, ok bool) {
	n, rest, ok := prefixInt(b, 7)
	if !ok || n > uint64(len(rest)) {
		return "", nil, false
	}
	raw, rest := rest[:n], rest[n:]
	if b[0]&0x80 == 0 {
		return string(raw), rest, true
	}
	s, err := hpack.HuffmanDecodeToString(raw)
	return s, rest, err == nil
}
