package query

import (
	"strings"
	"unicode"
)

// SyntaxError is a fault of an expression: what is wrong, and where.
type SyntaxError struct {
	Expr           string
	Offset, Length int // in bytes; Length is 0 at the end of the expression
	Msg            string
	Hint           string // empty: none
}

// Of an expression that is longer than a line, so many characters are printed
// on each side of the fault's beginning.
const shown = 48

// Error has the fault, the line of the expression with a caret under the
// fault, and the hint, each on a line of its own. It holds no other control
// characters.
func (e *SyntaxError) Error() string {
	before, behind := []rune(e.Expr[:e.Offset]), []rune(e.Expr[e.Offset:])
	marked := max(1, len([]rune(e.Expr[e.Offset:e.Offset+e.Length])))
	head, tail := "", ""
	if len(before)+len(behind) > 2*shown {
		if len(before) > shown {
			before, head = before[len(before)-shown:], "..."
		}
		if len(behind) > shown {
			behind, tail = behind[:shown], "..."
		}
	}
	marked = min(marked, max(1, len(behind)))
	lines := []string{
		"read filter: " + plain(e.Msg),
		"  " + head + plain(string(before)) + plain(string(behind)) + tail,
		"  " + strings.Repeat(" ", len(head)+len(before)) + "^" + strings.Repeat("~", marked-1),
	}
	if e.Hint != "" {
		lines = append(lines, "  "+plain(e.Hint))
	}
	return strings.Join(lines, "\n")
}

// plain puts a character of one column in the place of each that a terminal
// obeys or does not show.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r):
			return '?'
		}
		return r
	}, s)
}

// suggest is a hint that names the words meant by one that is not known.
func suggest(wrong string, known []string) string {
	wrong = strings.ToLower(wrong)
	best, nearest := "", max(2, len(wrong)/3)+1
	for _, k := range known {
		d := Distance(wrong, k)
		if last(k) == last(wrong) {
			d /= 3 // a field of the same name elsewhere is the likelier one
		}
		if d < nearest {
			best, nearest = k, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	var holding []string
	for _, k := range known {
		if len(last(wrong)) > 2 && strings.Contains(k, last(wrong)) {
			holding = append(holding, k)
		}
	}
	switch {
	case len(holding) > 0:
		return "did you mean " + strings.Join(holding[:min(3, len(holding))], ", ") + "?"
	case len(known) <= 12:
		return "known are " + strings.Join(known, ", ")
	}
	return ""
}

// last is what stands behind the last point of a name.
func last(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// Distance counts the bytes to insert, remove or change (Levenshtein). Of long
// words only the beginning counts.
func Distance(a, b string) int {
	a = a[:min(len(a), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
