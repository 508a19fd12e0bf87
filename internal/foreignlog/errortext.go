package foreignlog

import "strings"

// findText gives the first row whose words all stand in the text; the words of
// a row are parted by "|".
func findText(table []entry, text string) *entry {
rows:
	for i := range table {
		for word := range strings.SplitSeq(table[i].words, "|") {
			if !strings.Contains(text, word) {
				continue rows
			}
		}
		return &table[i]
	}
	return nil
}

// kindOf writes the words of a row as a kind, with what they leave open closed.
func kindOf(product, words string) string {
	parts := strings.Split(words, "|")
	for i, part := range parts {
		part = strings.TrimRight(part, " :")
		if strings.Count(part, "(") > strings.Count(part, ")") {
			part += ")"
		}
		if strings.Count(part, `"`)%2 == 1 {
			part += `"`
		}
		parts[i] = part
	}
	return product + ": " + strings.Join(parts, " ... ")
}
