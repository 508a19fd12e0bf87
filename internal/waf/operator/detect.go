package operator

import (
	"strings"

	"github.com/corazawaf/libinjection-go"

	"fanlight/internal/waf/rx"
)

// sqli is @detectSQLi. It captures the fingerprint, not the text. Of a value that
// would keep libinjection busy it sees the beginning alone: the one place where a
// verdict can be another than Coraza's.
type sqli struct{}

// libinjection's time grows with the quotes that are escaped or doubled within a
// string of a value, times its length: 128 KiB of nothing else take a second or
// more.
const (
	sqliWork  = 64 << 20 // escaped quotes times bytes
	sqliBegin = 8 << 10  // bytes of a value with more
)

// bounded is the part of a value that libinjection gets to see.
func bounded(value string) string {
	if len(value) <= sqliBegin {
		return value
	}
	quotes := 0
	for i := 1; i < len(value); i++ {
		switch c := value[i]; c {
		case '\'', '"', '`':
			if before := value[i-1]; before == c || before == '\\' {
				quotes++
			}
		}
	}
	if quotes*len(value) <= sqliWork {
		return value
	}
	return value[:sqliBegin]
}

func (sqli) Match(value, _ string, c Capture) bool {
	if !mayBeSQLi(value) {
		return false
	}
	found, fingerprint := libinjection.IsSQLi(bounded(value))
	if found && c != nil {
		c.Capture(0, fingerprint)
	}
	return found
}

// What a byte can be to libinjection, which makes tokens of a value and looks up
// the list of their kinds (words, numbers, operators) among those of injections.
const (
	sqlTelling   = iota // quotes, brackets, variables: looked into
	sqlHex              // a digit, or a letter up to f
	sqlWord             // what else words are made of
	sqlSeparator        // blanks, and operators that alone tell nothing
)

var sqlClass = func() (class [256]uint8) {
	for c := range class {
		switch b := byte(c); {
		case b-'0' < 10, b|0x20 >= 'a' && b|0x20 <= 'f':
			class[c] = sqlHex
		case b|0x20 >= 'g' && b|0x20 <= 'z', b == '_', b >= 0x80 && b != 0xa0:
			class[c] = sqlWord
		case b <= ' ', strings.IndexByte(",.:;?=+*%<>~^!&/-", b) >= 0:
			class[c] = sqlSeparator
		}
	}
	return class
}()

// mayBeSQLi refuses three kinds of values. Those of one word, with or without a
// number in front: they make two tokens at most, and of the injections of two tokens
// without a comment libinjection lets those pass that are no more than that. Those
// of numbers and words of the letters a to f: among them only DEC is a word of SQL,
// and of words that are none, numbers, operators and commas no injection consists,
// but for comments (-- and /*) and &&. And those of words that mean nothing.
func mayBeSQLi(value string) bool {
	var seen [4]bool
	for i := range len(value) {
		c := sqlClass[value[i]]
		if c == sqlTelling {
			return true
		}
		seen[c] = true
	}
	if !seen[sqlSeparator] {
		return isRadixNumber(value)
	}
	if !seen[sqlWord] {
		return tellsInHex(value)
	}
	return !meansNothing(value)
}

// Needs says with clauses what mayBeSQLi says first.
func (sqli) Needs() rx.Needs {
	var telling, words, separators rx.ByteSet
	for c, class := range sqlClass {
		switch class {
		case sqlTelling:
			add(&telling, byte(c))
		case sqlWord:
			add(&words, byte(c))
		case sqlSeparator:
			add(&separators, byte(c))
		}
	}
	return rx.Needs{Any: []rx.Clause{
		{Bytes: []rx.ByteSet{telling}, MinLen: 1},
		{Bytes: []rx.ByteSet{separators, words}, MinLen: 2},
		{Literals: []string{"0x", "0b", "--", "/*", "&&", "dec"}, MinLen: 2},
	}}
}

// isRadixNumber is whether value begins with 0x or 0b, of which more tokens than
// a number are made.
func isRadixNumber(value string) bool {
	return len(value) > 1 && value[0] == '0' && (value[1]|0x20 == 'x' || value[1]|0x20 == 'b')
}

func tellsInHex(value string) bool {
	for i := range len(value) - 1 {
		switch value[i] {
		case '-':
			if value[i+1] == '-' {
				return true
			}
		case '/':
			if value[i+1] == '*' {
				return true
			}
		case '&':
			if value[i+1] == '&' {
				return true
			}
		case 'd', 'D':
			if i+2 < len(value) && value[i+1]|0x20 == 'e' && value[i+2]|0x20 == 'c' {
				return true
			}
		}
	}
	return false
}

// xss is @detectXSS. It captures nothing.
type xss struct{}

func (xss) Match(value, _ string, _ Capture) bool {
	return mayBeXSS(value) && libinjection.IsXSS(value)
}

// mayBeXSS looks for what libinjection has to meet before it tells of anything: a tag
// or the like behind "<", or the name of an attribute that takes a script, with
// "=" behind it.
func mayBeXSS(value string) bool {
	for i := range len(value) {
		switch value[i] {
		case '<':
			if i+1 < len(value) && opensTag(value[i+1]) {
				return true
			}
		case '=':
			if endsAttribute(value[:i]) {
				return true
			}
		}
	}
	return false
}

// Needs says with clauses nearly what mayBeXSS says.
func (xss) Needs() rx.Needs {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return rx.Needs{Any: []rx.Clause{
		{Bytes: []rx.ByteSet{bytesOf("<"), bytesOf(letters + "\x00!/?%")}, MinLen: 2},
		{Bytes: []rx.ByteSet{bytesOf("="), bytesOf(letters)}, MinLen: 3},
	}}
}

func opensTag(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c == 0 || strings.IndexByte("!/?%", c) >= 0
}

// beforeLast is, by the last letter of an attribute's name, the letters that can
// stand before it in the names that libinjection knows.
var beforeLast = [256]string{
	'A': "T", 'C': "R", 'D': "AEIN", 'E': "DGKLMNRSTUVZ", 'F': "E", 'G': "AN",
	'H': "CGS", 'K': "CNR", 'L': "AEIL", 'M': "AOR", 'N': "EIOUW", 'O': "T",
	'P': "AOU", 'R': "EOU", 'S': "AELNSU", 'T': "ACEHILNRSU", 'U': "N", 'W': "AO",
	'Y': "ABDEPRT",
}

// endsAttribute tells whether text may end with such a name; NULs do not count,
// nor do blanks behind it.
func endsAttribute(text string) bool {
	text = strings.TrimRight(text, "\x00\t\n\v\f\r ")
	last, text := cutLast(text)
	before, _ := cutLast(strings.TrimRight(text, "\x00"))
	return strings.IndexByte(beforeLast[last], before) >= 0
}

// cutLast takes the last byte off text, a letter as a capital; 0 without one.
func cutLast(text string) (byte, string) {
	if text == "" {
		return 0, ""
	}
	c := text[len(text)-1]
	if c >= 'a' && c <= 'z' {
		c &^= 0x20
	}
	return c, text[:len(text)-1]
}
