package cli

import (
	"math"
	"os"
	"runtime/debug"
)

const (
	// gcPercent is the garbage that reading a capture may leave lying, in percent
	// of what it uses: an open connection then costs about a third less than with
	// Go's 100, for a fifth more time where 20,000 are open.
	gcPercent = 40
	// memoryLimit is what reading a capture should take at most. What is kept is
	// bounded to less; collecting garbage more often near the limit does the rest.
	memoryLimit = 208 << 20
)

// spareMemory has garbage collected with a view to both, but for what the user
// has set by GOGC and GOMEMLIMIT, until the function it gives is called.
func spareMemory() (undo func()) {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		debug.SetMemoryLimit(memoryLimit)
	}
	more := lessGarbage()
	return func() {
		debug.SetMemoryLimit(limit)
		more()
	}
}

// lessGarbage is the same without a limit, for what is in use beyond it.
func lessGarbage() (undo func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	percent := debug.SetGCPercent(gcPercent)
	return func() { debug.SetGCPercent(percent) }
}
