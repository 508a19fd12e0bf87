package report

import (
	"fmt"
	"io"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// Findings writes the findings, a blank line between two of them. Of those that
// say the same of several connections the first is written whole, and where else
// it holds.
func Findings(w io.Writer, findings []explain.Finding) error {
	var b strings.Builder
	for i, group := range alike(findings) {
		if i > 0 {
			b.WriteByte('\n')
		}
		group[0].Text(&b)
		if len(group) > 1 {
			b.WriteString(others(group[1:]))
		}
	}
	_, err := io.WriteString(w, Visible(b.String(), false, "\n"))
	return err
}

// said is what two findings have in common that say the same.
type said struct {
	id, title, cause string
	confidence       explain.Confidence
	severity         explain.Severity
}

// alike groups findings that say the same, in the order of the first of each.
func alike(findings []explain.Finding) (groups [][]explain.Finding) {
	at := map[said]int{}
	for _, f := range findings {
		key := said{f.ID, f.Title, f.Cause, f.Confidence, f.Severity}
		i, known := at[key]
		if !known {
			i = len(groups)
			at[key] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], f)
	}
	return groups
}

// namedOthers is how many connections are named before the rest is counted.
const namedOthers = 8

func others(more []explain.Finding) string {
	seen := map[flow.ConnID]bool{}
	var names []string
	for _, f := range more {
		for _, id := range f.Conns {
			if !seen[id] && len(seen) < namedOthers {
				names = append(names, id.String())
			}
			seen[id] = true
		}
	}
	text := fmt.Sprintf("  the same %d times more, on %s", len(more), strings.Join(names, " "))
	if rest := len(seen) - len(names); rest > 0 {
		text += fmt.Sprintf(" and %d further connections", rest)
	}
	return text + "\n"
}
