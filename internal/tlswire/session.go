package tlswire

import (
	"bytes"
	"fmt"
	"unsafe"
)

// Session follows one TLS connection from its two streams, and opens what it
// has the keys for. What it emits of one direction is in the order of the
// stream; across directions it is as it was written, except that records may
// have to wait for the other direction, or for keys (Hold). It is not for
// concurrent use; sessions of one goroutine may share a Scratch.
type Session struct {
	// Hold is how many bytes of sealed records, of both directions together,
	// wait for keys that come late. None by default: what cannot be opened at
	// once is emitted as it is.
	Hold int
	// Await, if not nil, is called before a secret is looked for that another
	// session leaves behind; it returns when what came before on the wire has
	// been read there.
	Await func()
	// Scratch is working memory; without one the session makes its own.
	Scratch *Scratch

	keys *Keys
	half [2]half
	hs   *handshake // in progress, or nil

	tls13    bool
	done     bool // the first handshake is complete
	version  uint16
	cipher   uint16
	alpn     string
	heldSize int
	progress uint32 // grows when a handshake brings something that keys depend on
	tried    attempt

	midstream bool // no handshake at the start
	flowing   bool // application data has passed
	lostClear bool // a packet was lost while the handshake was in clear
	opened    bool
	unopened  bool
	why       string
}

// attempt is when keys were last looked for.
type attempt struct {
	keys     uint64
	progress uint32
}

// half is one direction. Sessions are many, and most of them idle: its fields
// lie close together.
type half struct {
	buf      []byte // a record that came in part, with its header
	messages Handshakes
	err      error
	offset   int64 // bytes of the stream so far
	records  int

	damaged  int // bytes still to come of a record that was lost in part
	scanning bool
	dead     bool

	sealed bool  // what comes is encrypted
	looked bool  // tried tells when
	stage  stage // TLS 1.3
	window int   // how many sequence numbers to try at a gap
	misses uint8 // records in a row that did not open
	tried  attempt

	from   *handshake // whose keys open it, as long as they are not settled
	prot   *protection
	secret []byte // of application traffic, TLS 1.3

	count  uint64 // sealed records that passed before there was a protection
	passed int    // their bytes
	held   [][]byte
}

const maxMisses = 8

// NewSession begins a session. k may be shared, and may be nil: no keys.
func NewSession(k *Keys) *Session {
	if k == nil {
		k = new(Keys)
	}
	return &Session{keys: k}
}

func (s *Session) scratch() *Scratch {
	if s.Scratch == nil {
		s.Scratch = new(Scratch)
	}
	return s.Scratch
}

// Write takes the next bytes of a direction, cut anywhere. It fails, from then
// on each time, when they cannot be TLS: with a *NotTLSError if that was so
// from the direction's start.
func (s *Session) Write(dir int, p []byte, emit func(*Message)) error {
	h := &s.half[dir]
	if h.err != nil {
		return h.err
	}
	if s.heldSize > 0 {
		s.drain(emit)
	}
	h.offset += int64(len(p))
	if h.damaged > 0 {
		if p = s.passDamaged(dir, p, emit); h.damaged > 0 {
			return nil
		}
	}
	if h.scanning {
		if p = s.resynchronise(h, p); p == nil {
			return nil
		}
	}
	if len(h.buf) > 0 {
		if p = s.fill(dir, p, emit); h.err != nil {
			return h.err
		}
	}
	for len(p) >= headerLen {
		n := headerLen + int(p[3])<<8 + int(p[4])
		if !validHeader(p) {
			return s.lose(h, p)
		}
		if len(p) < n {
			break
		}
		s.record(dir, p[:n:n], emit)
		p = p[n:]
	}
	if len(p) > 0 {
		s.keep(h, p)
	}
	return nil
}

