package tlswire

// Scratch is the working memory that the sessions of one goroutine share: what
// was decrypted last, and buffers for records that came in part. The zero
// value is ready; it is not for concurrent use.
type Scratch struct {
	out   []byte
	plain []byte // inflated
	nonce [16]byte
	head  [16]byte // additional data, or what a MAC is fed first
	sum   [64]byte
	msg   Message
	small [][]byte
	large [][]byte

	suites map[uint16]*suite
}

const (
	smallRecord = 2 << 10
	largeRecord = headerLen + maxPayload
	maxSpare    = 64 // buffers kept of each size
)

// suite gives what is known of a cipher suite; nil if it is not supported.
func (s *Scratch) suite(id uint16) *suite {
	found, known := s.suites[id]
	if known {
		return found
	}
	if made, ok := suiteOf(id); ok {
		found = &made
	}
	if s.suites == nil {
		s.suites = map[uint16]*suite{}
	}
	s.suites[id] = found
	return found
}

// room gives decrypted bytes a place of n bytes.
func (s *Scratch) room(n int) []byte {
	if cap(s.out) < n {
		s.out = make([]byte, max(n, largeRecord))
	}
	return s.out[:n]
}

// take gives an empty buffer for n bytes, at most largeRecord.
func (s *Scratch) take(n int) []byte {
	free, size := &s.small, smallRecord
	if n > smallRecord {
		free, size = &s.large, largeRecord
	}
	if last := len(*free) - 1; last >= 0 {
		b := (*free)[last]
		*free = (*free)[:last]
		return b
	}
	return make([]byte, 0, size)
}

// give takes a buffer back.
func (s *Scratch) give(b []byte) {
	free := &s.small
	switch {
	case cap(b) >= largeRecord:
		free = &s.large
	case cap(b) < smallRecord:
		return
	}
	if len(*free) < maxSpare {
		*free = append(*free, b[:0])
	}
}

// message gives the one Message, cleared.
func (s *Scratch) message(kind MessageKind, dir int) *Message {
	s.msg = Message{Kind: kind, Dir: dir}
	return &s.msg
}
