package rx

import (
	"math"
	"regexp/syntax"
)

type op uint8

// What an instruction does.
const (
	opRune  op = iota // takes a rune of set arg, goes on at out
	opFork            // goes on at out and at arg
	opEmpty           // goes on at out where the conditions arg hold
	opMatch           // the text matches
	opFail            // leads nowhere
)

type inst struct {
	op       op
	out, arg uint32
}

// A program is the nondeterministic automaton of an expression, as package
// regexp/syntax compiles it, without what only submatches need, and over classes
// of runes.
type program struct {
	insts   []inst
	start   uint32
	classes classes
	takes   []classSet // by set of runes: the classes it is made of

	anchored bool // every match starts where the text does
}

// newProgram compiles an expression that is known to be valid. It is nil where
// the expression has more classes than the DFA can tell apart. latin1 says that
// each byte of a text is a rune.
func newProgram(source string, latin1 bool) *program {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil
	}
	compiled, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil
	}
	p := &program{insts: make([]inst, len(compiled.Inst)), start: skip(compiled, uint32(compiled.Start))}
	sets := &runeSets{latin1: latin1}
	for i := range compiled.Inst {
		p.insts[i] = instruction(compiled, i, sets)
	}
	var ok bool
	if p.classes, p.takes, ok = sets.classes(); !ok {
		return nil
	}
	return p
}

func instruction(compiled *syntax.Prog, i int, sets *runeSets) inst {
	from := &compiled.Inst[i]
	to := inst{out: skip(compiled, from.Out)}
	switch from.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		to.op, to.arg = opFork, skip(compiled, from.Arg)
	case syntax.InstCapture, syntax.InstNop:
		to.op, to.arg = opFork, to.out
	case syntax.InstEmptyWidth:
		to.op, to.arg = opEmpty, from.Arg
		sets.note(syntax.EmptyOp(from.Arg))
	case syntax.InstMatch:
		to.op = opMatch
	case syntax.InstFail:
		to.op = opFail
	default:
		to.op, to.arg = opRune, sets.add(runesOf(from))
	}
	return to
}

// skip is the first instruction at or behind i that does something.
func skip(compiled *syntax.Prog, i uint32) uint32 {
	for compiled.Inst[i].Op == syntax.InstCapture || compiled.Inst[i].Op == syntax.InstNop {
		i = compiled.Inst[i].Out
	}
	return i
}

// runesOf is the set of runes that an instruction takes, as pairs of bounds in
// ascending order.
func runesOf(i *syntax.Inst) []rune {
	switch i.Op {
	case syntax.InstRuneAny:
		return []rune{0, math.MaxInt32}
	case syntax.InstRuneAnyNotNL:
		return []rune{0, '\n' - 1, '\n' + 1, math.MaxInt32}
	}
	if len(i.Rune) != 1 {
		return i.Rune
	}
	return foldsOf(i.Rune[0], i.Op == syntax.InstRune && syntax.Flags(i.Arg)&syntax.FoldCase != 0)
}