// fill adds to the record that came in part, and gives what follows it.
func (s *Session) fill(dir int, p []byte, emit func(*Message)) (rest []byte) {
	h := &s.half[dir]
	if need := headerLen - len(h.buf); need > 0 {
		n := min(need, len(p))
		h.buf, p = append(h.buf, p[:n]...), p[n:]
		if n < need {
			return nil
		}
		if !validHeader(h.buf) {
			s.lose(h, h.buf)
			return nil
		}
	}
	n := headerLen + int(h.buf[3])<<8 + int(h.buf[4])
	if take := n - len(h.buf); take > len(p) {
		s.grow(h, n)
		h.buf = append(h.buf, p...)
		return nil
	} else if take > 0 {
		s.grow(h, n)
		h.buf, p = append(h.buf, p[:take]...), p[take:]
	}
	rec := h.buf
	h.buf = nil
	s.record(dir, rec, emit)
	s.scratch().give(rec)
	return p
}

// grow makes room in the buffer for n bytes in all.
func (s *Session) grow(h *half, n int) {
	if cap(h.buf) < n {
		b := append(s.scratch().take(n), h.buf...)
		s.scratch().give(h.buf)
		h.buf = b
	}
}

// keep begins a buffer with a record that came in part.
func (s *Session) keep(h *half, p []byte) {
	n := len(p)
	if n >= headerLen {
		n = headerLen + int(p[3])<<8 + int(p[4])
	}
	h.buf = append(s.scratch().take(n), p...)
}

func validHeader(p []byte) bool {
	return p[0] >= byte(ChangeCipherSpec) && p[0] <= byte(Heartbeat) && p[1] == 3 && int(p[3])<<8+int(p[4]) <= maxPayload
}

// lose ends a direction whose bytes are no records.
func (s *Session) lose(h *half, p []byte) error {
	switch typ, major, length := RecordType(p[0]), p[1], int(p[3])<<8|int(p[4]); {
	case h.records == 0:
		h.err = &NotTLSError{Looks: looksLike([headerLen]byte(p))}
	default:
		h.err = fmt.Errorf("read TLS record %d: %s", h.records+1, headerFault(typ, major, length))
	}
	h.buf = nil
	return h.err
}

// record takes one whole record.
func (s *Session) record(dir int, rec []byte, emit func(*Message)) {
	h := &s.half[dir]
	h.records++
	if h.records == 1 && !h.sealed {
		s.begin(h, dir, rec)
	}
	if s.inClear(h, rec) {
		s.content(dir, RecordType(rec[0]), rec[headerLen:], emit)
	} else {
		s.sealedRecord(dir, rec, emit)
	}
	if s.heldSize > 0 {
		s.drain(emit)
	}
}

// begin looks at the first record of a direction: one that is no hello shows
// that the capture began later.
func (s *Session) begin(h *half, dir int, rec []byte) {
	p := rec[headerLen:]
	switch typ := RecordType(rec[0]); {
	case typ == Handshake && len(p) > 0 && (p[0] == TypeClientHello && dir == 0 || p[0] == TypeServerHello && dir == 1 || p[0] == TypeHelloRequest && len(p) == 4):
	case typ == AlertRecord && len(p) == 2:
	default:
		h.sealed = true
		s.midstream = true
	}
}

// inClear tells whether a record is to be read as it is.
func (s *Session) inClear(h *half, rec []byte) bool {
	payload := rec[headerLen:]
	typ := RecordType(rec[0])
	if s.tls13 || !s.done && s.hs != nil && s.hs.tls13() {
		switch typ {
		case ApplicationData:
			return false
		case Handshake:
			return !h.sealed || clearHello(payload)
		case AlertRecord:
			return len(payload) == 2
		}
		return true
	}
	if typ == ApplicationData && !h.sealed { // ChangeCipherSpec was lost
		s.change(h, s.hs)
		h.window = 32
	}
	return !h.sealed || typ == AlertRecord && len(payload) == 2 || typ == ChangeCipherSpec && len(payload) == 1 && h.prot == nil
}

// sealedRecord opens a record, or lets it wait, or emits what can be seen of
// it from outside.
func (s *Session) sealedRecord(dir int, rec []byte, emit func(*Message)) {
	h := &s.half[dir]
	if len(h.held) == 0 {
		switch plain, typ, res := s.open(dir, rec); res {
		case opens:
			s.opened = true
			s.content(dir, typ, plain, emit)
			return
		case broken:
			s.bad(dir, rec, emit)
			return
		case never:
			s.opaque(dir, rec, emit)
			return
		}
	}
	if s.heldSize+len(rec) <= s.mayHold(h) {
		h.held = append(h.held, bytes.Clone(rec))
		s.heldSize += len(rec)
		return
	}
	if s.lacksHello(h) {
		s.lostClear = true // it will not come
	}
	s.release(dir, emit)
	s.opaque(dir, rec, emit)
}

