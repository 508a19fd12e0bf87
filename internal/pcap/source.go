package pcap

import (
	"errors"
	"io"
	"math"
	"slices"
	"sync/atomic"
)

const (
	// peekSize is what is read at once of a file to see when it begins.
	peekSize = 64 << 10
	// maxMerged bounds the packets of a merged batch, whatever their size.
	maxMerged = BatchSize / recordHeader
)

// Source reads several captures as one, merged by time. Files that do not
// overlap in time, like those of a ring, are open one after the other; each
// that is open holds about 1 MiB. It is for one goroutine, but for InputOffset.
type Source struct {
	files   []*file
	waiting []*file // not begun, by time of the first packet
	merging []*file // begun, by time of the next packet

	number int
	damage []error
	taken  atomic.Int64

	onSecrets func(Secrets)
	early     []Secrets // met before onSecrets was set

	spare Batch
	ahead ahead // of Next
}

// Open opens captures; "-" is stdin. It fails for what cannot be opened or is
// no capture at all (ErrFormat). A file header that is cut is an error of a
// single capture, and part of Damage where there are others.
func Open(paths []string, stdin io.Reader) (*Source, error) {
	s := &Source{}
	for i, path := range paths {
		f, err := newFile(path, i, stdin)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.files = append(s.files, f)
		if len(paths) == 1 {
			s.merging = append(s.merging, f)
			err = s.start(f)
		} else {
			err = s.peek(f)
		}
		if err != nil {
			s.Close()
			return nil, err
		}
	}
	slices.SortFunc(s.waiting, earlier)
	return s, nil
}

// Name of a file, as given; "stdin" for "-".
func (s *Source) Name(file int) string { return s.files[file].name() }

// Interfaces of a file that were described so far.
func (s *Source) Interfaces(file int) []Interface {
	if r := s.files[file].r; r != nil {
		return r.Interfaces()
	}
	return nil
}

// OnSecrets has f called with the decryption secrets of all files, as
// Reader.OnSecrets does.
func (s *Source) OnSecrets(f func(Secrets)) {
	s.onSecrets = f
	for _, secrets := range s.early {
		f(secrets)
	}
	s.early = nil
}

// Damage lists how files ended that did not end well, in the order it was
// found: each a *DamageError or an error of reading. It is complete at the end.
func (s *Source) Damage() []error { return s.damage }

// InputOffset is the number of bytes taken from all inputs, as they lie there.
// It may be asked from any goroutine.
func (s *Source) InputOffset() int64 { return s.taken.Load() }

// Size is the length of all files in bytes; it is not known if one is stdin or
// a pipe.
func (s *Source) Size() (total int64, known bool) {
	for _, f := range s.files {
		if f.size == NotRecorded {
			return 0, false
		}
		total += f.size
	}
	return total, true
}

// SecretsMayCome tells whether a file that cannot be read ahead is of a format
// that may hold decryption secrets.
func (s *Source) SecretsMayCome() bool {
	return slices.ContainsFunc(s.files, func(f *file) bool {
		if f.size != NotRecorded || f.r == nil {
			return false
		}
		_, is := f.r.format.(*ng)
		return is
	})
}

// Close closes the files. Stdin stays open.
func (s *Source) Close() {
	for _, f := range s.files {
		f.stop()
	}
}

// Next reads a packet, whose Data is valid until the next call. The only error
// is io.EOF; see Damage.
func (s *Source) Next(p *Packet) error { return s.ahead.next(p, s) }

// NextBatch reads packets as Reader.NextBatch does. The only error is io.EOF;
// see Damage.
func (s *Source) NextBatch(b *Batch) error { return s.ahead.batch(b, s) }

func (s *Source) fill(b *Batch) error {
	if len(s.files) == 1 {
		return s.fillAlone(b)
	}
	b.reset()
	for s.settle() {
		f := s.merging[0]
		whole := f.at == 0 && s.precedesOthers(f)
		switch {
		case whole && len(b.Packets) == 0:
			*b, f.batch = f.batch, *b
			f.batch.Packets = f.batch.Packets[:0]
			for i := range b.Packets {
				s.claim(&b.Packets[i], f)
			}
			return nil
		case whole, !s.merge(f, b):
			return nil
		}
	}
	if len(b.Packets) == 0 {
		return io.EOF
	}
	return nil
}

func (s *Source) fillAlone(b *Batch) error {
	f := s.files[0]
	if len(s.merging) == 0 {
		b.reset()
		return io.EOF
	}
	err := f.r.NextBatch(b)
	if err != nil {
		s.ended(f, err)
		s.merging = nil
		return io.EOF
	}
	return nil
}

