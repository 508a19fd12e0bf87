package cli

import (
	"math"
	"runtime/debug"
)

// memoryLimit is what reading a capture should take at most. What is kept is
// bounded to less; collecting garbage more often near the limit does the rest.
const memoryLimit = 208 << 20

// limitMemory has garbage collected with a view to memoryLimit, unless the user
// has set GOMEMLIMIT, until the function it gives is called.
func limitMemory() (undo func()) {
	before := debug.SetMemoryLimit(-1)
	if before != math.MaxInt64 {
		return func() {}
	}
	debug.SetMemoryLimit(memoryLimit)
	return func() { debug.SetMemoryLimit(before) }
}
