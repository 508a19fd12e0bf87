package rx

import (
	"strings"
	"unicode/utf8"
)

// wantsBytes tells whether an expression, its \xNN escapes replaced by the bytes
// they name, is no valid UTF-8. Such an expression is about bytes.
//
// It reads escapes the way Coraza 3.8.1 does, which is not how an expression is
// read: an escaped backslash before an x counts as an escape too, and the last
// three bytes never start one.
func wantsBytes(expr string) bool {
	decoded := make([]byte, 0, len(expr))
	for i := 0; i < len(expr); {
		b, size := expr[i], 1
		if b == '\\' && i+3 < len(expr) && expr[i+1] == 'x' {
			if v, n, ok := byteEscape(expr[i:]); ok {
				b, size = v, n
			}
		} else if b == '\\' && i+3 >= len(expr) {
			decoded = append(decoded, expr[i:]...)
			break
		}
		decoded = append(decoded, b)
		i += size
	}
	return !utf8.Valid(decoded)
}

// byteEscape reads \xNN, or the first two digits of \x{N...}, at the start of s,
// which has at least four bytes; size is how long the escape is.
func byteEscape(s string) (v byte, size int, ok bool) {
	digits, size := s[2:], 4
	if len(s) >= 6 && s[2] == '{' {
		if end := strings.IndexByte(s, '}'); end >= 0 {
			digits, size = s[3:end], end+1
		}
	}
	if len(digits) < 2 {
		return 0, 0, false
	}
	hi, ok1 := hexDigit(digits[0])
	lo, ok2 := hexDigit(digits[1])
	return hi<<4 | lo, size, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
