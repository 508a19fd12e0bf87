package transform

import (
	"unicode"
	"unicode/utf8"

	"fanlight/internal/waf/arena"
)

func lowercase(a *arena.Arena, s string) (string, bool) {
	return mapCase(a, s, 'A', unicode.ToLower)
}

func uppercase(a *arena.Arena, s string) (string, bool) {
	return mapCase(a, s, 'a', unicode.ToUpper)
}

// mapCase changes the letters of the case that begins with from. In a value
// that is not plain ASCII malformed UTF-8 becomes U+FFFD.
func mapCase(a *arena.Arena, s string, from byte, to func(rune) rune) (string, bool) {
	for i := range len(s) {
		if s[i]-from < 26 {
			return mapASCII(a, s, i, from, to)
		}
		if s[i] >= utf8.RuneSelf {
			return mapRunes(a, s, i, to)
		}
	}
	return s, false
}

// mapASCII begins at a letter, until it finds that the value is not ASCII.
func mapASCII(a *arena.Arena, s string, at int, from byte, to func(rune) rune) (string, bool) {
	dst := append(a.Room(len(s)), s[:at]...)
	for i := at; i < len(s); i++ {
		c := s[i]
		if c-from < 26 {
			c ^= 0x20
		}
		if c >= utf8.RuneSelf {
			return mapRunes(a, s, at, to)
		}
		dst = append(dst, c)
	}
	return a.Keep(dst), true
}

func mapRunes(a *arena.Arena, s string, at int, to func(rune) rune) (string, bool) {
	// Three bytes of UTF-8 for one: U+FFFD.
	dst := append(a.Room(3*len(s)-2*at), s[:at]...)
	for _, r := range s[at:] {
		dst = utf8.AppendRune(dst, to(r))
	}
	if string(dst) == s {
		return s, false
	}
	return a.Keep(dst), true
}
