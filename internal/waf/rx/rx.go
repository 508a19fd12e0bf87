// Package rx matches the regular expressions of WAF rules with the verdicts of
// package regexp, quickly, and tells what a text must hold to match at all.
//
// A Regexp is run as a lazy DFA: its states are sets of instructions of the
// program that package regexp would run, made when a text first asks for them
// and kept within a bound. Where that does not pay, and for submatches, package
// regexp itself answers, so that no text takes more than linear time.
package rx

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"

	"rsc.io/binaryregexp"
)

// multiline is how the rule set's expressions are read: . takes a newline too,
// ^ and $ hold at every line.
const multiline = "(?sm)"

// A Regexp is the expression of an @rx operator. It is immutable to its callers
// and safe for concurrent use.
type Regexp struct {
	source string // with its flags
	all    bool   // it matches any text, the whole of it
	needs  Needs
	plain  func() engine
	lazy   func() *dfa // gives nil if the expression is too large for one
}

// engine is what decides what a match is.
type engine interface {
	MatchString(s string) bool
	FindStringSubmatchIndex(s string) []int
}

// Compile reads an expression as @rx does; its states count against m.
//
// An expression whose escapes are bytes that make no UTF-8 together is read as
// one over bytes, without any flag; all others match the runes of a text.
func (m *Memory) Compile(pattern string) (r *Regexp, err error) {
	if r := m.known(pattern); r != nil {
		return r, nil
	}
	if wantsBytes(multiline + pattern) {
		r, err = m.compileBytes(pattern)
	} else {
		r, err = m.compileRunes(multiline + pattern)
	}
	if err != nil {
		return nil, err
	}
	m.remember(pattern, r)
	return r, nil
}

func (m *Memory) compileRunes(source string) (*Regexp, error) {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("read expression: %w", err)
	}
	return &Regexp{
		source: source,
		all:    source == multiline+"^.*$",
		needs:  needsOf(tree, false),
		plain:  sync.OnceValue(func() engine { return regexp.MustCompile(source) }),
		lazy:   sync.OnceValue(func() *dfa { return newDFA(source, false, m) }),
	}, nil
}

// compileBytes reads an expression over bytes. Both packages mean the same by an
// expression they can read, but the one for bytes is older and has its own limits.
func (m *Memory) compileBytes(pattern string) (*Regexp, error) {
	re, err := binaryregexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("read expression over bytes: %w", err)
	}
	r := &Regexp{
		source: pattern,
		plain:  func() engine { return re },
		lazy:   sync.OnceValue(func() *dfa { return newDFA(pattern, true, m) }),
	}
	if tree, err := syntax.Parse(pattern, syntax.Perl); err == nil {
		r.needs = needsOf(tree, true)
	}
	return r, nil
}

// Match tells whether s has a match of the expression, whatever bytes it holds.
func (r *Regexp) Match(s string) bool {
	if r.all {
		return true
	}
	if d := r.lazy(); d != nil {
		if found, known := d.match(s); known {
			return found
		}
	}
	return r.plain().MatchString(s)
}

// Find is the leftmost match of s and its submatches as pairs of offsets, -1
// for a group that took no part; nil without a match. It is as slow as package
// regexp, but for the one expression that rules use to keep a value.
func (r *Regexp) Find(s string) []int {
	if r.all {
		return []int{0, len(s)}
	}
	return r.plain().FindStringSubmatchIndex(s)
}

// Needs is what every text that matches holds.
func (r *Regexp) Needs() Needs { return r.needs }

// String is the expression with the flags it is read with.
func (r *Regexp) String() string { return r.source }
