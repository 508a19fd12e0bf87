package store

import (
	"syscall"
	"time"
)

// threadTime is the processor time that this thread has used.
func threadTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_THREAD, &u) // cannot fail for a thread of one's own
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
