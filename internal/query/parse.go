package query

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Bounds of an expression.
const (
	maxBytes = 16 << 10
	maxDepth = 100 // brackets and negations inside each other
	maxTerms = 1000
)

// Parse reads an expression. A fault is a *SyntaxError.
func Parse(expr string) (*Filter, error) {
	p := &parser{expr: expr, fields: fields()}
	root, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Filter{root: root, looksInside: p.looksInside}, nil
}

type parser struct {
	expr         string
	fields       []field
	token        token // the one to be read next
	depth, terms int
	looksInside  bool
}

func (p *parser) parse() (node, error) {
	if len(p.expr) > maxBytes {
		return nil, &SyntaxError{Expr: p.expr[:shown], Offset: 0, Length: 0, Msg: fmt.Sprintf("it is longer than %d bytes", maxBytes)}
	}
	if err := p.advance(token{}); err != nil {
		return nil, err
	}
	if p.token.sort == end {
		return nil, p.fault(p.token, "it is empty", "such as http.response.code >= 500")
	}
	root, err := p.either()
	if err != nil {
		return nil, err
	}
	if p.token.sort != end {
		return nil, p.unexpected()
	}
	return root, nil
}

// advance reads the token behind t.
func (p *parser) advance(t token) error {
	var err *SyntaxError
	if p.token, err = next(p.expr, t.at+t.len); err != nil {
		return err
	}
	return nil
}

func (p *parser) fault(t token, msg, hint string) error {
	return &SyntaxError{Expr: p.expr, Offset: t.at, Length: t.len, Msg: msg, Hint: hint}
}

// unexpected is the fault of a token that stands behind a whole expression.
func (p *parser) unexpected() error {
	t := p.token
	switch {
	case t.is(")"):
		return p.fault(t, "no ( belongs to this )", "")
	case t.is("&"), t.is("|"):
		return p.fault(t, "one "+t.text+" is no operator", "did you mean "+t.text+t.text+"?")
	case t.is("="):
		return p.fault(t, "one = is no operator", "did you mean ==? A value with = in it stands in quotes")
	case t.sort == sign:
		return p.fault(t, "expected && or || before "+t.text, `a value with signs or brackets in it stands in quotes`)
	}
	return p.fault(t, fmt.Sprintf("expected && or || before %q", t.text), "a value with blanks in it stands in quotes")
}

func (p *parser) either() (node, error) {
	left, err := p.both()
	for err == nil && p.token.is("||") {
		var right node
		if err = p.advance(p.token); err == nil {
			right, err = p.both()
			left = either{left, right}
		}
	}
	return left, err
}

func (p *parser) both() (node, error) {
	left, err := p.unary()
	for err == nil && p.token.is("&&") {
		var right node
		if err = p.advance(p.token); err == nil {
			right, err = p.unary()
			left = both{left, right}
		}
	}
	return left, err
}

func (p *parser) unary() (node, error) {
	t := p.token
	p.depth++
	p.terms++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, p.fault(t, fmt.Sprintf("more than %d brackets and negations inside each other", maxDepth), "")
	}
	if p.terms > maxTerms {
		return nil, p.fault(t, fmt.Sprintf("more than %d terms", maxTerms), "one of many values is written in {a b c}")
	}
	switch {
	case t.is("!"):
		if err := p.advance(t); err != nil {
			return nil, err
		}
		n, err := p.unary()
		return never{n}, err
	case t.is("("):
		return p.bracketed()
	}
	return p.term()
}

func (p *parser) bracketed() (node, error) {
	open := p.token
	if err := p.advance(open); err != nil {
		return nil, err
	}
	n, err := p.either()
	if err != nil {
		return nil, err
	}
	if p.token.sort == end {
		return nil, p.fault(open, "this ( is not closed", "")
	}
	if !p.token.is(")") {
		return nil, p.unexpected()
	}
	return n, p.advance(p.token)
}

// term reads a field, and its comparison if there is one.
func (p *parser) term() (node, error) {
	t := p.token
	switch {
	case t.sort == end:
		return nil, p.fault(t, "expected a field", "")
	case t.sort == quoted:
		return nil, p.fault(t, "expected a field, found a text", `a comparison is written http.host == "shop.test"`)
	case t.sort == sign:
		return nil, p.fault(t, "expected a field before "+t.text, "")
	}
	f, err := p.field(t)
	if err != nil {
		return nil, err
	}
	if err := p.advance(t); err != nil {
		return nil, err
	}
	return p.comparison(f)
}

