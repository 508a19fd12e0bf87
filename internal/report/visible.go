package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible writes as escapes what a terminal would obey or would not show as it
// is: control characters but those to keep, marks that turn the direction of
// writing, bytes that are no UTF-8; with ascii whatever is not.
func Visible(s string, ascii bool, keep string) string {
	shown := func(r rune) bool {
		return (unicode.IsPrint(r) || strings.ContainsRune(keep, r)) && (!ascii || r < utf8.RuneSelf)
	}
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !shown(r) }) {
		return s
	}
	var b []byte
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, `\x`...)
			b = strconv.AppendUint(b, uint64(s[0]), 16) // two digits: it is above 7f
		case !shown(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b = append(b, quoted[1:len(quoted)-1]...)
		default:
			b = append(b, s[:size]...)
		}
		s = s[size:]
	}
	return string(b)
}

func visible(s string, ascii bool) string { return Visible(s, ascii, "") }

// cut shortens a text to so many characters, an ellipsis at its end.
func cut(s string, width int, ascii bool) string {
	if len(s) <= width || utf8.RuneCountInString(s) <= width {
		return s
	}
	ellipsis := "…"
	if ascii {
		ellipsis = "..."
	}
	room := max(0, width-utf8.RuneCountInString(ellipsis))
	for i := range s {
		if room == 0 {
			return s[:i] + ellipsis
		}
		room--
	}
	return s
}
