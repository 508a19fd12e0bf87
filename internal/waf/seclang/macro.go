package seclang

import (
	"errors"
	"fmt"
	"strings"
)

// Macro is a text with variables in it: "found in %{MATCHED_VAR_NAME}".
type Macro struct {
	Text  string // as written; empty: there is none
	Parts []Part
}

// Part is a piece of a Macro.
type Part struct {
	Text     string // literally; of a variable what stands in its braces, which is what it becomes if its collection lacks the key
	Variable string // in upper case; empty: the text stands for itself
	Key      string // in lower case
}

// Constant says that nothing in it needs expanding.
func (m Macro) Constant() bool {
	for _, p := range m.Parts {
		if p.Variable != "" {
			return false
		}
	}
	return true
}

// parseMacro reads a text. What begins inside braces again (%{a%{b}) ends what
// was open, as a literal; braces at the very end vanish.
func parseMacro(text string) (Macro, error) {
	if text == "" {
		return Macro{}, errors.New("the text is empty")
	}
	m := Macro{Text: text}
	literal := func(s string) {
		if s != "" {
			m.Parts = append(m.Parts, Part{Text: s})
		}
	}
	rest, inside := text, false
	for rest != "" {
		if !inside {
			before, after, opened := strings.Cut(rest, "%{")
			literal(before)
			rest, inside = after, opened
			continue
		}
		n := nameLen(rest)
		switch {
		case n == len(rest):
			return Macro{}, fmt.Errorf("%%{%s is not closed", rest)
		case rest[n] == '}':
			p, err := expansion(rest[:n])
			if err != nil {
				return Macro{}, err
			}
			m.Parts = append(m.Parts, p)
			rest, inside = rest[n+1:], false
		case strings.HasPrefix(rest[n:], "%{"):
			literal(rest[:n])
			rest = rest[n+2:]
		default:
			return Macro{}, fmt.Errorf("%%{%s holds %q, which no name has", rest[:n], rest[n])
		}
	}
	return m, nil
}

// nameLen is how many bytes at the start of s may stand in braces.
func nameLen(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		if !letter && c != '[' && c != ']' && c != '.' && c != '_' && c != '-' {
			return i
		}
	}
	return len(s)
}

// expansion is what "tx.score" in braces stands for.
func expansion(name string) (Part, error) {
	if strings.HasSuffix(name, ".") {
		return Part{}, fmt.Errorf("%%{%s} ends with a dot", name)
	}
	collection, key, _ := strings.Cut(name, ".")
	collection = strings.ToUpper(collection)
	if known, _ := variable(collection); !known {
		return Part{}, &Unsupported{"variable", collection}
	}
	if collection == "UNKNOWN" {
		return Part{Text: name}, nil
	}
	return Part{Text: name, Variable: collection, Key: strings.ToLower(key)}, nil
}
