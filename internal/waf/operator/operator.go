// Package operator compares a value as SecLang's operators say, as Coraza 3.8.1
// does it, and keeps of the value what it captures.
package operator

import (
	"fmt"

	"fanlight/internal/waf/rx"
)

// Capture takes what an operator found, as TX:0 to TX:9 of a rule with the
// action capture.
type Capture interface {
	Capture(group int, text string)
}

// Operator compares values. It is immutable and safe for concurrent use.
type Operator interface {
	// Match compares value. argument is the operator's with its macros expanded;
	// those that take no macros pay no heed to it. What was found goes to c, which
	// may be nil. The rule itself turns the result around if it is negated: what
	// was found counts in either case.
	Match(value, argument string, c Capture) bool
	// Needs is what each value that matches holds.
	Needs() rx.Needs
}

// New makes the operator of a name, as it is written behind the @. phrases are
// the entries of its list, if it has one, as @pm and @ipMatch divide their
// argument and the files their lines. States of expressions count against m.
func New(name, argument string, phrases []string, m *rx.Memory) (Operator, error) {
	if op := compared(name, argument); op != nil {
		return op, nil
	}
	switch name {
	case "rx":
		re, err := m.Compile(argument)
		if err != nil {
			return nil, fmt.Errorf("compile @rx: %w", err)
		}
		return &expression{needing{re.Needs()}, re}, nil
	case "pm", "pmFromFile", "pmf", "pmFromDataset":
		return newPhraseSet(phrases)
	case "ipMatch", "ipMatchFromFile", "ipMatchF", "ipMatchFromDataset":
		return newNetworks(phrases), nil
	case "detectSQLi":
		return sqli{}, nil
	case "detectXSS":
		return xss{}, nil
	case "validateByteRange":
		return newByteRange(argument)
	case "validateUrlEncoding":
		return urlEncoding{}, nil
	case "validateUtf8Encoding":
		return utf8Encoding{}, nil
	case "unconditionalMatch":
		return always{}, nil
	case "noMatch":
		return never{}, nil
	}
	return nil, fmt.Errorf("there is no operator @%s here", name)
}

// anything is the part of an operator of which no value is known to be refused.
type anything struct{}

func (anything) Needs() rx.Needs { return rx.Needs{} }

type always struct{ anything }

func (always) Match(string, string, Capture) bool { return true }

type never struct{ anything }

func (never) Match(string, string, Capture) bool { return false }

// needing is the part of an operator whose values need something.
type needing struct{ needs rx.Needs }

func (n *needing) Needs() rx.Needs { return n.needs }

// expression is @rx. Groups beyond the ninth are not captured, absent ones are
// empty.
type expression struct {
	needing
	re *rx.Regexp
}

const maxGroups = 9

func (x *expression) Match(value, _ string, c Capture) bool {
	if !x.re.Match(value) {
		return false
	}
	if c == nil {
		return true
	}
	at := x.re.Find(value)
	for i := range min(len(at)/2, maxGroups) {
		text := ""
		if at[2*i] >= 0 {
			text = value[at[2*i]:at[2*i+1]]
		}
		c.Capture(i, text)
	}
	return true
}

// bytesOf is the set of the bytes in s.
func bytesOf(s string) (set rx.ByteSet) {
	for i := range len(s) {
		add(&set, s[i])
	}
	return set
}

func add(s *rx.ByteSet, b byte) { s[b>>6] |= 1 << (b & 63) }

// lowerASCII leaves all but the letters of ASCII alone.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c-'A' < 26 {
			b[i] = c | 0x20
		}
	}
	return string(b)
}
