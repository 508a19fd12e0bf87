package waf

import (
	"fanlight/internal/waf/seclang"
)

// macro is text with variables in it. The zero value is empty text.
type macro []fragment

// fragment is a piece of text, or a variable; its text stands for the variable
// where there is no such thing.
type fragment struct {
	text string
	slot int     // in TX; -1: not there
	of   *target // another variable; nil: text or TX
}

// constant gives the text of a macro without variables.
func (m macro) constant() (string, bool) {
	switch {
	case len(m) == 0:
		return "", true
	case len(m) == 1 && m[0].slot < 0 && m[0].of == nil:
		return m[0].text, true
	}
	return "", false
}

func (p *plan) macro(m seclang.Macro) (macro, error) {
	var out macro
	for _, part := range m.Parts {
		f := fragment{text: part.Text, slot: -1}
		switch part.Variable {
		case "":
		case "TX":
			f.slot = p.names.of(part.Key)
		default:
			t, err := p.target(seclang.Variable{Name: part.Variable, Key: seclang.Key{Text: part.Key}})
			if err != nil {
				return nil, err
			}
			f.of = &t
		}
		out = append(out, f)
	}
	return out, nil
}

// expand gives the text of a macro now.
func (x *run) expand(m macro) string {
	switch len(m) {
	case 0:
		return ""
	case 1:
		return x.fragment(&m[0])
	}
	parts := make([]string, 0, 8)
	for i := range m {
		parts = append(parts, x.fragment(&m[i]))
	}
	return x.values.arena.Join(parts...)
}

func (x *run) fragment(f *fragment) string {
	switch {
	case f.slot >= 0:
		if v, ok := x.tx.at(f.slot); ok {
			return v
		}
	case f.of != nil:
		if v, ok := x.first(f.of); ok {
			return v
		}
	}
	return f.text
}
