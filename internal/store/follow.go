package store

import (
	"context"
	"slices"
	"time"

	"fanlight/internal/flow"
)

// Entry is one batch as it was taken. A follower gives its receiver a copy of
// the batch to own.
type Entry struct {
	Seq     uint64      // grows with every batch taken
	Conn    flow.ConnID // 0: a fact about the machine
	Notable bool
	Batch   flow.Batch
}

// Follower reads what is taken after it was made. It is for one goroutine and
// needs no closing.
type Follower struct {
	store  *Store
	all    bool   // false: only notable batches are copied and given
	seq    uint64 // of the next batch to read
	serial uint64 // where that batch is
	offset int
}

// gather is how long a follower lets batches collect after it was woken, so
// that the door does not wake it for each.
const gather = 20 * time.Millisecond

// atOnce bounds the bytes that one call of Next gives.
const atOnce = 1 << 20

// Follow makes a follower that begins with the next batch.
func (s *Store) Follow() *Follower { return s.follower(true) }

// FollowNotable makes a follower that is given notable batches only and costs
// next to nothing where there are none.
func (s *Store) FollowNotable() *Follower { return s.follower(false) }

func (s *Store) follower(all bool) *Follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Follower{store: s, all: all, seq: s.seq, serial: s.all.serial, offset: s.all.current().used}
}

// Next waits for batches and gives them in order, with the number of batches
// that were overwritten before they could be read. The error is that of ctx.
func (f *Follower) Next(ctx context.Context) (entries []Entry, lost int64, err error) {
	for {
		if entries, lost = f.read(); len(entries) > 0 || lost > 0 {
			return entries, lost, nil
		}
		if err := f.wait(ctx); err != nil {
			return nil, 0, err
		}
	}
}

func (f *Follower) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-f.woken():
	}
	timer := time.NewTimer(gather)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// woken gives a channel that is closed once there is something to read.
func (f *Follower) woken() <-chan struct{} {
	s := f.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seq != f.seq {
		ready := make(chan struct{})
		close(ready)
		return ready
	}
	if s.wake == nil {
		s.wake = make(chan struct{})
	}
	return s.wake
}

// read copies what is there, up to atOnce bytes of it.
func (f *Follower) read() (entries []Entry, lost int64) {
	if f.passPlain() {
		return nil, 0
	}
	s := f.store
	for size := 0; size < atOnce; {
		v, ok := s.pin(&s.all, f.serial)
		if !ok {
			break
		}
		if v.serial != f.serial {
			f.serial, f.offset = v.serial, 0
		}
		v.entries(f.offset, func(at int, h header, b flow.Batch) bool {
			lost += int64(h.seq - f.seq)
			f.seq, f.offset = h.seq+1, at+headerSize+h.size
			if f.all || h.notable {
				entries = append(entries, Entry{h.seq, h.conn, h.notable, slices.Clone(b)})
				size += h.size
			}
			return size < atOnce
		})
		ended := v.sealed != 0 && f.offset == len(v.data)
		s.unpin(&s.all, v)
		if !ended {
			break
		}
		f.serial, f.offset = f.serial+1, 0
	}
	return entries, lost + f.skipDropped()
}

// passPlain goes to the end without looking if nothing notable came and
// nothing else is wanted.
func (f *Follower) passPlain() bool {
	s := f.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.all || s.notable > f.seq {
		return false
	}
	f.seq, f.serial, f.offset = s.seq, s.all.serial, s.all.current().used
	return true
}

// skipDropped counts batches at the end that were never kept, for which there
// is nothing to read.
func (f *Follower) skipDropped() (lost int64) {
	s := f.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.serial == s.all.serial && f.offset == s.all.current().used {
		lost = int64(s.seq - f.seq)
		f.seq = s.seq
	}
	return lost
}

// skim goes to the end, giving only what is notable; the rest counts as lost.
func (f *Follower) skim() (entries []Entry, lost int64) {
	for {
		before := f.seq
		f.all = false
		some, _ := f.read()
		f.all = true
		entries = append(entries, some...)
		lost += int64(f.seq-before) - int64(len(some))
		if f.seq == before {
			return entries, lost
		}
	}
}
