package pcap

import (
	"cmp"
	"io"
	"os"
	"sync/atomic"
	"syscall"
)

// file is one capture of a Source.
type file struct {
	path   string
	index  int
	size   int64 // bytes; NotRecorded of what is no regular file
	stdin  io.Reader
	opened *os.File // by us
	r      *Reader  // kept after the end for its Interfaces

	batch Batch
	at    int   // next packet of batch
	when  int64 // its time, or that of the one before if it has none
}

func newFile(path string, index int, stdin io.Reader) (*file, error) {
	f := &file{path: path, index: index, size: NotRecorded}
	if path == "-" {
		f.stdin = stdin
		return f, nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, &os.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	case info.Mode().IsRegular():
		f.size = info.Size()
	}
	return f, nil
}

func (f *file) name() string {
	if f.stdin != nil {
		return "stdin"
	}
	return f.path
}

// open makes the Reader, see newReader.
func (f *file) open(taken *atomic.Int64, chunk int) (err error) {
	in := f.stdin
	if in == nil {
		if f.opened, err = os.Open(f.path); err != nil {
			return err
		}
		in = f.opened
	}
	if f.r, err = newReader(in, f.name(), taken, chunk); err != nil {
		f.stop()
	}
	return err
}

// stop closes what open opened.
func (f *file) stop() {
	if f.r != nil {
		f.r.Close()
	}
	if f.opened != nil {
		f.opened.Close()
		f.opened = nil
	}
}

func (f *file) empty() bool { return f.at == len(f.batch.Packets) }

// look takes note of the time of the next packet.
func (f *file) look() {
	if !f.empty() && f.batch.Packets[f.at].HasTime {
		f.when = f.batch.Packets[f.at].Time
	}
}

// earlier orders files by their next packet, then as given.
func earlier(a, b *file) int {
	return cmp.Or(cmp.Compare(a.when, b.when), cmp.Compare(a.index, b.index))
}
