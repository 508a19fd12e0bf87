package packet

import (
	"net/netip"
	"slices"
	"time"
)

// The limits of what a decoder holds. Hosts wait 30 to 60 s for the rest of a
// datagram (RFC 1122, 3.3.2; RFC 8200, 4.5).
const (
	maxDatagrams    = 64  // of less than 64 KiB: 4 MiB in all
	maxFragments    = 256 // of a datagram
	fragmentTimeout = int64(30 * time.Second)
)

// fragment is a piece of a datagram: length bytes from offset, of which data
// were captured.
type fragment struct {
	offset, length int
	data           []byte
}

func (f fragment) end() int { return f.offset + f.length }

type datagramKey struct {
	src, dst netip.Addr
	id       uint32
	proto    uint8
}

type datagram struct {
	since  int64
	pieces []fragment // by offset, none overlapping
	have   int        // bytes on the wire of all pieces
	total  int        // 0 until the last piece came
	next   uint8      // protocol, as the first piece has it
}

// whole is a datagram put together. data is valid until the next one.
type whole struct {
	data []byte
	next uint8
}

// fragments are the datagrams that are not complete.
type fragments struct {
	open    map[datagramKey]*datagram
	dropped int64
	scratch []byte
}

// add takes a fragment and gives the datagram it completes, with its length on
// the wire. next is the protocol the fragment names.
func (s *fragments) add(key datagramKey, f fragment, more bool, next uint8, now int64) (whole, int, bool) {
	s.expire(now)
	g := s.open[key]
	if g == nil {
		g = s.begin(key, now)
	}
	if f.offset == 0 {
		g.next = next
	}
	if !more && !g.endAt(f.end()) || !g.place(f) {
		s.drop(key)
		return whole{}, 0, false
	}
	if g.total == 0 || g.have < g.total {
		return whole{}, 0, false
	}
	out := whole{data: s.join(g), next: g.next}
	delete(s.open, key)
	return out, g.total, true
}

func (s *fragments) begin(key datagramKey, now int64) *datagram {
	if s.open == nil {
		s.open = make(map[datagramKey]*datagram)
	}
	if len(s.open) >= maxDatagrams {
		s.dropOldest()
	}
	g := &datagram{since: now}
	s.open[key] = g
	return g
}

// endAt takes the length that a last fragment gives. It reports false if it
// contradicts the pieces.
func (g *datagram) endAt(total int) bool {
	if g.total != 0 {
		return g.total == total
	}
	g.total = total
	return len(g.pieces) == 0 || g.pieces[len(g.pieces)-1].end() <= total
}

// place puts a copy of f among the pieces, unless they have it already. It reports
// false for a piece that contradicts them: overlaps make a datagram void
// (RFC 5722, 4).
func (g *datagram) place(f fragment) bool {
	if f.length <= 0 || f.end() > 0xffff || g.total != 0 && f.end() > g.total || len(g.pieces) >= maxFragments {
		return false
	}
	at, found := slices.BinarySearchFunc(g.pieces, f.offset, func(p fragment, offset int) int { return p.offset - offset })
	if found {
		return g.pieces[at].length == f.length
	}
	if at > 0 && g.pieces[at-1].end() > f.offset || at < len(g.pieces) && f.end() > g.pieces[at].offset {
		return false
	}
	f.data = slices.Clone(f.data)
	g.pieces = slices.Insert(g.pieces, at, f)
	g.have += f.length
	return true
}

// join gives the bytes up to the first that the capture cut off.
func (s *fragments) join(g *datagram) []byte {
	s.scratch = s.scratch[:0]
	for _, p := range g.pieces {
		s.scratch = append(s.scratch, p.data...)
		if len(p.data) < p.length {
			break
		}
	}
	return s.scratch
}

func (s *fragments) expire(now int64) {
	for key, g := range s.open {
		if now-g.since > fragmentTimeout {
			s.drop(key)
		}
	}
}

func (s *fragments) dropOldest() {
	var oldest *datagram
	var at datagramKey
	for key, g := range s.open {
		if oldest == nil || g.since < oldest.since {
			oldest, at = g, key
		}
	}
	s.drop(at)
}

func (s *fragments) drop(key datagramKey) {
	delete(s.open, key)
	s.dropped++
}
