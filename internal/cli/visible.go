package cli

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible writes what a terminal would obey, or would not show as it is, as an
// escape: control characters but line end and tab, marks that turn the
// direction of writing, bytes that are no UTF-8. What clients, origins and
// other users' programs say of themselves is printed through it.
func visible(text string) string {
	if !strings.ContainsFunc(text, hidden) && utf8.ValidString(text) {
		return text
	}
	var b []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, `\x`...)
			b = append(b, strconv.FormatUint(uint64(text[0]), 16)...) // two digits: it is above 7f
		case hidden(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b = append(b, quoted[1:len(quoted)-1]...)
		default:
			b = append(b, text[:size]...)
		}
		text = text[size:]
	}
	return string(b)
}

func hidden(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }
