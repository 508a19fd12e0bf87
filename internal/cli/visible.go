package cli

import "fanlight/internal/report"

// visible escapes what a terminal would obey, but for line end and tab. What
// clients, origins and other users' programs say of themselves is printed
// through it.
func visible(text string) string { return report.Visible(text, false, "\n\t") }

// visibleLine is visible for what has a line to itself: what a certificate or an
// origin says makes no line of its own.
func visibleLine(text string) string { return report.Visible(text, false, "") }
