package transform

import (
	"strings"
	"unicode/utf8"

	"fanlight/internal/waf/arena"

	"golang.org/x/net/html"
)

// htmlEntityDecode decodes character references as HTML says for text (HTML
// standard, 13.2.5.72). It says to have changed a value whose length changed.
func htmlEntityDecode(a *arena.Arena, s string) (string, bool) {
	at := 0
	for {
		i := strings.IndexByte(s[at:], '&')
		if i < 0 {
			return s, false
		}
		at += i
		if ref := parseReference(s[at:]); ref.width > 0 {
			break
		}
		at++
	}
	dst := append(a.Room(len(s)+len(s)/4+8), s[:at]...)
	for rest := s[at:]; rest != ""; {
		ref := parseReference(rest)
		if ref.width > 0 {
			dst = ref.appendTo(dst)
		} else {
			ref.width = 1
			dst = append(dst, rest[0])
		}
		rest = rest[ref.width:]
		plain := strings.IndexByte(rest, '&')
		if plain < 0 {
			plain = len(rest)
		}
		dst = append(dst, rest[:plain]...)
		rest = rest[plain:]
	}
	out := a.Keep(dst)
	return out, len(out) != len(s)
}

// A reference is the bytes of a character reference; width 0: it is none.
type reference struct {
	width int
	char  rune
	text  string // instead of char, if not empty
}

func (r *reference) appendTo(dst []byte) []byte {
	if r.text != "" {
		return append(dst, r.text...)
	}
	return utf8.AppendRune(dst, r.char)
}

// parseReference looks at the start of s, which is an ampersand.
func parseReference(s string) reference {
	if len(s) > 1 && s[1] == '#' {
		return parseNumeric(s)
	}
	n := 1
	for n < len(s) && isAlphanumeric(s[n]) {
		n++
	}
	name := s[1:n]
	if n < len(s) && s[n] == ';' {
		if c := legacyEntity(name); c != 0 {
			return reference{width: n + 1, char: c}
		}
		if ref := parseNamed(s[:n+1]); ref.width > 0 {
			return ref
		}
	}
	for j := min(len(name), 6); j > 1; j-- {
		if c := legacyEntity(name[:j]); c != 0 {
			return reference{width: 1 + j, char: c}
		}
	}
	return reference{}
}

const longestEntity = len("&CounterClockwiseContourIntegral;")

// parseNamed looks up the names that need their semicolon.
func parseNamed(s string) reference {
	if len(s) > longestEntity {
		return reference{}
	}
	text := html.UnescapeString(s)
	if text == s || len(text) > 1 && strings.HasSuffix(text, ";") { // it is none, or begins with another
		return reference{}
	}
	return reference{width: len(s), text: text}
}

func parseNumeric(s string) reference {
	i, base := 2, rune(10)
	if i < len(s) && s[i]|0x20 == 'x' {
		i, base = 3, 16
	}
	first, c := i, rune(0)
	for ; i < len(s); i++ {
		d := rune(hexDigit(s[i]))
		if d < 0 || d >= base {
			break
		}
		if c <= utf8.MaxRune {
			c = c*base + d
		}
	}
	if i == first {
		return reference{}
	}
	if i < len(s) && s[i] == ';' {
		i++
	}
	switch {
	case c >= 0x80 && c <= 0x9f:
		c = windows1252[c-0x80]
	case c == 0: // what is no character becomes U+FFFD when it is written
		c = utf8.RuneError
	}
	return reference{width: i, char: c}
}

// windows1252 is what the numbers 0x80 to 0x9f stand for.
var windows1252 = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ',
}

func isAlphanumeric(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c-'0' < 10
}
