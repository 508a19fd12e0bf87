package transform

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"fanlight/internal/waf/arena"
)

func trim(_ *arena.Arena, s string) (string, bool) {
	out := strings.Trim(s, asciiSpaces)
	return out, len(out) != len(s)
}

func trimLeft(_ *arena.Arena, s string) (string, bool) {
	out := strings.TrimLeft(s, asciiSpaces)
	return out, len(out) != len(s)
}

func trimRight(_ *arena.Arena, s string) (string, bool) {
	out := strings.TrimRight(s, asciiSpaces)
	return out, len(out) != len(s)
}

// removeWhitespace removes white space as Unicode has it. Malformed UTF-8
// becomes U+FFFD, which it does not count as a change.
func removeWhitespace(a *arena.Arena, s string) (string, bool) {
	i := 0
	for i < len(s) && s[i] < utf8.RuneSelf && !isASCIISpace(s[i]) {
		i++
	}
	if i == len(s) {
		return s, false
	}
	dst := append(a.Room(3*len(s)-2*i), s[:i]...)
	changed := false
	for i < len(s) {
		if c := s[i]; c < utf8.RuneSelf {
			i++
			if isASCIISpace(c) {
				changed = true
			} else {
				dst = append(dst, c)
			}
			continue
		}
		r, width := utf8.DecodeRuneInString(s[i:])
		i += width
		if unicode.IsSpace(r) {
			changed = true
		} else {
			dst = utf8.AppendRune(dst, r)
		}
	}
	if string(dst) == s {
		return s, changed
	}
	return a.Keep(dst), changed
}

// compressWhitespace makes one space of each run of white space of Latin-1,
// U+0085 and U+00A0 in UTF-8 among it, and of a byte A0 that is no UTF-8.
func compressWhitespace(a *arena.Arena, s string) (string, bool) {
	at := indexUnevenSpace(s)
	if at < 0 {
		return s, false
	}
	dst := append(a.Room(len(s)), s[:at]...)
	inSpace := at > 0 && s[at-1] == ' '
	for i := at; i < len(s); {
		width, space := latinSpace(s[i:])
		switch {
		case !space:
			dst = append(dst, s[i:i+width]...)
		case !inSpace:
			dst = append(dst, ' ')
		}
		inSpace = space
		i += width
	}
	return a.Keep(dst), true
}

// indexUnevenSpace finds white space that is not a single blank, or -1.
func indexUnevenSpace(s string) int {
	blank := false
	for i := 0; i < len(s); {
		if c := s[i]; c > ' ' && c < utf8.RuneSelf {
			blank = false
			i++
			continue
		}
		width, space := latinSpace(s[i:])
		if space && (blank || s[i] != ' ') {
			return i
		}
		blank = space
		i += width
	}
	return -1
}

// latinSpace gives the width of the character that s begins with.
func latinSpace(s string) (width int, space bool) {
	c := s[0]
	if c < utf8.RuneSelf {
		return 1, isASCIISpace(c)
	}
	if c == 0xa0 {
		return 1, true
	}
	r, width := utf8.DecodeRuneInString(s)
	return width, r == 0x85 || r == 0xa0
}
