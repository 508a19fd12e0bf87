package quicwire

import (
	"bytes"
	"slices"
)

// Bounds of the handshake bytes of one direction and level that are kept
// because earlier ones are missing.
const (
	maxAhead = 64 << 10
	maxSpans = 1024
)

// ordering puts the CRYPTO frames of one direction and level in order (RFC
// 9000, section 19.6).
type ordering struct {
	next uint64
	held int    // bytes in ahead
	lost uint64 // bytes beyond the bounds
	// ahead is what came before its turn, by offset; spans may overlap.
	ahead []span
}

type span struct {
	at   uint64
	data []byte
}

// add hands on the bytes whose turn it is.
func (o *ordering) add(at uint64, data []byte, emit func([]byte)) {
	if at > o.next {
		o.keep(at, data)
		return
	}
	o.advance(at, data, emit)
	for len(o.ahead) > 0 && o.ahead[0].at <= o.next {
		s := o.ahead[0]
		o.ahead = o.ahead[1:]
		o.held -= len(s.data)
		o.advance(s.at, s.data, emit)
	}
	if len(o.ahead) == 0 {
		o.ahead = nil
	}
}

func (o *ordering) advance(at uint64, data []byte, emit func([]byte)) {
	if seen := o.next - at; seen < uint64(len(data)) {
		o.next = at + uint64(len(data))
		emit(data[seen:])
	}
}

func (o *ordering) keep(at uint64, data []byte) {
	i, _ := slices.BinarySearchFunc(o.ahead, at, func(s span, at uint64) int {
		if s.at < at {
			return -1
		}
		return 1
	})
	if i < len(o.ahead) && o.ahead[i].at == at && len(o.ahead[i].data) >= len(data) {
		return
	}
	if len(data) == 0 || len(o.ahead) >= maxSpans || o.held+len(data) > maxAhead {
		o.lost += uint64(len(data))
		return
	}
	o.held += len(data)
	o.ahead = slices.Insert(o.ahead, i, span{at, bytes.Clone(data)})
}
