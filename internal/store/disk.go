package store

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"fanlight/internal/flow"
)

// DiskOptions say how much is kept on disk, and how.
type DiskOptions struct {
	Size int64         // bytes of segments and index together
	Age  time.Duration // what has no finding is kept so long at most
	Mask flow.Mask     // secrets are masked before they are written; nil: written in clear
	Log  *slog.Logger  // nil: discards
	// Share of the processors' time that writing may take; 0: from a fortieth
	// where the program has nothing else to do to a hundredth where it is busy.
	Share float64
}

// Of the size, at most a quarter holds what is kept longer because of a finding;
// it is kept at most four times as long.
const (
	keptShare = 4
	keptAges  = 4
)

const (
	indexFile      = "index.db"
	leastSegment   = 256 << 10
	largestSegment = 32 << 20
)

// Disk keeps records in a folder. One goroutine writes (Run); the other methods
// may be called concurrently.
type Disk struct {
	folder string
	opts   DiskOptions
	index  *sql.DB // for writing, by one goroutine at a time
	read   *sql.DB
	packer *zstd.Encoder
	opener *zstd.Decoder

	mu      sync.Mutex // guards marks and flushes
	marks   []Mark
	marked  map[Mark]bool // lately
	flushes []chan struct{}
	nudge   chan struct{}

	conns     flow.ConnID // the highest numbers on disk at the start
	exchanges flow.ExchangeID

	written, lost, lostMarks, damaged atomic.Int64
	bytes                             atomic.Int64
	trouble                           atomic.Pointer[string] // nil: none

	// of the writing goroutine
	segment, kept *segmentFile
	segments      uint64 // number of the newest
	block         uint64 // number of the newest
}

// OpenDisk opens the records in a folder, which it makes if there is none, for
// one writer. What a crash tore is cut off, what it left out of the index is
// put in, and an index that is damaged or missing is built anew.
func OpenDisk(folder string, o DiskOptions) (*Disk, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of records: %w", err)
	}
	d, err := newDisk(folder, o)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, indexFile)
	if d.index, err = openWritten(path); err == nil {
		if err = d.recover(); err == nil {
			d.read = openIndex(path, readers, "&_pragma=query_only(1)")
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open records in %s: %w", folder, err), d.Close())
	}
	return d, nil
}

// ReadDisk opens the records in a folder for reading alone, while no door uses
// it.
func ReadDisk(folder string) (*Disk, error) {
	path := filepath.Join(folder, indexFile)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open records in %s: %w", folder, err)
	}
	return OpenDisk(folder, DiskOptions{})
}

// readers is how many questions to the index are answered at the same time.
const readers = 4

func newDisk(folder string, o DiskOptions) (*Disk, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(maxBlock))
	if err != nil {
		return nil, fmt.Errorf("prepare packing: %w", err)
	}
	opener, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPayload))
	if err != nil {
		return nil, fmt.Errorf("prepare unpacking: %w", err)
	}
	return &Disk{folder: folder, opts: o, packer: packer, opener: opener, nudge: make(chan struct{}, 1), marked: map[Mark]bool{}}, nil
}

// Close ends all use. Run must have returned.
func (d *Disk) Close() error {
	errs := []error{d.segment.close(), d.kept.close()}
	for _, db := range []*sql.DB{d.read, d.index} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	d.opener.Close()
	return errors.Join(append(errs, d.packer.Close())...)
}

// Highest are the highest numbers of connections and exchanges on disk when it
// was opened: those of this run must be higher.
func (d *Disk) Highest() (flow.ConnID, flow.ExchangeID) { return d.conns, d.exchanges }

// DiskStats says what is on disk.
type DiskStats struct {
	Size      int64  // bytes it may fill
	Bytes     int64  // bytes filled
	Written   int64  // batches since the start
	Lost      int64  // batches that came faster than they could be written, or found no room
	LostMarks int64  // findings that could not be tied to their records
	Damaged   int64  // places in segments that could not be read
	Trouble   string // why nothing can be written at the moment; empty: it can
}

// Stats counts what is kept.
func (d *Disk) Stats() DiskStats {
	out := DiskStats{Size: d.opts.Size, Bytes: d.bytes.Load(), Written: d.written.Load(), Lost: d.lost.Load(),
		LostMarks: d.lostMarks.Load(), Damaged: d.damaged.Load()}
	if text := d.trouble.Load(); text != nil {
		out.Trouble = *text
	}
	return out
}

// maxMarks bounds the marks that wait to be written.
const maxMarks = 10_000

// Mark has what findings name kept longer. It does not wait.
func (d *Disk) Mark(marks ...Mark) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range marks {
		switch {
		case d.marked[m]:
		case len(d.marks) >= maxMarks:
			d.lostMarks.Add(1)
		default:
			if len(d.marked) >= maxMarks {
				clear(d.marked) // to write one again does no harm
			}
			d.marked[m] = true
			d.marks = append(d.marks, m)
		}
	}
}

func (d *Disk) takeMarks() []Mark {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.marks
	d.marks = nil
	return out
}
