//go:build !unix

package cli

// terminalSize takes nothing for a terminal here: neither colours nor progress
// are shown.
func terminalSize(any) (columns int, ok bool) { return 0, false }
