package store

import (
	"syscall"
	"time"
)

// threadTime is the processor time that this thread has used.
func threadTime() time.Duration {
	return usage(syscall.RUSAGE_THREAD)
}

// processTime is that of all threads.
func processTime() time.Duration { return usage(syscall.RUSAGE_SELF) }

func usage(who int) time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(who, &u) // cannot fail for what is one's own
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
