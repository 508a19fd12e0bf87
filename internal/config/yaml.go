package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// This file is the only one that knows the YAML module.

type kind uint8

const (
	empty kind = iota // nothing was written, or null
	scalar
	mapping
	list
)

func (k kind) String() string {
	return [...]string{"empty", "a single value", "a mapping", "a list"}[k]
}

// node is a value of a YAML document with the place where it is written. An
// alias is the node it stands for; the tree may therefore share nodes, but has
// no cycles.
type node struct {
	kind    kind
	value   string // of a scalar, unquoted
	boolean bool   // an unquoted true or false
	flow    bool   // written [a, b] or {a: b}
	line    int    // from 1
	column  int    // from 1, in characters
	entries []entry
	items   []*node
}

type entry struct{ key, value *node }

// find gives the value of a key, nil if the mapping lacks it.
func (n *node) find(key string) *node {
	for _, e := range n.entries {
		if e.key.value == key {
			return e.value
		}
	}
	return nil
}

// syntaxError is a fault of the YAML itself; line 0 means place unknown.
type syntaxError struct {
	line, column  int
	message, hint string
}

func (e *syntaxError) Error() string { return e.message }

// parseYAML reads one document. A source without any gives an empty node. Its
// errors are *syntaxError.
func parseYAML(src []byte) (*node, error) {
	if err := checkText(src); err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Load(src, &doc); err != nil {
		if len(doc.Content) == 0 && isBlank(src) {
			return &node{line: 1, column: 1}, nil
		}
		return nil, explainYAML(src, err)
	}
	c := converter{seen: map[*yaml.Node]*node{}}
	root := c.node(doc.Content[0])
	if c.err != nil {
		return nil, c.err
	}
	return root, nil
}

// plain gives the node as maps, slices and strings; nil stands for empty. A
// tree of more than maxNodes values, as aliases can make it, is cut off.
func (n *node) plain(visited *int) any {
	if *visited++; *visited > maxNodes {
		return nil
	}
	switch n.kind {
	case scalar:
		return n.value
	case list:
		out := make([]any, len(n.items))
		for i, item := range n.items {
			out[i] = item.plain(visited)
		}
		return out
	case mapping:
		out := map[string]any{}
		for _, e := range n.entries {
			if _, twice := out[e.key.value]; !twice { // as find does
				out[e.key.value] = e.value.plain(visited)
			}
		}
		return out
	}
	return nil
}

func isBlank(src []byte) bool {
	for line := range bytes.Lines(src) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return false
		}
	}
	return true
}

// checkText refuses what is not UTF-8 text, naming the place, which the YAML
// module does not.
func checkText(src []byte) error {
	line, column := 1, 1
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return &syntaxError{line, column, fmt.Sprintf("byte 0x%02x is not UTF-8", src[i]), "save the file as UTF-8"}
		case r == '\r' && !bytes.HasPrefix(src[i+1:], []byte("\n")), r == '\u0085', r == '\u2028', r == '\u2029':
			return &syntaxError{line, column, fmt.Sprintf("line separator %U is not allowed", r), "end lines with a line feed"}
		case unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r):
			return &syntaxError{line, column, fmt.Sprintf("control character %U is not allowed", r), ""}
		}
		i += n
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return nil
}

func explainYAML(src []byte, err error) error {
	var fault *yaml.LoadError
	if !errors.As(err, &fault) {
		return &syntaxError{message: err.Error()}
	}
	message := strings.TrimPrefix(fault.Message, "yaml: ")
	out := &syntaxError{line: fault.Mark.Line, column: fault.Mark.Column, message: "read as YAML: " + message}
	opened := fault.ContextMark
	switch {
	case strings.Contains(message, "multiple"):
		out.line, out.column = secondDocument(src), 1
		out.message, out.hint = "a second YAML document begins", "keep one document a file; further sites go to sites.d/NAME.yaml"
	case strings.Contains(message, "tab character"):
		out.hint = "indent with spaces; YAML does not allow tabs"
	case strings.Contains(message, "mapping values are not allowed"):
		out.hint = `put a value that holds ": " in quotes, or check the indentation`
	case strings.Contains(message, "cannot start any token"):
		out.hint = "put the value in quotes"
	case strings.Contains(message, "unexpected end of stream") && opened.Line > 0:
		out.line, out.column = opened.Line, opened.Column
		out.hint = "close the quote that begins here"
	case strings.Contains(message, "expected ',' or"):
		out.hint = fmt.Sprintf("close the bracket that opens at line %d, column %d", opened.Line, opened.Column)
	}
	out.stayInside(src)
	return out
}

// stayInside moves a place after the last line to the end of what is written.
func (e *syntaxError) stayInside(src []byte) {
	written := bytes.TrimRight(src, " \t\r\n")
	if last := bytes.Count(written, []byte("\n")) + 1; e.line > last {
		e.line = last
		e.column = utf8.RuneCount(written[bytes.LastIndexByte(written, '\n')+1:]) + 1
	}
}

func secondDocument(src []byte) int {
	number, content := 0, false
	for line := range bytes.Lines(src) {
		number++
		if content && bytes.HasPrefix(line, []byte("---")) {
			return number
		}
		content = content || !isBlank(line)
	}
	return 0
}

type converter struct {
	seen map[*yaml.Node]*node // nil while a node is being made
	err  *syntaxError
}

func (c *converter) node(y *yaml.Node) *node {
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	n, known := c.seen[y]
	if known && n == nil {
		c.fail(y, "an alias stands inside of what it is for")
	}
	if known {
		return cmp.Or(n, &node{})
	}
	c.seen[y] = nil // until it is complete
	n = &node{line: y.Line, column: y.Column, flow: y.Style&yaml.FlowStyle != 0}
	defer func() { c.seen[y] = n }()
	if !strings.HasPrefix(y.ShortTag(), "!!") {
		c.fail(y, fmt.Sprintf("tag %q is not known", y.Tag))
	}
	switch y.Kind {
	case yaml.ScalarNode:
		if y.ShortTag() != "!!null" {
			n.kind, n.value, n.boolean = scalar, y.Value, y.ShortTag() == "!!bool"
		}
	case yaml.SequenceNode:
		n.kind = list
		for _, item := range y.Content {
			n.items = append(n.items, c.node(item))
		}
	case yaml.MappingNode:
		n.kind = mapping
		c.entries(n, y)
	}
	return n
}

// entries fills a mapping; what comes with a merge key (<<) gives way to what
// is written in the mapping itself.
func (c *converter) entries(n *node, y *yaml.Node) {
	var merged []*node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], c.node(y.Content[i+1])
		switch {
		case key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge":
			merged = append(merged, value)
			merged = append(merged, value.items...)
		case key.Kind != yaml.ScalarNode:
			c.fail(key, "a key must be a single word")
		default:
			n.entries = append(n.entries, entry{&node{kind: scalar, value: key.Value, line: key.Line, column: key.Column}, value})
		}
	}
	for _, m := range merged {
		for _, e := range m.entries {
			if n.find(e.key.value) == nil {
				n.entries = append(n.entries, e)
			}
		}
	}
}

func (c *converter) fail(y *yaml.Node, message string) {
	if c.err == nil {
		c.err = &syntaxError{line: y.Line, column: y.Column, message: message}
	}
}
