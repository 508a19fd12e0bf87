package pcap

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// maxWindow bounds the memory to unpack zstd; it is the default limit of
	// the zstd program.
	maxWindow = 128 << 20
	// maxEmptyReads bounds the patience with an input that gives nothing.
	maxEmptyReads = 100
)

// counter adds up what passes.
type counter struct {
	r io.Reader
	n *atomic.Int64
}

func (c counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// input is a file, unpacked.
type input struct {
	r      io.Reader
	packed string // how: "gzip", "zstd", or empty
	close  func()
}

// newInput looks at the first bytes of raw. The error is io.EOF if there are
// none.
func newInput(raw io.Reader) (*input, error) {
	in := &input{close: func() {}}
	var head [4]byte
	n, err := io.ReadFull(raw, head[:])
	if n == 0 || err != nil && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), raw)
	switch {
	case bytes.HasPrefix(head[:n], []byte{0x1f, 0x8b}): // RFC 1952, section 2.3.1
		return in, in.gunzip(whole)
	case isZstandard(binary.LittleEndian.Uint32(head[:])):
		return in, in.unzstd(whole)
	}
	in.r = whole
	return in, nil
}

// isZstandard knows the first frame of zstd, which some writers precede by one
// to skip (RFC 8878, sections 3.1.1 and 3.1.2).
func isZstandard(magic uint32) bool {
	return magic == 0xfd2fb528 || magic&^0xf == 0x184d2a50
}

func (in *input) gunzip(whole io.Reader) error {
	z, err := gzip.NewReader(bufio.NewReaderSize(whole, 256<<10))
	if err != nil {
		return unexpected(err)
	}
	in.r, in.packed = z, "gzip"
	return nil
}

func (in *input) unzstd(whole io.Reader) error {
	// Without goroutines of its own it never holds up Close for an input that blocks.
	z, err := zstd.NewReader(whole, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return unexpected(err)
	}
	in.r, in.packed, in.close = z, "zstd", z.Close
	return nil
}

// unexpected keeps an early end from looking like an empty file.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Read gives at least a byte or an error.
func (in *input) Read(b []byte) (int, error) {
	for range maxEmptyReads {
		if n, err := in.r.Read(b); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
