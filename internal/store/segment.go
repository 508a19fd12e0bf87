package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// segmentFile is one that is being written.
type segmentFile struct {
	id     uint64
	kept   bool // holds what outlives its first segment
	file   *os.File
	size   int64
	made   time.Time
	buffer []byte
}

// segmentName is that of the file: the number, and what it holds.
func segmentName(id uint64, kept bool) string {
	if kept {
		return fmt.Sprintf("%016d.kept", id)
	}
	return fmt.Sprintf("%016d.seg", id)
}

func parseSegmentName(name string) (id uint64, kept, ok bool) {
	digits, ext, _ := strings.Cut(name, ".")
	id, err := strconv.ParseUint(digits, 10, 64)
	return id, ext == "kept", err == nil && len(digits) == 16 && (ext == "kept" || ext == "seg")
}

func createSegment(folder string, id uint64, kept bool, packer *zstd.Encoder) (*segmentFile, error) {
	f, err := os.OpenFile(filepath.Join(folder, segmentName(id, kept)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	s := &segmentFile{id: id, kept: kept, file: f, made: time.Now()}
	if _, err := s.append(0, packer.EncodeAll([]byte(kindNames()), nil)); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return s, nil
}

// append writes a block as one frame and gives its place. What was written of a
// frame that found no room is taken back.
func (s *segmentFile) append(block uint64, payload []byte) (offset int64, err error) {
	s.buffer = appendFrame(s.buffer[:0], block, payload)
	offset = s.size
	if _, err := s.file.WriteAt(s.buffer, offset); err != nil {
		return 0, errors.Join(fmt.Errorf("write segment: %w", err), s.file.Truncate(offset))
	}
	s.size += int64(len(s.buffer))
	return offset, nil
}

// retract takes the frames from an offset on back.
func (s *segmentFile) retract(offset int64) error {
	s.size = offset
	return s.file.Truncate(offset)
}

func (s *segmentFile) close() error {
	if s == nil {
		return nil
	}
	return errors.Join(s.file.Sync(), s.file.Close())
}
