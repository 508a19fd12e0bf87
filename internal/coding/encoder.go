package coding

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Level says how much work an encoder does.
type Level uint8

const (
	Balanced Level = iota
	Fast
	Best
	levels
)

// Encoder codes what is written to it. Flush sends all that was written so far,
// so that the other side can decode it.
type Encoder interface {
	io.WriteCloser
	Flush() error
	Reset(to io.Writer)
}

// Pool keeps encoders, whose tables are what costs. No more than Max are in use at
// a time: a client that reads slowly holds one as long as it likes. A Pool may be
// used concurrently.
type Pool struct {
	Max  int
	used atomic.Int64
	kept [codings][levels]sync.Pool
}

// Get lends an encoder that writes to to; nil if too many are in use, or none
// is needed. Give it back with Put.
func (p *Pool) Get(c Coding, level Level, to io.Writer) Encoder {
	if c == Identity {
		return nil
	}
	if p.used.Add(1) > int64(p.Max) {
		p.used.Add(-1)
		return nil
	}
	e, ok := p.kept[c][level].Get().(Encoder)
	if !ok {
		e = newEncoder(c, level)
	}
	e.Reset(to)
	return e
}

// Put takes an encoder back that Get gave for c and level, whether what it wrote
// is whole or not.
func (p *Pool) Put(c Coding, level Level, e Encoder) {
	p.used.Add(-1)
	e.Reset(io.Discard) // lets go of where it wrote to
	p.kept[c][level].Put(e)
}

// Used is the number of encoders in use.
func (p *Pool) Used() int { return int(p.used.Load()) }

// How far back zstd and Brotli look. Every client must be able to hold it (RFC
// 9659: 8 MB), and each encoder of ours holds it several times.
const (
	zstdWindow   = 128 << 10
	brotliWindow = 16 // as a power of two
)

// newEncoder: of 1 MB of text, a balanced one makes in about 25 ms 397 kB with zstd
// (2.2 MB of memory), in 105 ms 423 kB with Brotli (0.8 MB), in 43 ms 410 kB with gzip
// (1.1 MB). The best take up to 5 MB; Brotli above 3 costs twice the memory and time for 5 %.
func newEncoder(c Coding, level Level) Encoder {
	switch c {
	case Zstd:
		effort := [levels]zstd.EncoderLevel{zstd.SpeedDefault, zstd.SpeedFastest, zstd.SpeedBetterCompression}[level]
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(effort), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow),
			zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true))
		return made(e, err)
	case Brotli:
		return brotli.NewWriterOptions(io.Discard, brotli.WriterOptions{Quality: [levels]int{3, 1, 5}[level], LGWin: brotliWindow})
	default:
		e, err := gzip.NewWriterLevel(io.Discard, [levels]int{5, gzip.BestSpeed, 7}[level])
		return made(e, err)
	}
}

// made is an encoder whose options are constants, all of them valid.
func made(e Encoder, err error) Encoder {
	if err != nil {
		panic(fmt.Sprintf("make an encoder: %v", err))
	}
	return e
}
