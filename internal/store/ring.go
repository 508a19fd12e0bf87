package store

import (
	"encoding/binary"

	"fanlight/internal/flow"
)

// ring is a ring of segments filled one after the other. Segments are numbered
// from 0 by a serial that never repeats. It has no lock of its own.
type ring struct {
	segments []*segment
	serial   uint64 // of the segment being filled
	spare    []*segment
	entries  int64
	bytes    int64
}

// segment is append-only while it is in the ring: bytes before used never
// change, so that a reader who pinned it needs no lock.
type segment struct {
	data    []byte
	used    int
	entries int64
	pins    int
	retired bool  // out of the ring, waits for its readers
	sealed  int64 // Unix nanoseconds when it was full, 0: being filled
}

// headerSize is that of an entry: length, flags, connection, sequence number.
const headerSize = 4 + 4 + 8 + 8

const flagNotable = 1

type header struct {
	size    int
	notable bool
	conn    flow.ConnID
	seq     uint64
}

func newRing(size, segmentSize int64) ring {
	arena := make([]byte, size)
	r := ring{}
	for len(arena) >= int(segmentSize) {
		r.segments = append(r.segments, &segment{data: arena[:segmentSize:segmentSize]})
		arena = arena[segmentSize:]
	}
	return r
}

func (r *ring) current() *segment { return r.at(r.serial) }

func (r *ring) at(serial uint64) *segment {
	return r.segments[serial%uint64(len(r.segments))]
}

// oldest is the serial of the oldest segment still kept.
func (r *ring) oldest() uint64 {
	return max(r.serial+1, uint64(len(r.segments))) - uint64(len(r.segments))
}

// fits reports whether a batch can be kept at all.
func (r *ring) fits(n int) bool { return headerSize+n <= len(r.segments[0].data) }

// full reports whether a batch needs the next segment.
func (r *ring) full(n int) bool {
	s := r.current()
	return s.used+headerSize+n > len(s.data)
}

// advance goes on to the next segment and gives the number of entries that
// were overwritten for it. A segment that somebody still reads is not
// overwritten but replaced.
func (r *ring) advance(now int64) (overwritten int64) {
	r.current().sealed = now
	r.serial++
	old := r.current()
	overwritten = old.entries
	r.entries -= old.entries
	r.bytes -= int64(old.used)
	if old.pins > 0 {
		old.retired = true
		r.segments[r.serial%uint64(len(r.segments))] = r.fresh(len(old.data))
		return overwritten
	}
	*old = segment{data: old.data}
	return overwritten
}

func (r *ring) fresh(size int) *segment {
	if n := len(r.spare); n > 0 {
		s := r.spare[n-1]
		r.spare = r.spare[:n-1]
		return s
	}
	return &segment{data: make([]byte, size)}
}

func (r *ring) append(h header, b flow.Batch) {
	s := r.current()
	at := s.data[s.used:]
	var flags uint32
	if h.notable {
		flags = flagNotable
	}
	binary.LittleEndian.PutUint32(at, uint32(len(b)))
	binary.LittleEndian.PutUint32(at[4:], flags)
	binary.LittleEndian.PutUint64(at[8:], uint64(h.conn))
	binary.LittleEndian.PutUint64(at[16:], h.seq)
	copy(at[headerSize:], b)
	s.used += headerSize + len(b)
	s.entries++
	r.entries++
	r.bytes += int64(headerSize + len(b))
}

func (r *ring) unpin(s *segment) {
	s.pins--
	if s.retired && s.pins == 0 {
		r.spare = append(r.spare, &segment{data: s.data})
	}
}

// view is the filled part of a segment at one moment.
type view struct {
	serial uint64
	seg    *segment
	data   []byte
	sealed int64
}

// entries walks the entries from an offset, giving each one's offset.
// The batch points into the segment.
func (v view) entries(from int, yield func(at int, h header, b flow.Batch) bool) {
	for at := from; at < len(v.data); {
		raw := v.data[at:]
		h := header{
			size:    int(binary.LittleEndian.Uint32(raw)),
			notable: binary.LittleEndian.Uint32(raw[4:])&flagNotable != 0,
			conn:    flow.ConnID(binary.LittleEndian.Uint64(raw[8:])),
			seq:     binary.LittleEndian.Uint64(raw[16:]),
		}
		if !yield(at, h, flow.Batch(raw[headerSize:headerSize+h.size])) {
			return
		}
		at += headerSize + h.size
	}
}
