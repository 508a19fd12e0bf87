package vars

import (
	"iter"
	"strings"
)

// fileName is what a part calls its file. Servers differ in which of two names
// they take (RFC 7578, section 4.2; RFC 5987), so that both are kept.
type fileName struct {
	name, other       string
	charset, language string // of an extended name, filename*
	extended          bool   // there was one
	malformed         bool   // a server may read something else
	repeated          bool   // a name of a parameter stands there twice
	quoted            bool   // the extended name, which has no quotes
}

// any is the name that makes a file of a part; empty: it is a field.
func (f *fileName) any() string {
	if f.name == "" {
		return f.other
	}
	return f.name
}

// readFileName reads a Content-Disposition; params and fault are what mime finds in it.
//
// mime knows two character sets, and lets an extended name in another one pass
// for no name at all: it is read here.
func readFileName(field string, params map[string]string, fault error) (f fileName) {
	if fault != nil {
		f.malformed, f.repeated = field != "", repeats(field)
		return f
	}
	f.name = params["filename"]
	f.malformed = continued(field)
	plain, isPlain := parameter(field, "filename")
	plain, _ = unquoted(plain)
	raw, isExtended := parameter(field, "filename*")
	if !isExtended {
		if f.malformed && isPlain {
			f.alternatives(plain, f.name)
		}
		return f
	}
	raw, f.quoted = unquoted(raw)
	charset, rest, _ := strings.Cut(raw, "'")
	language, value, ok := strings.Cut(rest, "'")
	if !ok {
		f.malformed = true
		return f
	}
	f.charset, f.language, f.extended = charset, language, true
	decoded, clean := percentDecoded(value)
	f.malformed = f.malformed || !clean
	f.alternatives(decoded, plain)
	return f
}

func (f *fileName) alternatives(name, other string) {
	f.name = name
	if other != name {
		f.other = other
	}
}

// parameters are the pieces between the semicolons of a field that stand outside
// of quotes.
func parameters(field string) iter.Seq[string] {
	return func(yield func(string) bool) {
		from, quotes := 0, false
		for i := 0; i < len(field); i++ {
			switch c := field[i]; {
			case c == '\\' && quotes:
				i++
			case c == '"':
				quotes = !quotes
			case c == ';' && !quotes:
				if !yield(field[from:i]) {
					return
				}
				from = i + 1
			}
		}
		yield(field[from:])
	}
}

// parameter is the first of a name, as it is written.
func parameter(field, name string) (value string, ok bool) {
	for p := range parameters(field) {
		key, value, ok := strings.Cut(p, "=")
		if ok && strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// continued tells whether the name comes in pieces (RFC 2231, section 3), which
// few servers put together.
func continued(field string) bool {
	for p := range parameters(field) {
		key, _, ok := strings.Cut(p, "=")
		if !ok {
			continue
		}
		key = strings.TrimSuffix(strings.TrimSpace(key), "*")
		number, ok := strings.CutPrefix(strings.ToLower(key), "filename*")
		if ok && number != "" && strings.Trim(number, "0123456789") == "" {
			return true
		}
	}
	return false
}

// repeats tells whether a parameter stands in a field twice.
func repeats(field string) bool {
	seen := map[string]bool{}
	for p := range parameters(field) {
		key, _, ok := strings.Cut(p, "=")
		if !ok {
			continue
		}
		key = strings.ToLower(strings.TrimSpace(key))
		if seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}

// unquoted takes the quotes from a text that has them, and the backslashes in it.
func unquoted(s string) (text string, quoted bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s, false
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b), true
}

// percentDecoded decodes %XX; what is no escape stays, and is not clean.
func percentDecoded(s string) (text string, clean bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	clean = true
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 < len(s) && hex(s[i+1]) >= 0 && hex(s[i+2]) >= 0 {
				c = byte(hex(s[i+1])<<4 | hex(s[i+2]))
				i += 2
			} else {
				clean = false
			}
		}
		b = append(b, c)
	}
	return string(b), clean
}
