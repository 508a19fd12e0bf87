package cli

import (
	"bytes"
	"io"
	"os"
)

// grownFile is a file that grows, or will exist later. One that is replaced or
// cut is read anew: it is known by the last bytes that were read.
type grownFile struct {
	path string
	read int64
	last []byte // read before that place
}

const (
	grownChunk = 1 << 20 // a longer line is no secret
	grownLast  = 256
)

// news calls f with the whole lines that came since, which are f's to keep.
func (g *grownFile) news(f func(lines []byte)) {
	file, err := os.Open(g.path)
	if err != nil {
		return // it may come
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	if !g.same(file) {
		g.read, g.last = 0, nil
	}
	if info.Size() == g.read {
		return // mostly: it is looked at for each batch of packets
	}
	for {
		chunk := make([]byte, grownChunk)
		n, err := file.ReadAt(chunk, g.read)
		whole := bytes.LastIndexByte(chunk[:n], '\n') + 1
		if whole == 0 && n == len(chunk) {
			whole = n
		}
		if whole > 0 {
			g.read += int64(whole)
			g.last = bytes.Clone(chunk[max(0, whole-grownLast):whole])
			f(bytes.Clone(chunk[:whole]))
		}
		if err != nil {
			return // io.EOF; others as if nothing more had come
		}
	}
}

// same tells whether the file goes on where it was read to.
func (g *grownFile) same(file io.ReaderAt) bool {
	now := make([]byte, len(g.last))
	n, _ := file.ReadAt(now, g.read-int64(len(g.last)))
	return bytes.Equal(now[:n], g.last)
}
