package pcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"sync/atomic"
)

// ErrFormat is wrapped by the error for input that is no capture.
var ErrFormat = errors.New("neither pcap nor pcapng")

// order is the byte order of a file or section.
type order struct{ big bool }

func (o order) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if o.big {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (o order) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if o.big {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (o order) u64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if o.big {
		v = bits.ReverseBytes64(v)
	}
	return v
}

// format takes whole packets off the front of buf into b. It gives the number
// of bytes it is done with, and what is wrong with those that follow.
type format interface {
	take(r *Reader, buf []byte, b *Batch) (used int, err error)
	// cut is what is wrong with a file that ends with rest, which take would
	// not have; nil if nothing is.
	cut(r *Reader, rest []byte) error
}

// Reader reads one capture. It is for one goroutine, but for Offset and
// InputOffset.
type Reader struct {
	name       string
	in         *input
	taken      *atomic.Int64 // bytes of the input, before unpacking
	format     format
	order      order
	interfaces []Interface
	onSecrets  func(Secrets)
	number     int

	tail   []byte // read, but not yet whole
	chunk  int    // most bytes to ask for at once
	offset atomic.Int64
	err    error // what there is instead of further packets

	ahead ahead // of Next
}

// NewReader recognises the format of a capture, through gzip or zstd if it is
// packed. Name is for errors. It blocks until the file header has arrived.
// Errors are a *DamageError for a capture that ends inside that header, one
// wrapping ErrFormat for something else, or that of r.
func NewReader(r io.Reader, name string) (*Reader, error) {
	return newReader(r, name, new(atomic.Int64), BatchSize)
}

// newReader adds what it takes from the input to taken, in pieces of at most
// chunk bytes.
func newReader(r io.Reader, name string, taken *atomic.Int64, chunk int) (*Reader, error) {
	in, err := newInput(counter{r, taken})
	if err != nil {
		return nil, openError(name, err)
	}
	rd := &Reader{name: name, in: in, taken: taken, chunk: chunk}
	if err := rd.recognise(); err != nil {
		in.close()
		return nil, err
	}
	return rd, nil
}

func openError(name string, err error) error {
	switch {
	case err == io.EOF:
		return &DamageError{Name: name, Reason: "the file is empty"}
	case err == io.ErrUnexpectedEOF:
		return &DamageError{Name: name, Reason: cutShort}
	}
	return fmt.Errorf("read %s: %w", name, err)
}

func (r *Reader) recognise() error {
	var head [classicHeader]byte
	n, err := io.ReadFull(r.in, head[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return r.inputError(0, err)
	}
	if n == 0 {
		return openError(r.name, io.EOF)
	}
	begin := head[:min(n, 4)]
	if binary.LittleEndian.Uint32(head[:]) == blockSection {
		r.format, r.tail = &ng{}, append(r.tail, head[:n]...)
		return nil
	}
	f, ok := r.newClassic(head[:])
	switch {
	case !ok:
		return fmt.Errorf("read %s: %w: it begins with % x", r.name, ErrFormat, begin)
	case err != nil:
		return &DamageError{Name: r.name, Reason: cutShort}
	}
	r.format = f
	r.offset.Store(classicHeader)
	return nil
}

// Name is the name the Reader was made with.
func (r *Reader) Name() string { return r.name }

// OnSecrets has f called with decryption secrets when the batch they lie in is
// read: before the packets that follow them, and possibly before some that
// precede them. Set it before the first packet is read.
func (r *Reader) OnSecrets(f func(Secrets)) { r.onSecrets = f }

// Offset is the number of bytes of the unpacked file that are done with. It may
// be asked from any goroutine.
func (r *Reader) Offset() int64 { return r.offset.Load() }

// InputOffset is the number of bytes taken from the input as it lies there,
// packed or not, read-ahead included. It may be asked from any goroutine.
func (r *Reader) InputOffset() int64 { return r.taken.Load() }

// Interfaces are those described so far, of all sections, with their counts as
// last said.
func (r *Reader) Interfaces() []Interface { return slices.Clone(r.interfaces) }

// Close ends unpacking. The input stays open.
func (r *Reader) Close() { r.in.close() }

// Next reads a packet, whose Data is valid until the next call. At the end it
// gives io.EOF, from the first fault on a *DamageError, or the error of the
// input.
func (r *Reader) Next(p *Packet) error { return r.ahead.next(p, r) }

// NextBatch reads at least one packet and at most BatchSize bytes of them, as
// many as the input has at once. The batch is its owner's until it comes back.
// Errors are those of Next and come with no packet.
func (r *Reader) NextBatch(b *Batch) error { return r.ahead.batch(b, r) }

func (r *Reader) fill(b *Batch) error {
	b.reset()
	if r.err != nil {
		return r.err
	}
	buf := b.Buf[:cap(b.Buf)]
	n := copy(buf, r.tail)
	r.tail = r.tail[:0]
	for {
		m, inErr := r.in.Read(buf[n:min(n+r.chunk, len(buf))])
		n += m
		used, err := r.format.take(r, buf[:n], b)
		r.offset.Add(int64(used))
		switch {
		case err != nil:
			r.err = err
		case inErr != nil:
			r.err = r.ended(inErr, buf[used:n])
		}
		if len(b.Packets) > 0 || r.err != nil {
			r.tail = append(r.tail, buf[used:n]...)
			b.Buf = buf[:n]
			break
		}
		n = copy(buf, buf[used:n])
	}
	if len(b.Packets) == 0 {
		return r.err
	}
	return nil
}

// ended is what an error of the input means where rest could not be used.
func (r *Reader) ended(err error, rest []byte) error {
	if err != io.EOF {
		return r.inputError(len(rest), err)
	}
	if cut := r.format.cut(r, rest); cut != nil {
		return cut
	}
	return io.EOF
}

// inputError is an error of the input after at further bytes.
func (r *Reader) inputError(at int, err error) error {
	if r.in.packed != "" {
		return r.damage(at, 0, "unpack %s: %v", r.in.packed, err)
	}
	return fmt.Errorf("read %s: offset %d: %w", r.name, r.Offset()+int64(at), err)
}

// damage is a fault at an offset from what is done with. Packet is 0 if it is
// in none.
func (r *Reader) damage(at, packet int, reason string, args ...any) error {
	return &DamageError{Name: r.name, Offset: r.Offset() + int64(at), Packet: packet, Reason: fmt.Sprintf(reason, args...)}
}