// claim numbers a packet of a file.
func (s *Source) claim(p *Packet, f *file) {
	s.number++
	p.Number, p.File = s.number, f.index
}

// merge moves packets of f, whose turn it is, to b until it is another's turn
// or f must be loaded again. It is false if b is full.
func (s *Source) merge(f *file, b *Batch) bool {
	other := s.runnerUp()
	for f.at < len(f.batch.Packets) && (other == nil || earlier(f, other) < 0) {
		p := &f.batch.Packets[f.at]
		if len(b.Packets) == maxMerged || len(b.Buf)+len(p.Data) > cap(b.Buf) {
			return false
		}
		begin := len(b.Buf)
		b.Buf = append(b.Buf, p.Data...)
		moved := *p
		moved.Data = b.Buf[begin:len(b.Buf):len(b.Buf)]
		s.claim(&moved, f)
		b.Packets = append(b.Packets, moved)
		f.at++
		f.look()
	}
	return true
}

// settle has the earliest packet of all at the head of merging; false: there
// are no more.
func (s *Source) settle() bool {
	for {
		for len(s.merging) > 0 && s.merging[0].empty() {
			if f := s.merging[0]; !s.load(f) {
				s.spare, f.batch = f.batch, Batch{}
				s.merging = s.merging[1:]
			}
		}
		s.sink()
		if len(s.merging) > 0 && s.merging[0].empty() {
			continue
		}
		if len(s.waiting) == 0 || len(s.merging) > 0 && earlier(s.merging[0], s.waiting[0]) < 0 {
			return len(s.merging) > 0
		}
		s.wake(s.waiting[0])
		s.waiting = s.waiting[1:]
	}
}

// sink moves the head of merging to its place by time.
func (s *Source) sink() {
	for i := 1; i < len(s.merging) && earlier(s.merging[i], s.merging[i-1]) < 0; i++ {
		s.merging[i], s.merging[i-1] = s.merging[i-1], s.merging[i]
	}
}

// wake puts a waiting file at the head of merging.
func (s *Source) wake(f *file) {
	if f.r == nil {
		if err := s.start(f); err != nil {
			s.ended(f, err)
			return
		}
		f.batch, s.spare = s.spare, Batch{}
	}
	s.merging = slices.Insert(s.merging, 0, f)
}

// runnerUp is the file whose turn is next after the head of merging.
func (s *Source) runnerUp() *file {
	var other *file
	if len(s.merging) > 1 {
		other = s.merging[1]
	}
	if len(s.waiting) > 0 && (other == nil || earlier(s.waiting[0], other) < 0) {
		other = s.waiting[0]
	}
	return other
}

// precedesOthers tells whether all that is loaded of f comes before anything of
// another file.
func (s *Source) precedesOthers(f *file) bool {
	other := s.runnerUp()
	if other == nil {
		return true
	}
	for i := range f.batch.Packets {
		if p := &f.batch.Packets[i]; p.HasTime && p.Time >= other.when {
			return false
		}
	}
	return f.when < other.when
}

// peek finds out when a file begins. What cannot be opened again stays open.
func (s *Source) peek(f *file) error {
	f.when = math.MinInt64
	if f.size == NotRecorded {
		return s.await(f, s.start(f))
	}
	if err := f.open(new(atomic.Int64), peekSize); err != nil {
		return s.await(f, err)
	}
	if f.r.NextBatch(&f.batch) == nil {
		f.look()
	}
	f.stop()
	f.r = nil
	s.ahead.own, f.batch = f.batch, Batch{}
	s.ahead.own.Packets = s.ahead.own.Packets[:0]
	return s.await(f, nil)
}

// await puts a file among the waiting unless it could not be begun.
func (s *Source) await(f *file, err error) error {
	if damage := (*DamageError)(nil); errors.As(err, &damage) {
		s.ended(f, err)
		return nil
	}
	if err == nil {
		s.waiting = append(s.waiting, f)
	}
	return err
}

// start opens a file for its packets and secrets.
func (s *Source) start(f *file) error {
	if err := f.open(&s.taken, BatchSize); err != nil {
		return err
	}
	f.r.OnSecrets(func(secrets Secrets) {
		if s.onSecrets == nil {
			s.early = append(s.early, secrets)
			return
		}
		s.onSecrets(secrets)
	})
	return nil
}

// load reads the next packets of a file; false: there are none.
func (s *Source) load(f *file) bool {
	if err := f.r.NextBatch(&f.batch); err != nil {
		s.ended(f, err)
		return false
	}
	f.at = 0
	f.look()
	return true
}

func (s *Source) ended(f *file, err error) {
	if err != io.EOF {
		s.damage = append(s.damage, err)
	}
	f.stop()
}