func (p *parser) field(t token) (*field, error) {
	f, ok := lookup(p.fields, t.text)
	if !ok {
		return nil, p.fault(t, "no field is called "+t.text, suggest(t.text, names(p.fields)))
	}
	p.looksInside = p.looksInside || f.ofExchange
	return f, nil
}

func (p *parser) comparison(f *field) (node, error) {
	op := p.token
	n := &comparison{field: f, op: op.text}
	switch {
	case op.is("!"): // "not" behind a field can only begin "not in"
		if err := p.advance(op); err != nil {
			return nil, err
		}
		if !p.token.is("in") {
			return nil, p.fault(op, "expected an operator behind "+f.name, "did you mean not in, or !=?")
		}
		n.none, n.op = true, "in"
		return p.set(n)
	case op.is("in"):
		return p.set(n)
	case op.is("==="), op.is("="), op.is("&"), op.is("|"):
		return nil, p.notOperator(op)
	case op.is("=="), op.is("!="), op.is("<"), op.is("<="), op.is(">"), op.is(">="), op.is("contains"), op.is("~"):
		n.none = op.is("!=")
		return p.single(n)
	}
	return present{f}, nil
}

func (p *parser) notOperator(t token) error {
	likely := map[string]string{"===": "==", "=": "==", "&": "&&", "|": "||"}
	return p.fault(t, t.text+" is no operator", "did you mean "+likely[t.text]+"?")
}

// single reads the one value of a comparison.
func (p *parser) single(n *comparison) (node, error) {
	op, f := p.token, n.field
	name := p.expr[op.at : op.at+op.len]
	switch {
	case strings.ContainsAny(n.op, "<>") && !f.kind.ordered():
		return nil, p.fault(op, fmt.Sprintf("%s is of type %s, which has no order", f.name, f.kind), "it can be compared with == != in")
	case (n.op == "contains" || n.op == "~") && !f.kind.searched():
		return nil, p.fault(op, fmt.Sprintf("%s is of type %s, not text", f.name, f.kind), "it can be compared with == != in")
	}
	if err := p.advance(op); err != nil {
		return nil, err
	}
	t := p.token
	if t.sort != word && t.sort != quoted {
		return nil, p.fault(t, "expected a value behind "+name, "a value with signs or brackets in it stands in quotes")
	}
	if err := p.value(n, t); err != nil {
		return nil, err
	}
	return n, p.advance(t)
}

// value adds a value to the comparison.
func (p *parser) value(n *comparison, t token) error {
	var o operand
	var err error
	switch n.op {
	case "contains":
		o = operand{source: t.text, text: t.text}
		if n.field.kind == Name {
			o.text = strings.ToLower(t.text)
		}
	case "~":
		o = operand{source: t.text}
		if n.regexp, err = regexp.Compile(t.text); err != nil {
			return p.fault(t, strings.TrimPrefix(err.Error(), "error parsing regexp: "), "regular expressions are written as RE2 has them")
		}
	default:
		o, err = readOperand(n.field, t.text, n.op == "in")
	}
	var f fault
	if errors.As(err, &f) {
		return p.fault(t, f.msg, f.hint)
	}
	n.values = append(n.values, o)
	return err
}

// set reads {a b c}, with blanks or commas between the values.
func (p *parser) set(n *comparison) (node, error) {
	in := p.token
	if err := p.advance(in); err != nil {
		return nil, err
	}
	open := p.token
	if !open.is("{") {
		return nil, p.fault(open, "expected { behind in", "a set is written {a b c}")
	}
	for t := open; ; {
		if err := p.advance(t); err != nil {
			return nil, err
		}
		t = p.token
		switch {
		case t.sort == word || t.sort == quoted:
			if err := p.value(n, t); err != nil {
				return nil, err
			}
		case t.is(",") && len(n.values) > 0:
		case t.is("}") && len(n.values) > 0:
			return n, p.advance(t)
		case t.sort == end:
			return nil, p.fault(open, "this { is not closed", "")
		default:
			return nil, p.fault(t, "expected a value, found "+t.text, "a set is written {a b c}")
		}
	}
}
