package rx

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Entries of a transition table that are no row of it.
const (
	unknown uint32 = iota // nobody asked yet
	matched               // the text matches, whatever follows
	dead                  // the text does not match, whatever follows
	verdicts
)

// When making states does not pay.
const (
	patience = 256       // transitions that one text may have made, and one more per 4 bytes
	profit   = 8         // bytes that a transition must have carried on average when states are given up
	rest     = 256 << 10 // bytes that package regexp matches before the DFA is tried again
)

// A dfa matches texts by states that it makes when a text first leads to them.
// Readers take no lock: a transition, once in the table, stays; when memory is
// full a new table takes the place of the old one, which those who are in it may
// still use.
type dfa struct {
	*program
	memory  *share
	current atomic.Pointer[table]
	resting atomic.Int64 // bytes left to package regexp

	mu     sync.Mutex // for all below, and for writing tables
	states *states
	work   closure
}

// table is the transitions of the states known when it was made. Entries are
// read and written atomically.
type table struct {
	next   []uint32 // by row and class: a row, as its offset in next, or a verdict
	states *states
}

// newDFA is nil where the expression does not fit one.
func newDFA(source string, latin1 bool, m *Memory) *dfa {
	p := newProgram(source, latin1)
	if p == nil {
		return nil
	}
	d := &dfa{program: p, memory: &share{of: m}, work: newClosure(p)}
	runtime.AddCleanup(d, (*share).giveBack, d.memory)
	p.anchored = d.work.anchored(p)
	d.restart()
	return d
}

// match tells whether s matches; it is not known where making states for s costs
// more than they give.
func (d *dfa) match(s string) (found, known bool) {
	if d.resting.Load() > 0 {
		d.resting.Add(-int64(len(s)) - 1)
		return false, false
	}
	t := d.current.Load()
	p := position{row: d.width()}
	for misses, from := 0, 0; ; misses++ {
		switch d.run(t, s, &p) {
		case matched:
			return true, true
		case dead:
			return false, true
		}
		if misses > patience+p.offset/4 {
			return false, false
		}
		t, p.row = d.extend(t, p, p.offset-from)
		from = p.offset
	}
}

// position is how far a text has been read.
type position struct {
	row    uint32 // of the state reached
	offset int    // of the next rune
	class  uint8  // of the next rune, once it has been looked at
}

// run follows s through t until there is a verdict or an unknown transition.
func (d *dfa) run(t *table, s string, p *position) uint32 {
	next, row, i := t.next, p.row, p.offset
	classes := &d.classes.byte
	for i < len(s) {
		class, size := classes[s[i]], 1
		if class == wide {
			class, size = d.classes.decode(s[i:])
		}
		to := atomic.LoadUint32(&next[row+uint32(class)])
		if to < verdicts {
			p.row, p.offset, p.class = row, i, class
			return to
		}
		row = to
		i += size
	}
	p.row, p.offset, p.class = row, i, d.classes.end
	return atomic.LoadUint32(&next[row+uint32(d.classes.end)])
}

// decode is the class of the first rune of s, which is not ASCII, and its size.
// A byte that starts no UTF-8 is U+FFFD, as in package regexp.
func (c *classes) decode(s string) (class uint8, size int) {
	r, size := utf8.DecodeRuneInString(s)
	return c.class(r), size
}

// width is how many entries a row has. The first row is that of no state, so
// that rows and verdicts differ; the second is that of the start.
func (d *dfa) width() uint32 { return max(verdicts, uint32(d.classes.end)+1) }

// extend puts the transition at p into the table. It returns the table that now
// has it, and the row in there of the state at p. carried is how many bytes were
// read since the text last met an unknown transition.
func (d *dfa) extend(t *table, p position, carried int) (*table, uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	row := p.row
	if t.states != d.states {
		row = d.intern(t.states.keys[p.row/d.width()])
	}
	d.states.carried += carried
	d.states.made++
	key, verdict := d.work.step(d.program, d.states.keys[row/d.width()], p.class)
	if verdict == unknown {
		if d.full(key) {
			from := d.states.keys[row/d.width()]
			d.restart()
			row = d.intern(from)
		}
		verdict = d.intern(key)
	}
	now := d.current.Load()
	atomic.StoreUint32(&now.next[row+uint32(p.class)], verdict)
	return now, row
}
