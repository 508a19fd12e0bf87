package vars

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Faults of JSON, as REQBODY_ERROR_MSG says them.
const (
	tooDeep = "max recursion reached while reading json object"
	noJSON  = "invalid JSON"
)

// What the members of a body together may take: paths repeat the names above
// them, so that they can be far longer than the body.
const (
	flatFactor = 8
	flatFloor  = 4 << 10
)

// flat adds the leaves of a JSON text as parameters: json.a.0.b. An array adds
// its length under its own path.
type flat struct {
	v      *Values
	text   string
	at     int
	depth  int
	path   []byte
	mixed  bool // path is not all lower case
	leaves int
	arrays int
	used   int // bytes of paths and values
	budget int
	// stopped: there are more leaves than are looked at. The rest is only checked.
	// dropped: there are more lengths of arrays.
	stopped, dropped bool
	fault            string
}

// readJSON reads a body; what it gives is a fault, or nothing. What was read
// before the fault stays.
func (v *Values) readJSON(text string) string {
	f := flat{v: v, text: text, path: append(v.path[:0], "json"...), budget: max(flatFactor*len(text), flatFloor)}
	ok := f.whole()
	v.path = f.path[:0]
	if !ok && f.fault == "" {
		v.args = v.args[:v.query]
		f = flat{v: v, text: text, path: append(v.path[:0], "json"...), budget: f.budget}
		f.lenient()
	}
	if f.stopped || f.dropped {
		v.Set(ArgumentsLimitReached, "1")
	}
	return f.fault
}

// whole reads the text; false: there is a fault, or, where none is named, it is
// no JSON.
func (f *flat) whole() bool {
	f.space()
	if c := f.next(); c == '{' || c == '[' {
		if !f.value() {
			return false
		}
	} else {
		// A text that is one value counts as an array of it.
		n := len(f.path)
		f.path = append(f.path, ".0"...)
		if !f.value() {
			return false
		}
		f.path = f.path[:n]
		if !f.length(1) {
			return false
		}
	}
	f.space()
	return f.at == len(f.text)
}

func (f *flat) space() {
	for f.at < len(f.text) {
		switch f.text[f.at] {
		case ' ', '\t', '\n', '\r':
			f.at++
		default:
			return
		}
	}
}

// next is the byte to be read; 0 at the end.
func (f *flat) next() byte {
	if f.at < len(f.text) {
		return f.text[f.at]
	}
	return 0
}

// literal reads a word that must stand here.
func (f *flat) literal(word string) bool {
	if len(f.text)-f.at < len(word) || f.text[f.at:f.at+len(word)] != word {
		return false
	}
	f.at += len(word)
	return true
}

// value reads what stands at f.at, without space before it.
func (f *flat) value() bool {
	from := f.at
	switch c := f.next(); {
	case c == '{':
		return f.enter() && f.object()
	case c == '[':
		return f.enter() && f.array()
	case c == '"':
		text, ok := f.string()
		return ok && f.leaf(text)
	case c == 't':
		return f.literal("true") && f.leaf("true")
	case c == 'f':
		return f.literal("false") && f.leaf("false")
	case c == 'n':
		return f.literal("null") && f.leaf("")
	case c == '-' || '0' <= c && c <= '9':
		return f.number() && f.leaf(f.text[from:f.at])
	}
	return false
}

func (f *flat) enter() bool {
	f.at++
	if f.depth++; f.depth > f.v.limits.JSONDepth {
		f.fault = tooDeep
	}
	return f.fault == ""
}

func (f *flat) object() bool {
	defer func() { f.depth-- }()
	if f.space(); f.next() == '}' {
		f.at++
		return true
	}
	n := len(f.path)
	for {
		if f.next() != '"' {
			return false
		}
		name, ok := f.string()
		if !ok {
			return false
		}
		if f.space(); !f.literal(":") {
			return false
		}
		f.path = append(append(f.path[:n], '.'), name...)
		f.item()
		outer := f.mixed
		f.mixed = outer || !lower(name)
		if f.space(); !f.value() {
			return false
		}
		f.mixed = outer
		f.path = f.path[:n]
		if more, ok := f.more('}'); !more {
			return ok
		}
	}
}

