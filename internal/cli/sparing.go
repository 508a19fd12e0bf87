package cli

import (
	"os"
	"runtime/debug"
)

// gcPercent is the garbage a capture's analysis may leave lying, in percent of
// what it uses: an open connection then costs about a third less than with Go's
// 100, for a tenth to a fifth more time where 20,000 are open.
const gcPercent = 50

// sparing has less garbage left lying until restore is called. Who sets GOGC
// decides for himself.
func sparing() (restore func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	old := debug.SetGCPercent(gcPercent)
	return func() { debug.SetGCPercent(old) }
}
