package transform

import (
	"strings"
	"unicode/utf8"

	"fanlight/internal/waf/arena"
)

// indexEscape finds the first backslash that has something behind it, or -1.
func indexEscape(s string) int {
	i := strings.IndexByte(s, '\\')
	if i == len(s)-1 {
		return -1
	}
	return i
}

// decodeEscapes replaces each backslash and what decode, which sees the text
// behind it, makes of it: one byte of so many. A backslash at the end stays.
func decodeEscapes(a *arena.Arena, s string, decode func(string) (byte, int)) (string, bool) {
	at := indexEscape(s)
	if at < 0 {
		return s, false
	}
	dst := append(a.Room(len(s)), s[:at]...)
	for i := at; i < len(s); {
		c := s[i]
		i++
		if c == '\\' && i < len(s) {
			d, width := decode(s[i:])
			c = d
			i += width
		}
		dst = append(dst, c)
	}
	return a.Keep(dst), true
}

// jsDecode decodes the escapes of JavaScript: of \uHHHH and \u{H} the low byte.
func jsDecode(a *arena.Arena, s string) (string, bool) {
	return decodeEscapes(a, s, decodeJS)
}

func decodeJS(s string) (byte, int) {
	switch {
	case s[0] == 'u':
		if code, width := codePoint(s); width > 0 {
			return foldWide(code), width
		}
	case s[0] == 'x':
		if v := hexPair(s, 1); v >= 0 {
			return byte(v), 3
		}
	case isOctal(s[0]):
		n := octals(s)
		if n == 3 && s[0] > '3' {
			n = 2
		}
		return octal(s[:n]), n
	}
	return control(s[0]), 1
}

// codePoint reads u{H} of 1 to 6 digits, or uHHHH.
func codePoint(s string) (code, width int) {
	if len(s) > 1 && s[1] == '{' {
		code, n := hexNumber(s[2:], 6)
		if n == 0 || 2+n >= len(s) || s[2+n] != '}' {
			return 0, 0
		}
		return code, 2 + n + 1
	}
	code, n := hexNumber(s[1:], 4)
	if n < 4 {
		return 0, 0
	}
	return code, 5
}

// hexNumber reads at most limit hexadecimal digits.
func hexNumber(s string, limit int) (v, n int) {
	for n < limit && n < len(s) {
		d := hexDigit(s[n])
		if d < 0 {
			break
		}
		v = v<<4 | d
		n++
	}
	return v, n
}

// foldWide is the low byte of a code point; of full-width forms the plain ones.
func foldWide(code int) byte {
	if code >= 0xff01 && code <= 0xff5e {
		code += 0x20
	}
	return byte(code)
}

func isOctal(c byte) bool { return c-'0' < 8 }

// octals counts the octal digits that s begins with, up to 3.
func octals(s string) int {
	n := 0
	for n < 3 && n < len(s) && isOctal(s[n]) {
		n++
	}
	return n
}

func octal(digits string) byte {
	v := 0
	for i := range len(digits) {
		v = v<<3 | int(digits[i]-'0')
	}
	return byte(v)
}

// control is what the letters of \a and the like stand for.
func control(c byte) byte {
	switch c {
	case 'a':
		return '\a'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'v':
		return '\v'
	}
	return c
}

// escapeSeqDecode decodes the escapes of C (ANSI).
func escapeSeqDecode(a *arena.Arena, s string) (string, bool) {
	return decodeEscapes(a, s, decodeC)
}

func decodeC(s string) (byte, int) {
	switch {
	case s[0]|0x20 == 'x':
		if v := hexPair(s, 1); v >= 0 {
			return byte(v), 3
		}
	case isOctal(s[0]):
		n := octals(s)
		return octal(s[:n]), n
	}
	return control(s[0]), 1
}

// cssDecode decodes the escapes of CSS (CSS Syntax 3, 4.3.7). It says to have
// changed each value with a backslash.
func cssDecode(a *arena.Arena, s string) (string, bool) {
	at := strings.IndexByte(s, '\\')
	if at < 0 {
		return s, false
	}
	// \0 becomes U+FFFD: three bytes for two.
	dst := append(a.Room(len(s)+len(s)/2+1), s[:at]...)
	for i := at; i < len(s); {
		c := s[i]
		i++
		if c != '\\' {
			dst = append(dst, c)
			continue
		}
		code, n := hexNumber(s[i:], 6)
		switch {
		case n > 0:
			dst = appendCSS(dst, rune(code))
			i += n
			if i < len(s) && isASCIISpace(s[i]) {
				i++
			}
		case i < len(s):
			if s[i] != '\n' {
				dst = append(dst, s[i])
			}
			i++
		}
	}
	return a.Keep(dst), true
}

func appendCSS(dst []byte, code rune) []byte {
	switch {
	case code == 0:
		code = utf8.RuneError
	case code >= 0xff01 && code <= 0xff5e:
		code -= 0xfee0
	}
	return utf8.AppendRune(dst, code)
}

func isASCIISpace(c byte) bool { return c == ' ' || c-'\t' < 5 }
