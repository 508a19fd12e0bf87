package tlswire

import "fmt"

const (
	headerLen = 5
	// maxPayload is what TLSCiphertext.length may be at most up to TLS 1.2
	// (RFC 5246, section 6.2.3); TLS 1.3 allows less.
	maxPayload = 1<<14 + 2048
)

// Scanner walks the TLS records of one direction of a stream as it passes, cut
// into pieces anywhere. It holds a record header and, of handshake and alert
// records and only while Keep is true, one payload of at most 18 KiB; where a
// record came in one piece it does not even copy that. It does not allocate
// while nothing is kept. The zero value is ready; it is not for concurrent use.
type Scanner struct {
	Keep bool // give the payload of handshake and alert records that begin from now on

	header  [headerLen]byte
	have    int // bytes of header that have come
	left    int // bytes of payload still to come
	keeping bool
	kept    []byte
	changed bool // ChangeCipherSpec has passed
	records int  // complete records so far
	err     error
}

// Write takes the next bytes of the stream and calls emit for each record that
// they complete. It fails when the bytes cannot be TLS, with a *NotTLSError if
// that was so from the start; it then ignores everything and fails the same
// way each time.
func (s *Scanner) Write(p []byte, emit func(Record)) error {
	for len(p) > 0 && s.err == nil {
		if s.have < headerLen {
			n := copy(s.header[s.have:], p)
			p = p[n:]
			if s.have += n; s.have < headerLen {
				break
			}
			if s.err = s.begin(); s.err != nil || s.left > 0 {
				continue
			}
		}
		n := min(len(p), s.left)
		piece := p[:n:n]
		p = p[n:]
		whole := len(s.kept) == 0 && n == s.left
		s.left -= n
		if s.keeping && !whole {
			s.kept = append(s.kept, piece...)
			piece = s.kept
		}
		if s.left == 0 {
			s.finish(piece, emit)
		}
	}
	return s.err
}

// Incomplete tells whether the stream so far stops inside a record.
func (s *Scanner) Incomplete() bool { return s.err == nil && s.have > 0 }

func (s *Scanner) begin() error {
	typ, major, length := RecordType(s.header[0]), s.header[1], int(s.header[3])<<8|int(s.header[4])
	if typ < ChangeCipherSpec || typ > Heartbeat || major != 3 || length > maxPayload {
		if s.records == 0 {
			return &NotTLSError{Looks: looksLike(s.header)}
		}
		return fmt.Errorf("read TLS record %d: %s", s.records+1, headerFault(typ, major, length))
	}
	s.left = length
	s.keeping = s.Keep && (typ == Handshake || typ == AlertRecord)
	return nil
}

func headerFault(typ RecordType, major byte, length int) string {
	switch {
	case typ < ChangeCipherSpec || typ > Heartbeat:
		return fmt.Sprintf("its type is %d, which is none of TLS", typ)
	case major != 3:
		return fmt.Sprintf("its major version is %d instead of 3", major)
	}
	return fmt.Sprintf("it claims %d bytes, more than the %d allowed", length, maxPayload)
}

func (s *Scanner) finish(payload []byte, emit func(Record)) {
	rec := Record{
		Type:    RecordType(s.header[0]),
		Version: uint16(s.header[1])<<8 | uint16(s.header[2]),
		Length:  int(s.header[3])<<8 | int(s.header[4]),
	}
	if s.keeping {
		rec.Payload = payload
	}
	rec.Sealed = s.changed && sealed(rec)
	s.changed = s.changed || rec.Type == ChangeCipherSpec
	s.have, s.keeping, s.kept = 0, false, nil
	s.records++
	emit(rec)
}

// sealed tells whether a record that came after ChangeCipherSpec is encrypted.
func sealed(rec Record) bool {
	switch rec.Type {
	case AlertRecord:
		return rec.Length != 2
	case Handshake:
		return !clearHello(rec.Payload)
	}
	return false
}

// clearHello recognises a record that holds exactly one hello of TLS 1.3. That
// ciphertext looks like this by chance has odds of one to 2^47.
func clearHello(p []byte) bool {
	return len(p) >= 6 && (p[0] == TypeClientHello || p[0] == TypeServerHello) &&
		int(p[1])<<16|int(p[2])<<8|int(p[3]) == len(p)-4 && p[4] == 3 && p[5] == 3
}
