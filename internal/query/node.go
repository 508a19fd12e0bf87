package query

import (
	"regexp"
	"strings"
)

// How tightly an expression binds.
const (
	lowest = iota
	inOr
	inAnd
	inNot
)

// node is a part of an expression.
type node interface {
	match(s subject) bool
	// text writes the node, in brackets if what is around it binds more tightly.
	text(around int) string
	// sql is the node as far as a database can judge it.
	sql(columns map[string][]Column) Where
}

type (
	either struct{ left, right node }
	both   struct{ left, right node }
	never  struct{ of node }
	// present is a field alone.
	present struct{ field *field }
	// comparison is a field, an operator, and one value, or several behind in.
	comparison struct {
		field  *field
		op     string
		none   bool // of != and not in: observed, and no value is equal
		values []operand
		regexp *regexp.Regexp // of matches
	}
)

func (n either) match(s subject) bool { return n.left.match(s) || n.right.match(s) }
func (n both) match(s subject) bool   { return n.left.match(s) && n.right.match(s) }
func (n never) match(s subject) bool  { return !n.of.match(s) }

func (n present) match(s subject) (found bool) {
	n.field.each(s, func(v value) bool {
		found = n.field.kind != Flag || v.number != 0
		return !found
	})
	return found
}

func (n *comparison) match(s subject) bool {
	observed, found := false, false
	n.field.each(s, func(v value) bool {
		observed = true
		found = n.holds(v)
		return !found
	})
	if n.none {
		return observed && !found
	}
	return found
}

func (n *comparison) holds(v value) bool {
	o := &n.values[0]
	switch n.op {
	case "<":
		return v.number < o.from
	case "<=":
		return v.number <= o.from
	case ">":
		return v.number > o.from
	case ">=":
		return v.number >= o.from
	case "contains":
		if n.field.kind == Name {
			return strings.Contains(strings.ToLower(v.text), o.text)
		}
		return strings.Contains(v.text, o.text)
	case "~":
		return n.regexp.MatchString(v.text)
	}
	for i := range n.values {
		if n.values[i].holds(n.field.kind, v) {
			return true
		}
	}
	return false
}

func (n either) text(around int) string {
	return bracket(n.left.text(inOr)+" || "+n.right.text(inOr), around > inOr)
}

func (n both) text(around int) string {
	return bracket(n.left.text(inAnd)+" && "+n.right.text(inAnd), around > inAnd)
}

func (n never) text(int) string   { return "!" + n.of.text(inNot) }
func (n present) text(int) string { return n.field.name }

func (n *comparison) text(around int) string {
	s := n.field.name + " "
	switch {
	case n.op == "in":
		words := make([]string, len(n.values))
		for i, o := range n.values {
			words[i] = quote(o.source)
		}
		if n.none {
			s += "not "
		}
		s += "in {" + strings.Join(words, " ") + "}"
	case n.op == "~":
		s += "matches " + quote(n.values[0].source)
	default:
		s += n.op + " " + quote(n.values[0].source)
	}
	return bracket(s, around == inNot)
}

func bracket(s string, need bool) string {
	if need {
		return "(" + s + ")"
	}
	return s
}
