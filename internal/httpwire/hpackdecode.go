package httpwire

// HPACKDecoder decodes the field blocks that one side sends (RFC 7541). It is
// strict: what the RFC does not allow is an error, after which the connection
// cannot be read on. It is not safe for concurrent use.
type HPACKDecoder struct {
	limit int // that we announced
	max   int // that the sender uses
	size  int

	arena   []byte // names and values of the entries, oldest first
	entries []hpackEntry
	first   int // entries before it are evicted
}

// hpackEntry is one field of the dynamic table.
type hpackEntry struct {
	at          uint32 // where its name begins in the arena
	name, value uint32 // lengths
}

func (e *hpackEntry) size() int { return int(e.name+e.value) + entryOverhead }

// NewHPACKDecoder makes a decoder that allows a dynamic table of a size, which
// the sender has been told of by SETTINGS_HEADER_TABLE_SIZE.
func NewHPACKDecoder(tableSize int) HPACKDecoder {
	return HPACKDecoder{limit: tableSize, max: tableSize}
}

// Held is how many bytes of memory the dynamic table takes, about.
func (d *HPACKDecoder) Held() int { return cap(d.arena) + 12*cap(d.entries) }

// sizes reads the changes of the table's size with which a block may begin.
func (d *HPACKDecoder) sizes(b []byte) (rest []byte, ok bool) {
	for len(b) > 0 && b[0]&0xe0 == 0x20 {
		n, more, ok := prefixInt(b, 5)
		if !ok || n > uint64(d.limit) {
			return nil, false
		}
		d.max = int(n)
		d.evict(0)
		b = more
	}
	return b, true
}

// line appends the field that b begins with as a field line, "name: value" and
// CRLF, and gives the length of its name. keep false says that the field is not
// wanted, so that only what the table needs is done; nothing is appended then.
func (d *HPACKDecoder) line(dst, b []byte, keep bool) (out []byte, name int, rest []byte, ok bool) {
	start := len(dst)
	bits, indexed := 4, false
	switch {
	case b[0]&0x80 != 0:
		return d.indexed(dst, b, keep)
	case b[0]&0x40 != 0:
		bits, indexed = 6, true
	case b[0]&0x20 != 0:
		return dst, 0, nil, false // a change of size behind a field
	}
	index, b, ok := prefixInt(b, bits)
	if !ok {
		return dst, 0, nil, false
	}
	if index > 0 {
		dst, ok = d.appendName(dst, index)
	} else {
		dst, b, ok = appendHPACKString(dst, b)
	}
	if !ok {
		return dst, 0, nil, false
	}
	name = len(dst) - start
	dst = append(dst, ": "...)
	value := len(dst)
	if dst, b, ok = appendHPACKString(dst, b); !ok {
		return dst, 0, nil, false
	}
	if indexed {
		d.add(dst[start:start+name], dst[value:])
	}
	if !keep {
		return dst[:start], 0, b, true
	}
	return append(dst, '\r', '\n'), name, b, true
}

// indexed is line for a field that is in a table (RFC 7541, section 6.1).
func (d *HPACKDecoder) indexed(dst, b []byte, keep bool) (out []byte, name int, rest []byte, ok bool) {
	index, b, ok := prefixInt(b, 7)
	switch {
	case !ok || index == 0:
		return dst, 0, nil, false
	case index <= uint64(len(hpackStatic)):
		if !keep {
			return dst, 0, b, true
		}
		f := &hpackStatic[index-1]
		dst = append(append(append(append(dst, f.Name...), ": "...), f.Value...), '\r', '\n')
		return dst, len(f.Name), b, true
	}
	e := d.at(index)
	if e == nil {
		return dst, 0, nil, false
	}
	if !keep {
		return dst, 0, b, true
	}
	text := d.arena[e.at : e.at+e.name+e.value]
	dst = append(append(append(append(dst, text[:e.name]...), ": "...), text[e.name:]...), '\r', '\n')
	return dst, int(e.name), b, true
}

func (d *HPACKDecoder) appendName(dst []byte, index uint64) ([]byte, bool) {
	if index <= uint64(len(hpackStatic)) {
		return append(dst, hpackStatic[index-1].Name...), true
	}
	e := d.at(index)
	if e == nil {
		return dst, false
	}
	return append(dst, d.arena[e.at:e.at+e.name]...), true
}

// at gives an entry of the dynamic table, nil if there is none.
func (d *HPACKDecoder) at(index uint64) *hpackEntry {
	age := index - uint64(len(hpackStatic)) - 1
	if age >= uint64(len(d.entries)-d.first) {
		return nil
	}
	return &d.entries[len(d.entries)-1-int(age)]
}

// add puts a field into the table. One that is larger than the table empties it
// (RFC 7541, section 4.4).
func (d *HPACKDecoder) add(name, value []byte) {
	e := hpackEntry{name: uint32(len(name)), value: uint32(len(value))}
	d.evict(e.size())
	if e.size() > d.max {
		return
	}
	d.compact(len(name) + len(value))
	e.at = uint32(len(d.arena))
	d.arena = append(append(d.arena, name...), value...)
	d.entries = append(d.entries, e)
	d.size += e.size()
}

// evict drops the oldest entries until there is room for need bytes.
func (d *HPACKDecoder) evict(need int) {
	for d.size+need > d.max && d.first < len(d.entries) {
		d.size -= d.entries[d.first].size()
		d.first++
	}
	if d.first == len(d.entries) {
		d.entries, d.arena, d.first = d.entries[:0], d.arena[:0], 0
	}
}

// compact makes room in the arena by moving what is left over evicted entries.
func (d *HPACKDecoder) compact(need int) {
	if d.first == 0 || len(d.arena)+need <= cap(d.arena) && d.first < 64 {
		return
	}
	gone := d.entries[d.first].at
	d.arena = d.arena[:copy(d.arena, d.arena[gone:])]
	d.entries = d.entries[:copy(d.entries, d.entries[d.first:])]
	d.first = 0
	for i := range d.entries {
		d.entries[i].at -= gone
	}
}

// appendHPACKString appends a string literal (RFC 7541, section 5.2).
func appendHPACKString(dst, b []byte) (out, rest []byte, ok bool) {
	if len(b) == 0 {
		return dst, nil, false
	}
	huffman := b[0]&0x80 != 0
	n, b, ok := prefixInt(b, 7)
	if !ok || n > uint64(len(b)) {
		return dst, nil, false
	}
	if !huffman {
		return append(dst, b[:n]...), b[n:], true
	}
	dst, ok = appendHuffmanDecoded(dst, b[:n])
	return dst, b[n:], ok
}
