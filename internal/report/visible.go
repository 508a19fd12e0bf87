package report

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"fanlight/internal/explain"
)

// Findings writes the findings, a blank line between two of them.
func Findings(w io.Writer, findings []explain.Finding) error {
	var b strings.Builder
	for i, f := range findings {
		if i > 0 {
			b.WriteByte('\n')
		}
		f.Text(&b)
	}
	lines := strings.SplitAfter(b.String(), "\n")
	b.Reset()
	for _, line := range lines {
		text, found := strings.CutSuffix(line, "\n")
		b.WriteString(visible(text, false))
		if found {
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// visible writes as escapes what a terminal would obey or would not show as it
// is: control characters (line ends too), marks that turn the direction of
// writing, bytes that are no UTF-8; with ascii whatever is not.
func visible(s string, ascii bool) string {
	if harmless(s, ascii) {
		return s
	}
	var b []byte
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, `\x`...)
			b = strconv.AppendUint(b, uint64(s[0]), 16) // two digits: it is above 7f
		case !unicode.IsPrint(r) || ascii && r >= utf8.RuneSelf:
			quoted := strconv.QuoteRuneToASCII(r)
			b = append(b, quoted[1:len(quoted)-1]...)
		default:
			b = append(b, s[:size]...)
		}
		s = s[size:]
	}
	return string(b)
}

func harmless(s string, ascii bool) bool {
	for i, r := range s {
		if r >= utf8.RuneSelf && ascii || !unicode.IsPrint(r) || r == utf8.RuneError && s[i] != "\uFFFD"[0] {
			return false
		}
	}
	return true
}

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
