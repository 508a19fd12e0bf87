package store

import (
	"fmt"
	"os"
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

// threadTurns is that of this thread; zero where the kernel does not tell.
func threadTurns() (s turns) {
	raw, err := os.ReadFile("/proc/thread-self/schedstat") // proc(5): nanoseconds run, nanoseconds waited, turns
	if err != nil {
		return turns{}
	}
	if n, _ := fmt.Sscan(string(raw), (*int64)(&s.ran), (*int64)(&s.waited)); n < 2 {
		return turns{}
	}
	return s
}
