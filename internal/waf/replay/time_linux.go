package replay

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime is how much CPU time the calling thread has taken. The caller is
// locked to its thread.
func threadTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
