package transform

import (
	"strings"

	"fanlight/internal/waf/arena"
)

// urlDecode says to have changed each value with a percent or a plus sign.
func urlDecode(a *arena.Arena, s string) (string, bool) {
	i := strings.IndexByte(s, '%')
	if i < 0 && strings.IndexByte(s, '+') < 0 {
		return s, false
	}
	dst := a.Room(len(s))
	for i := 0; i < len(s); {
		c := s[i]
		i++
		switch c {
		case '+':
			c = ' '
		case '%':
			if v := hexPair(s, i); v >= 0 {
				c = byte(v)
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return a.Keep(dst), true
}

// urlDecodeUni also knows %uHHHH of IIS.
func urlDecodeUni(a *arena.Arena, s string) (string, bool) {
	at := indexPercentOrPlus(s, 0)
	for at >= 0 {
		if _, width := decodeUni(s[at:]); width > 0 {
			break
		}
		at = indexPercentOrPlus(s, at+1)
	}
	if at < 0 {
		return s, false
	}
	dst := append(a.Room(len(s)), s[:at]...)
	for i := at; i < len(s); {
		c := s[i]
		if c == '%' || c == '+' {
			if d, width := decodeUni(s[i:]); width > 0 {
				dst = append(dst, d)
				i += width
				continue
			}
		}
		dst = append(dst, c)
		i++
	}
	return a.Keep(dst), true
}

func indexPercentOrPlus(s string, from int) int {
	for i := from; i < len(s); i++ {
		if s[i] == '%' || s[i] == '+' {
			return i
		}
	}
	return -1
}

// decodeUni decodes what s, which is not empty, begins with; width 0: nothing.
func decodeUni(s string) (c byte, width int) {
	if s[0] == '+' {
		return ' ', 1
	}
	if len(s) > 1 && s[1]|0x20 == 'u' {
		high, low := hexPair(s, 2), hexPair(s, 4)
		if high < 0 || low < 0 {
			return 0, 0
		}
		return bestFit(high<<8 | low), 6
	}
	if v := hexPair(s, 1); v >= 0 {
		return byte(v), 3
	}
	return 0, 0
}

// hexPair is the value of the two hexadecimal digits at i, or -1.
func hexPair(s string, i int) int {
	if i+1 >= len(s) {
		return -1
	}
	high, low := hexDigit(s[i]), hexDigit(s[i+1])
	if high < 0 || low < 0 {
		return -1
	}
	return high<<4 | low
}

func hexDigit(c byte) int {
	switch {
	case c-'0' < 10:
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

const lowerHex = "0123456789abcdef"

func urlEncode(a *arena.Arena, s string) (string, bool) {
	i := 0
	for i < len(s) && isURLPlain(s[i]) {
		i++
	}
	if i == len(s) {
		return s, false
	}
	dst := append(a.Room(3*len(s)), s[:i]...)
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case isURLPlain(c):
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', lowerHex[c>>4], lowerHex[c&15])
		}
	}
	return a.Keep(dst), true
}

func isURLPlain(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c-'0' < 10 || c == '*'
}

func isURLEscaped(c byte) bool { return !isURLPlain(c) }
