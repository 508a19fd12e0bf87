package transform

import (
	"strconv"
	"unicode/utf8"

	"fanlight/internal/waf/arena"
)

// utf8ToUnicode writes each character beyond ASCII as %uhhhh, with more digits
// where four do not do; malformed UTF-8 as %ufffd.
func utf8ToUnicode(a *arena.Arena, s string) (string, bool) {
	beyond := 0
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			beyond++
		}
	}
	if beyond == 0 {
		return s, false
	}
	dst := a.Room(len(s) + 5*beyond) // six bytes for one
	for _, r := range s {
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
			continue
		}
		dst = append(dst, '%', 'u')
		for limit := rune(0x1000); limit > r && limit > 1; limit >>= 4 {
			dst = append(dst, '0')
		}
		dst = strconv.AppendUint(dst, uint64(r), 16)
	}
	return a.Keep(dst), true
}
