package flow

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// PrintableJSON escapes what JSON allows in strings and terminals obey: DEL,
// the control characters from U+0080 to U+009F, and marks that turn the
// direction of writing. What needs none of it is given back as it is.
func PrintableJSON(raw []byte) []byte {
	if bytes.IndexByte(raw, 0x7f) < 0 && bytes.IndexByte(raw, 0xc2) < 0 && bytes.IndexByte(raw, 0xd8) < 0 && bytes.IndexByte(raw, 0xe2) < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw)+32)
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		if obeyed(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, raw[:size]...)
		}
		raw = raw[size:]
	}
	return out
}

func obeyed(r rune) bool {
	return r >= 0x7f && r <= 0x9f || r == 0x61c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
