package httpwire

import "encoding/binary"

const (
	// h2Chain is how many frame headers in a row are believed.
	h2Chain = 3
	// maxH2Candidate bounds what is kept while a candidate is undecided.
	maxH2Candidate  = 64 << 10
	maxH2Candidates = 64
	// maxH2Hunt is how far a direction is searched before it is given up.
	maxH2Hunt = 4 << 20
	// maxH2Jump is how far beyond the highest stream seen a new one may lie.
	maxH2Jump = 1 << 16
)

func (h *H2) skip(s *h2Side, n int64) {
	within := n > 0 && n <= int64(s.left)
	switch {
	case s.state == h2Dead:
		s.offset += max(n, 0)
	case s.state == h2InData && within:
		h.skipData(s, n)
	case s.state == h2InPayload && within:
		s.left -= int(n)
		s.offset += n
		s.broken, s.part = true, s.part[:0]
		if s.left == 0 {
			h.endPayload(s, nil)
		}
	default:
		if left := int64(s.left); s.state == h2InData && n > left {
			h.skipData(s, left)
			n -= left
		}
		h.derail(s, H2Gap, max(n, 0))
		s.offset += max(n, 0)
	}
}

// skipData goes on behind bytes lost within a DATA payload.
func (h *H2) skipData(s *h2Side, n int64) {
	s.pad = max(s.pad, 0) // the octet that tells may be lost
	content := min(n, int64(s.left-s.pad))
	s.left -= int(n)
	s.offset += n
	if content > 0 {
		e := h.begin(s, H2Data)
		e.Lost = content
		e.EndStream = s.left <= s.pad && s.frame.has(h2FlagEndStream)
		h.emit(e)
	}
	if s.left == 0 {
		s.state = h2AtHead
	}
}

// derail leaves the sequence of frames. Its event is of no stream, because any
// may be concerned.
func (h *H2) derail(s *h2Side, name string, lost int64) {
	s.frame = h2Frame{offset: s.offset}
	h.irregular(s, name, lost)
	s.state, s.part, s.left, s.hunt = h2Hunting, nil, 0, h2Hunt{}
	s.block = h2Block{}
	s.fields.lose()
}

// h2Hunt is what a search for frames remembers between pieces, as offsets in
// what is kept of them.
type h2Hunt struct {
	maybe  []int // where frames may begin, in order
	tested int   // offsets before it need not be looked at again, but for those
	vain   int64 // bytes given up
}

// hunt looks for the first frame that others follow.
func (h *H2) hunt(s *h2Side, p []byte) (rest []byte) {
	s.offset += int64(len(p))
	if len(s.part) > 0 {
		s.part = append(s.part, p...)
		p = s.part
	}
	at, found := h.search(s, p)
	rest = p[at:]
	if found {
		s.state, s.part, s.hunt = h2AtHead, nil, h2Hunt{}
		s.offset -= int64(len(rest))
		return rest
	}
	if s.hunt.vain += int64(at); s.hunt.vain > maxH2Hunt {
		s.state, s.part, s.hunt = h2Dead, nil, h2Hunt{}
		return nil
	}
	if at > 0 || len(s.part) == 0 {
		s.part = append(s.part[:0], rest...)
		s.hunt.tested -= at
		for i := range s.hunt.maybe {
			s.hunt.maybe[i] -= at
		}
	}
	return nil
}

// search gives the offset of the first frame header that is followed by others
// or whose payload ends where p does. If there is none, it is the offset from
// which p has to be kept. One that may prove to be a header does not end the
// search: one whose first byte is lost often looks like another of a far
// longer frame.
func (h *H2) search(s *h2Side, p []byte) (at int, found bool) {
	u := &s.hunt
	still := u.maybe[:0]
	for _, at := range u.maybe {
		switch h.chain(s, p[at:]) {
		case believed:
			return at, true
		case undecided:
			if len(p)-at <= maxH2Candidate {
				still = append(still, at)
			}
		}
	}
	u.maybe = still
	for ; u.tested+h2HeadLength <= len(p); u.tested++ {
		switch h.chain(s, p[u.tested:]) {
		case believed:
			return u.tested, true
		case undecided:
			if len(u.maybe) < maxH2Candidates && len(p)-u.tested <= maxH2Candidate {
				u.maybe = append(u.maybe, u.tested)
			}
		}
	}
	if len(u.maybe) > 0 {
		return u.maybe[0], false
	}
	return u.tested, false
}

type belief uint8

const (
	refuted belief = iota
	undecided
	believed
)

func (h *H2) chain(s *h2Side, p []byte) belief {
	for range h2Chain {
		if len(p) < h2HeadLength {
			return undecided
		}
		if !h.plausible(s, p) {
			return refuted
		}
		n := h2HeadLength + parseH2Frame(p).length
		if n == len(p) {
			return believed
		}
		if n > len(p) {
			return undecided
		}
		p = p[n:]
	}
	return believed
}

// plausible tells whether a frame header can be one of this direction.
func (h *H2) plausible(s *h2Side, b []byte) bool {
	f := parseH2Frame(b)
	if f.kind > h2TypeContinuation || b[5]&0x80 != 0 || f.length > int(s.mayFrame) {
		return false
	}
	if f.stream > h.highest+maxH2Jump {
		return false
	}
	switch f.kind {
	case h2TypeData:
		return f.stream != 0 && f.flags&^(h2FlagEndStream|h2FlagPadded) == 0 && (f.length > 0 || f.has(h2FlagEndStream))
	case h2TypeHeaders:
		return f.stream != 0 && f.flags&^(h2FlagEndStream|h2FlagEndHeaders|h2FlagPadded|h2FlagPriority) == 0 &&
			(s.dir == 1 || f.stream&1 == 1) && f.length > 0
	case h2TypePriority:
		return f.stream != 0 && f.length == 5 && f.flags == 0
	case h2TypeReset:
		return f.stream != 0 && f.length == 4 && f.flags == 0
	case h2TypeSettings:
		return f.stream == 0 && f.length%6 == 0 && f.flags&^h2FlagAck == 0 && f.length <= 6*64 && (f.flags == 0 || f.length == 0)
	case h2TypePush:
		return s.dir == 1 && f.stream&1 == 1 && f.length > 4 && f.flags&^(h2FlagEndHeaders|h2FlagPadded) == 0
	case h2TypePing:
		return f.stream == 0 && f.length == 8 && f.flags&^h2FlagAck == 0
	case h2TypeGoAway:
		return f.stream == 0 && f.length >= 8 && f.flags == 0
	case h2TypeWindow:
		return f.length == 4 && f.flags == 0 && (len(b) < 13 || binary.BigEndian.Uint32(b[9:])&^(1<<31) != 0)
	}
	return f.stream != 0 && f.flags&^h2FlagEndHeaders == 0 // CONTINUATION
}
