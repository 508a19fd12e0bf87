package cli

import "fanlight/internal/report"

// visible escapes what a terminal would obey, but for line end and tab. What
// clients, origins and other users' programs say of themselves is printed
// through it.
func visible(text string) string { return report.Visible(text, false, "\n\t") }
