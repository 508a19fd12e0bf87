package store

import (
	"encoding/binary"
	"iter"
	"strings"

	"fanlight/internal/flow"
)

// partSort is what a part of a block holds. A block is what one frame of a
// segment holds, unpacked: parts one behind
// the other, each
//
//	connection, uvarint | sort, 1 byte | length, uvarint | bytes
//
// where the bytes are a flow.Batch, or of a mark its exchange as a uvarint and
// the id of its finding.
type partSort byte

const (
	plainPart partSort = iota
	notablePart
	markPart
)

// part is one part of a block.
type part struct {
	conn flow.ConnID
	sort partSort
	data []byte
}

// Mark ties a finding to a connection, and to one of its exchanges if Exchange
// is not 0. What is marked is kept longer.
type Mark struct {
	Conn     flow.ConnID
	Exchange flow.ExchangeID
	Finding  string
}

func appendPart(b []byte, p part) []byte {
	b = binary.AppendUvarint(b, uint64(p.conn))
	b = append(b, byte(p.sort))
	b = binary.AppendUvarint(b, uint64(len(p.data)))
	return append(b, p.data...)
}

func (m Mark) part() part {
	return part{m.Conn, markPart, append(binary.AppendUvarint(nil, uint64(m.Exchange)), m.Finding...)}
}

func (p part) mark() Mark {
	x, n := binary.Uvarint(p.data)
	return Mark{p.conn, flow.ExchangeID(x), string(p.data[max(n, 0):])}
}

// parts walks a block. A damaged one ends the walk; nothing outside of it is
// read.
func parts(block []byte) iter.Seq[part] {
	return func(yield func(part) bool) { walkParts(block, yield) }
}

func walkParts(block []byte, yield func(part) bool) {
	for len(block) > 0 {
		conn, n := binary.Uvarint(block)
		if n <= 0 || n >= len(block) {
			return
		}
		sort := partSort(block[n])
		block = block[n+1:]
		size, n := binary.Uvarint(block)
		if n <= 0 || size > uint64(len(block)-n) {
			return
		}
		data := block[n : n+int(size) : n+int(size)]
		block = block[n+int(size):]
		if !yield(part{flow.ConnID(conn), sort, data}) {
			return
		}
	}
}

// kinds turns the bytes that stand for kinds of events in a segment into those
// of this program; nil: they are the same.
type kinds []flow.Kind

// kindNames names all kinds of this program in their order.
func kindNames() string {
	names := []string{flow.KindUnknown.String()}
	for k := flow.KindUnknown + 1; k.String() != flow.KindUnknown.String(); k++ {
		names = append(names, k.String())
	}
	return strings.Join(names, ",")
}

func readKinds(names string) kinds {
	own := kindNames()
	if names == own {
		return nil
	}
	byName := map[string]flow.Kind{}
	for i, name := range strings.Split(own, ",") {
		byName[name] = flow.Kind(i)
	}
	var out kinds
	for _, name := range strings.Split(names, ",") {
		out = append(out, byName[name]) // one that is gone becomes KindUnknown
	}
	return out
}

// batch gives a batch of the segment as this program writes it.
func (k kinds) batch(b flow.Batch) flow.Batch {
	if k == nil {
		return b
	}
	var out flow.Batch
	for e := range b.Events {
		if int(e.Kind) < len(k) {
			e.Kind = k[e.Kind]
		} else {
			e.Kind = flow.KindUnknown
		}
		out = out.Append(&e)
	}
	return out
}
