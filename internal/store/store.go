package store

import (
	"sync"
	"time"

	"fanlight/internal/flow"
)

// Store is a flow.Sink that keeps what it is given until newer batches need
// the room. All methods may be called concurrently.
type Store struct {
	mu          sync.Mutex
	seq         uint64 // of the next batch
	notable     uint64 // of the batch after the latest notable one
	all         ring
	heads       ring // the first batch of each connection, once more
	facts       []flow.Batch
	overwritten int64
	tooLarge    int64
	wake        chan struct{} // closed by the next Take; nil: nobody waits
}

const (
	leastSize    = 1 << 20
	largeSegment = 1 << 20
	maxFacts     = 256
)

// New makes a store of size bytes, at least 1 MiB; it takes no more than that
// save for a segment (at most 1 MiB) for each reader that is slower than the
// writers. An eighth is kept for the first batch of each connection, so that a
// connection that lives long does not lose its addresses and its handshake.
func New(size int64) *Store {
	size = max(size, leastSize)
	segment := min(size/16, largeSegment)
	return &Store{
		all:   newRing(size-size/8, segment),
		heads: newRing(size/8, segment),
	}
}

// Take keeps a copy of a batch; it is the contract of flow.Sink. A batch that
// is larger than a segment is dropped and counted.
func (s *Store) Take(conn flow.ConnID, notable bool, b flow.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := header{notable: notable, conn: conn, seq: s.seq}
	s.seq++
	if notable {
		s.notable = s.seq
	}
	if !s.all.fits(len(b)) {
		s.tooLarge++
		return
	}
	s.overwritten += s.all.put(h, b)
	if conn == 0 {
		s.keepFact(b)
	} else if opens(b) {
		s.heads.put(h, b)
	}
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
}

// opens reports whether a batch begins with an Open event: its first byte is
// the kind of its first event.
func opens(b flow.Batch) bool { return len(b) > 0 && flow.Kind(b[0]) == flow.Open }

func (r *ring) put(h header, b flow.Batch) (overwritten int64) {
	if r.full(len(b)) {
		overwritten = r.advance(time.Now().UnixNano())
	}
	r.append(h, b)
	return overwritten
}

// keepFact keeps facts about the machine, which are few and stay true long
// after the traffic around them is gone.
func (s *Store) keepFact(b flow.Batch) {
	if len(s.facts) == maxFacts {
		copy(s.facts, s.facts[1:])
		s.facts = s.facts[:maxFacts-1]
	}
	s.facts = append(s.facts, append(flow.Batch(nil), b...))
}

// pin gives the segment of a serial, or of the oldest after it; ok is false
// beyond the newest. The caller must unpin it.
func (s *Store) pin(r *ring, serial uint64) (v view, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	serial = max(serial, r.oldest())
	if serial > r.serial {
		return view{}, false
	}
	seg := r.at(serial)
	seg.pins++
	return view{serial, seg, seg.data[:seg.used], seg.sealed}, true
}

func (s *Store) unpin(r *ring, v view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.unpin(v.seg)
}

// walk goes through the segments, oldest first.
func (s *Store) walk(r *ring, yield func(view)) {
	for serial := uint64(0); ; serial++ {
		v, ok := s.pin(r, serial)
		if !ok {
			return
		}
		yield(v)
		s.unpin(r, v)
		serial = v.serial
	}
}

// walkBack goes through the segments, newest first, until yield has enough.
func (s *Store) walkBack(r *ring, yield func(view) bool) {
	s.mu.Lock()
	serial := r.serial
	s.mu.Unlock()
	for {
		v, ok := s.pin(r, serial)
		if !ok || v.serial > serial { // overwritten meanwhile
			if ok {
				s.unpin(r, v)
			}
			return
		}
		more := yield(v)
		s.unpin(r, v)
		if !more || serial == 0 {
			return
		}
		serial--
	}
}

// Stats says what the store holds.
type Stats struct {
	Size        int64     // bytes it may fill
	Bytes       int64     // bytes filled
	Batches     int64     // batches kept
	Taken       uint64    // batches given to it since the start
	Overwritten int64     // batches given up for newer ones
	TooLarge    int64     // batches that were never kept
	Oldest      time.Time // of the oldest event kept; zero: none
}

// Stats counts what is kept.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	out := Stats{
		Bytes:       s.all.bytes + s.heads.bytes,
		Batches:     s.all.entries,
		Taken:       s.seq,
		Overwritten: s.overwritten,
		TooLarge:    s.tooLarge,
	}
	for _, r := range []*ring{&s.all, &s.heads} {
		out.Size += int64(len(r.segments) * len(r.segments[0].data))
	}
	s.mu.Unlock()
	out.Oldest = s.oldest()
	return out
}

func (s *Store) oldest() (at time.Time) {
	v, ok := s.pin(&s.all, 0)
	if !ok {
		return at
	}
	defer s.unpin(&s.all, v)
	v.entries(0, func(_ int, _ header, b flow.Batch) bool {
		for e := range b.Events {
			if !e.At.IsZero() {
				at = e.At
				return false
			}
		}
		return true
	})
	return at
}
