package gateway

import (
	"strings"

	"fanlight/internal/waf"
)

// mostSteps bounds what a record says of how a value was transformed.
const mostSteps = 12

// stepLines are the transformations that changed a value, each with what it made
// of it.
func stepLines(h *waf.Hit, found string) string {
	var lines []string
	before := h.Before
	for _, s := range h.Steps {
		if s.Value == before {
			continue
		}
		before = s.Value
		if len(lines) < mostSteps {
			lines = append(lines, s.Name+" "+strings.ReplaceAll(excerpt(s.Value, found), "\n", " "))
		}
	}
	return strings.Join(lines, "\n")
}
