package rx

import (
	"encoding/binary"
	"math/bits"
	"regexp/syntax"
)

// states is what the rows of a table stand for, from one restart to the next.
type states struct {
	keys []string          // by row
	rows map[string]uint32 // the row, as an offset, of each key

	made    int // transitions
	carried int // bytes they were used for
}

// overhead is about what a state costs besides its row and the bytes of its key.
const overhead = 64

// restart gives all states up but that of the start. The caller holds d.mu or is
// alone.
func (d *dfa) restart() {
	if old := d.states; old != nil {
		d.memory.giveBack()
		if old.carried < profit*old.made {
			d.resting.Store(rest)
		}
	}
	d.states = &states{keys: []string{""}, rows: map[string]uint32{}}
	const rows = 8
	d.grow(rows * int(d.width()))
	d.intern(d.work.first(d.program))
}

// full tells whether there is no room for a state with this key.
func (d *dfa) full(key string) bool {
	_, has := d.states.rows[key]
	return !has && d.memory.full()
}

// intern is the row of the state with this key, a new one if need be.
func (d *dfa) intern(key string) uint32 {
	if row, ok := d.states.rows[key]; ok {
		return row
	}
	s, width := d.states, int(d.width())
	row := len(s.keys) * width
	if now := d.current.Load(); row+width > len(now.next) {
		d.grow((len(now.next)/width*3/2 + 1) * width)
	}
	s.keys = append(s.keys, key)
	s.rows[key] = uint32(row)
	d.memory.take(len(key) + overhead)
	return uint32(row)
}

// grow publishes a table of the current states with room for n entries.
func (d *dfa) grow(n int) {
	t := &table{next: make([]uint32, n), states: d.states}
	if now := d.current.Load(); now != nil && now.states == d.states {
		copy(t.next, now.next)
		n -= len(now.next)
	}
	d.memory.take(4 * n)
	d.current.Store(t)
}

// The conditions at a position that what stands before it decides.
const behind = syntax.EmptyBeginLine | syntax.EmptyBeginText

// The conditions that need to know what follows.
const ahead = syntax.EmptyEndLine | syntax.EmptyEndText | syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary

// conditions are those that hold between runes of two kinds.
func conditions(before, after kind) (hold syntax.EmptyOp) {
	switch before {
	case kindNone:
		hold = syntax.EmptyBeginText | syntax.EmptyBeginLine
	case kindNewline:
		hold = syntax.EmptyBeginLine
	}
	switch after {
	case kindNone:
		hold |= syntax.EmptyEndText | syntax.EmptyEndLine
	case kindNewline:
		hold |= syntax.EmptyEndLine
	}
	if (before == kindWord) != (after == kindWord) {
		return hold | syntax.EmptyWordBoundary
	}
	return hold | syntax.EmptyNoWordBoundary
}

// closure is the work space for making states. The key of a state is the kind of
// the rune before it, where that still matters, and its instructions: those that
// take a rune, and the conditions that wait for what follows, ascending, as
// differences.
type closure struct {
	seen, kept []uint64 // by instruction
	stack      []uint32
	key        []byte
	waits      bool // kept has a condition
	matched    bool
}

func newClosure(p *program) closure {
	n := (len(p.insts) + 63) / 64
	return closure{seen: make([]uint64, n), kept: make([]uint64, n)}
}

func (w *closure) reset() {
	clear(w.seen)
	clear(w.kept)
	w.waits, w.matched = false, false
}

// first is the key of the state before the first rune.
func (w *closure) first(p *program) string {
	w.reset()
	w.add(p, p.start, conditions(kindNone, kindOther)&behind, ahead)
	return w.keyOf(kindNone)
}

// step is the key of the state that a rune of a class leads to from another, or
// a verdict. The match may start at any rune.
func (w *closure) step(p *program, from string, class uint8) (key string, verdict uint32) {
	after := p.classes.kinds[class]
	w.reset()
	hold := conditions(kind(from[0]), after)
	eachInst(from, func(i uint32) { w.add(p, i, hold, 0) })
	if w.matched {
		return "", matched
	}
	if class == p.classes.end {
		return "", dead
	}
	takers := w.keyOf(kindOther)
	w.reset()
	hold = conditions(after, kindOther) & behind
	eachInst(takers, func(i uint32) {
		if in := p.insts[i]; p.takes[in.arg].has(class) {
			w.add(p, in.out, hold, ahead)
		}
	})
	w.add(p, p.start, hold, ahead)
	if w.matched {
		return "", matched
	}
	if key = w.keyOf(after); len(key) == 1 && p.anchored {
		return "", dead
	}
	return key, unknown
}

// anchored tells whether every match starts where the text does.
func (w *closure) anchored(p *program) bool {
	w.reset()
	w.add(p, p.start, syntax.EmptyBeginLine, ahead)
	return len(w.keyOf(kindOther)) == 1
}

// add keeps the instructions to which i leads without taking a rune, where the
// conditions hold that are known to; those that are open are kept themselves.
func (w *closure) add(p *program, i uint32, hold, open syntax.EmptyOp) {
	w.stack = append(w.stack[:0], i)
	for len(w.stack) > 0 {
		i := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		if w.seen[i>>6]&(1<<(i&63)) != 0 {
			continue
		}
		w.seen[i>>6] |= 1 << (i & 63)
		switch in := &p.insts[i]; in.op {
		case opRune:
			w.kept[i>>6] |= 1 << (i & 63)
		case opFork:
			w.stack = append(w.stack, in.arg, in.out)
		case opMatch:
			w.kept[i>>6] |= 1 << (i & 63) // for the start, which nothing has stepped to
			w.matched = true
		case opEmpty:
			switch missing := syntax.EmptyOp(in.arg) &^ hold; {
			case missing == 0:
				w.stack = append(w.stack, in.out)
			case missing&^open == 0:
				w.kept[i>>6] |= 1 << (i & 63)
				w.waits = true
			}
		}
	}
}

// keyOf is the key of what is kept, behind a rune of a kind.
func (w *closure) keyOf(before kind) string {
	if !w.waits {
		before = kindOther
	}
	w.key = append(w.key[:0], byte(before))
	last := uint64(0)
	for n, word := range w.kept {
		for ; word != 0; word &= word - 1 {
			i := uint64(n*64 + bits.TrailingZeros64(word))
			w.key = binary.AppendUvarint(w.key, i-last)
			last = i
		}
	}
	return string(w.key)
}

// eachInst calls f with each instruction of a key.
func eachInst(key string, f func(uint32)) {
	last, i := uint32(0), 1
	for i < len(key) {
		var v uint32
		for shift := 0; ; shift += 7 {
			b := key[i]
			i++
			v |= uint32(b&0x7f) << shift
			if b < 0x80 {
				break
			}
		}
		last += v
		f(last)
	}
}
