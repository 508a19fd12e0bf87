package httpwire

import "encoding/binary"

// h2Block is a field block in the making (RFC 9113, section 4.3).
type h2Block struct {
	open      bool
	broken    bool // part of it is lost
	kind      H2Kind
	stream    uint32
	promised  uint32
	offset    int64
	endStream bool
	priority  H2PriorityInfo
	bytes     []byte
}

// beginBlock reads HEADERS or PUSH_PROMISE.
func (h *H2) beginBlock(s *h2Side, b []byte) {
	f, k := &s.frame, &s.block
	h.newBlock(s)
	pad := 0
	if f.has(h2FlagPadded) && len(b) > 0 {
		pad, b = int(b[0]), b[1:]
	}
	prefix := 0
	if f.kind == h2TypePush {
		prefix = 4
	} else if f.has(h2FlagPriority) {
		prefix = 5
	}
	if len(b) < prefix {
		h.irregular(s, H2FrameSize, 0)
		k.broken = true
	} else {
		switch prefix {
		case 4:
			k.promised = binary.BigEndian.Uint32(b) &^ (1 << 31)
			h.highest = max(h.highest, k.promised)
		case 5:
			k.priority = parsePriority(b)
		}
		b = b[prefix:]
	}
	if pad > len(b) {
		h.irregular(s, H2BadPadding, 0)
		pad = len(b)
	}
	h.fragment(s, b[:len(b)-pad])
}

func (h *H2) newBlock(s *h2Side) {
	f := &s.frame
	kind := H2Headers
	if f.kind == h2TypePush {
		kind = H2Push
	}
	if f.stream == 0 {
		h.irregular(s, H2BadStream, 0)
	}
	s.block = h2Block{
		open: true, kind: kind, stream: f.stream, offset: f.offset, bytes: emptied(s.block.bytes),
		endStream: kind == H2Headers && f.has(h2FlagEndStream),
	}
}

func (h *H2) continueBlock(s *h2Side, b []byte) {
	if !s.block.open {
		h.irregular(s, H2Continuation, 0)
		s.fields.lose()
		return
	}
	h.fragment(s, b)
}

// fragment adds to the block and decodes it when it is complete, in place if
// it came in one frame.
func (h *H2) fragment(s *h2Side, b []byte) {
	k := &s.block
	end := s.frame.has(h2FlagEndHeaders)
	switch {
	case k.broken:
	case len(k.bytes)+len(b) > maxH2Block:
		h.irregular(s, H2BlockTooLarge, 0)
		k.broken, k.bytes = true, nil
	case end && len(k.bytes) == 0:
	default:
		k.bytes = append(k.bytes, b...)
		b = k.bytes
	}
	if end {
		h.endBlock(s, b)
	}
}

func (h *H2) endBlock(s *h2Side, b []byte) {
	k := &s.block
	k.open = false
	h.list = h.list[:0]
	unsure := k.broken
	if k.broken {
		s.fields.lose()
	} else {
		var fault string
		h.list, unsure, fault = s.fields.read(h.list, b)
		if fault != "" {
			h.irregular(s, fault, 0)
		}
	}
	e := h.begin(s, k.kind)
	e.Stream, e.Promised, e.Offset, e.EndStream, e.Priority = k.stream, k.promised, k.offset, k.endStream, k.priority
	e.Fields, e.Unsure = h.list, unsure
	h.emit(e)
	clear(h.list)
	if cap(h.list) > 64 {
		h.list = nil
	}
	k.bytes = emptied(k.bytes)
}

// abandon gives up a block that another frame broke into.
func (h *H2) abandon(s *h2Side) {
	h.irregular(s, H2Continuation, 0)
	s.block = h2Block{}
	s.fields.lose()
}

// brokenFrame is the end of a frame that could not be kept whole.
func (h *H2) brokenFrame(s *h2Side) {
	name := H2Gap
	if s.frame.length > maxH2Payload {
		name = H2FrameSize
	}
	h.irregular(s, name, 0)
	switch s.frame.kind {
	case h2TypeHeaders, h2TypePush:
		h.newBlock(s)
		s.block.broken = true
		h.fragment(s, nil)
	case h2TypeContinuation:
		s.block.broken = true
		h.continueBlock(s, nil)
	}
}