// unordered is how much waits for a hello of the other direction, in the order
// of whose packets a capture may err a little.
const unordered = 16 << 10

func (s *Session) mayHold(h *half) int {
	switch {
	case h.dead || s.midstream:
		return 0
	case s.lacksHello(h):
		return max(s.Hold, unordered)
	}
	return s.Hold
}

// lacksHello tells whether one of the hellos may still come.
func (s *Session) lacksHello(h *half) bool {
	hs := h.handshake(s)
	return hs != nil && !hs.blind && !s.lostClear && hs.have[0] != hs.have[1] && (h.from != nil || !hs.offersEarlyData())
}

// drain opens what it can of the records that wait.
func (s *Session) drain(emit func(*Message)) {
	for now := s.now(); s.tried != now; now = s.now() {
		s.tried = now
		for dir := range s.half {
			s.drainHalf(dir, emit)
		}
	}
}

func (s *Session) drainHalf(dir int, emit func(*Message)) {
	h := &s.half[dir]
	for len(h.held) > 0 {
		rec := h.held[0]
		plain, typ, res := s.open(dir, rec)
		if res == noKeys {
			return
		}
		s.drop(h)
		switch res {
		case opens:
			s.opened = true
			s.content(dir, typ, plain, emit)
		case broken:
			s.bad(dir, rec, emit)
		case never:
			s.opaque(dir, rec, emit)
		}
	}
}

// drop forgets the first record that waits.
func (s *Session) drop(h *half) {
	s.heldSize -= len(h.held[0])
	h.held = h.held[1:]
	if len(h.held) == 0 {
		h.held = nil
	}
}

// release gives up waiting.
func (s *Session) release(dir int, emit func(*Message)) {
	h := &s.half[dir]
	for len(h.held) > 0 {
		rec := h.held[0]
		s.drop(h)
		s.opaque(dir, rec, emit)
	}
}

func (s *Session) now() attempt { return attempt{s.keys.Version(), s.progress} }

// Retry opens what waits, if keys have come since.
func (s *Session) Retry(emit func(*Message)) {
	if s.heldSize > 0 {
		s.drain(emit)
	}
}

// Rest gives back memory that can be done without until more bytes come, which
// then cost a little more.
func (s *Session) Rest() {
	for dir := range s.half {
		h := &s.half[dir]
		if h.prot != nil {
			h.prot.rest()
		}
		if h.from != nil && s.done && s.hopeless() {
			h.from.forget()
		}
	}
}

// hopeless tells that there are no keys, and that nothing waits for some.
func (s *Session) hopeless() bool { return s.Hold == 0 && s.keys.Len() == 0 }

// Close ends a direction: what waits there is emitted as it is.
func (s *Session) Close(dir int, emit func(*Message)) {
	s.Retry(emit)
	s.release(dir, emit)
	h := &s.half[dir]
	if h.buf != nil {
		s.scratch().give(h.buf)
	}
	h.buf, h.scanning, h.damaged = nil, false, 0
}

// Waiting tells whether application data has come that keys may still open.
func (s *Session) Waiting() bool { return s.heldSize > 0 }

// Decrypted tells how much of what was sealed could be opened, and unless all
// of it was, why not.
func (s *Session) Decrypted() (state State, whyNot string) {
	switch {
	case !s.opened && !s.unopened && s.heldSize == 0:
		return NotObserved, ""
	case s.opened && !s.unopened && s.heldSize == 0:
		return Yes, ""
	case s.opened:
		state = Partial
	default:
		state = No
	}
	return state, s.why
}

// Held is how many bytes of memory the session takes, about.
func (s *Session) Held() int {
	n := int(unsafe.Sizeof(*s)) + s.heldSize
	for dir := range s.half {
		h := &s.half[dir]
		n += cap(h.buf) + h.messages.Held()
		if s.hs != nil {
			n += cap(s.hs.said[dir])
		}
	}
	return n
}