func (f *flat) array() bool {
	defer func() { f.depth-- }()
	if f.space(); f.next() == ']' {
		f.at++
		return true
	}
	n := len(f.path)
	for i := 0; ; i++ {
		f.path = strconv.AppendInt(append(f.path[:n], '.'), int64(i), 10)
		f.item()
		if !f.value() {
			return false
		}
		f.path = f.path[:n]
		if more, ok := f.more(']'); !more {
			return ok && f.length(i+1)
		}
	}
}

// more reads a comma, and is true, or the bracket that closes.
func (f *flat) more(closing byte) (more, ok bool) {
	f.space()
	switch f.next() {
	case ',':
		f.at++
		f.space()
		return true, true
	case closing:
		f.at++
		return false, true
	}
	return false, false
}

// item begins a member of an object or array; false: it is not looked at.
func (f *flat) item() bool {
	if most := f.v.limits.Arguments; most > 0 && f.leaves >= most {
		f.stopped = true
	}
	return !f.stopped
}

// leaf adds a value under the path.
func (f *flat) leaf(value string) bool {
	if f.stopped {
		return true
	}
	f.leaves++
	return f.add(value)
}

// length adds how many values an array has. These have a limit of their own.
func (f *flat) length(n int) bool {
	if f.stopped {
		return true
	}
	if most := f.v.limits.Arguments; most > 0 && f.arrays >= most {
		f.dropped = true
		return true
	}
	f.arrays++
	return f.add(f.v.decimal(n))
}

func (f *flat) add(value string) bool {
	f.used += len(f.path) + len(value)
	if f.used > f.budget {
		f.fault = fmt.Sprintf("flattened form exceeds the %d byte budget for a %d byte body", f.budget, len(f.text))
		return false
	}
	key := f.v.arena.String(f.path)
	p := Pair{key, key, value}
	if f.mixed {
		p.Fold = f.v.fold(key)
	}
	f.v.args = append(f.v.args, p)
	return true
}

// string reads a text in quotes, and decodes it.
func (f *flat) string() (string, bool) {
	f.at++
	from, escaped := f.at, false
	for f.at < len(f.text) {
		switch c := f.text[f.at]; {
		case c == '"':
			raw := f.text[from:f.at]
			f.at++
			if escaped {
				raw = f.decoded(raw)
			}
			return raw, true
		case c < ' ':
			return "", false
		case c == '\\':
			escaped = true
			if !f.escape() {
				return "", false
			}
		default:
			f.at++
		}
	}
	return "", false
}

// escape checks what a backslash begins.
func (f *flat) escape() bool {
	if f.at++; f.at >= len(f.text) {
		return false
	}
	switch f.text[f.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		f.at++
		return true
	case 'u':
		if f.at+4 >= len(f.text) {
			return false
		}
		for _, c := range []byte(f.text[f.at+1 : f.at+5]) {
			if hex(c) < 0 {
				return false
			}
		}
		f.at += 5
		return true
	}
	return false
}

// decoded is a text, whose escapes have been checked, without them. Half a pair
// of surrogates, and what escape follows it, become U+FFFD.
func (f *flat) decoded(raw string) string {
	b := f.v.arena.Room(len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			b = append(b, raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r := fourDigits(raw[i+1:])
			i += 4
			if utf16.IsSurrogate(r) && len(raw) > i+6 && raw[i+1] == '\\' && raw[i+2] == 'u' {
				r = utf16.DecodeRune(r, fourDigits(raw[i+3:]))
				i += 6
			}
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, c)
		}
	}
	return f.v.arena.Keep(b)
}

func fourDigits(s string) rune {
	return rune(hex(s[0])<<12 | hex(s[1])<<8 | hex(s[2])<<4 | hex(s[3]))
}

// number reads one.
func (f *flat) number() bool {
	if f.next() == '-' {
		f.at++
	}
	if f.next() == '0' {
		f.at++
	} else if !f.digits() {
		return false
	}
	if f.next() == '.' {
		f.at++
		if !f.digits() {
			return false
		}
	}
	if c := f.next(); c == 'e' || c == 'E' {
		f.at++
		if c := f.next(); c == '+' || c == '-' {
			f.at++
		}
		return f.digits()
	}
	return true
}

// digits reads at least one.
func (f *flat) digits() bool {
	from := f.at
	for c := f.next(); '0' <= c && c <= '9'; c = f.next() {
		f.at++
	}
	return f.at > from
}
