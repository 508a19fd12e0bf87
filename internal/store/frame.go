package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// A segment is a file of frames, only ever appended to:
//
//	magic "FLR1" | length of the payload, 4 bytes | block, 8 bytes | CRC-32C of all but magic and itself, 4 bytes | payload
//
// Numbers are little-endian; the payload is one zstd frame. Block 0 comes
// first and names the kinds of events as the bytes of this segment have them.
const (
	frameMagic = "FLR1"
	frameHead  = 4 + 4 + 8 + 4
	maxPayload = 64 << 20
)

// errDamaged says that what lies in a segment is not what was written.
var errDamaged = errors.New("the checksum does not match")

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// appendFrame encodes a frame behind b.
func appendFrame(b []byte, block uint64, payload []byte) []byte {
	start := len(b)
	b = append(b, frameMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint64(b, block)
	b = binary.LittleEndian.AppendUint32(b, frameSum(b[start+4:start+16], payload))
	return append(b, payload...)
}

func frameSum(head, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli()), castagnoli(), payload)
}

// frame is one frame of a segment, and where it lies.
type frame struct {
	block   uint64
	offset  int64
	size    int64 // with its head
	payload []byte
}

// readFrame reads the frame at an offset. The error is errDamaged, io.EOF or
// io.ErrUnexpectedEOF, or one of the disk.
func readFrame(r io.ReaderAt, offset int64) (frame, error) {
	var head [frameHead]byte
	if n, err := r.ReadAt(head[:], offset); n < len(head) {
		if n > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	n := binary.LittleEndian.Uint32(head[4:])
	if string(head[:4]) != frameMagic || n > maxPayload {
		return frame{}, errDamaged
	}
	f := frame{block: binary.LittleEndian.Uint64(head[8:]), offset: offset, size: frameHead + int64(n), payload: make([]byte, n)}
	if got, err := r.ReadAt(f.payload, offset+frameHead); got < len(f.payload) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	if frameSum(head[4:16], f.payload) != binary.LittleEndian.Uint32(head[16:]) {
		return frame{}, errDamaged
	}
	return f, nil
}

// scanFrames gives the whole frames from an offset on, passing over damage, and
// tells where the last of them ends: what lies behind is torn.
func scanFrames(f *os.File, offset int64, yield func(frame) error) (end int64, damaged int, err error) {
	end = offset
	for {
		fr, err := readFrame(f, offset)
		switch {
		case err == nil:
			if err := yield(fr); err != nil {
				return end, damaged, err
			}
			offset += fr.size
			end = offset
			continue
		case errors.Is(err, io.EOF):
			return end, damaged, nil
		case !errors.Is(err, errDamaged) && !errors.Is(err, io.ErrUnexpectedEOF):
			return end, damaged, fmt.Errorf("read segment %s: %w", f.Name(), err)
		}
		next, err := nextMagic(f, offset+1)
		if err != nil || next < 0 {
			return end, damaged, err
		}
		damaged++
		offset = next
	}
}

// nextMagic finds the next place where a frame may begin, -1 if there is none.
func nextMagic(f io.ReaderAt, offset int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := f.ReadAt(buf, offset)
		if i := bytes.Index(buf[:n], []byte(frameMagic)); i >= 0 {
			return offset + int64(i), nil
		}
		if errors.Is(err, io.EOF) {
			return -1, nil
		}
		if err != nil {
			return -1, fmt.Errorf("search segment: %w", err)
		}
		offset += int64(n - len(frameMagic) + 1)
	}
}
