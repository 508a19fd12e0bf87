//go:build !linux

package store

import (
	"runtime"
	"time"
)

// threadTime is the time of a clock: what a thread has used is not told on this
// system, and what it has waited counts with it.
func threadTime() time.Duration { return time.Duration(time.Now().UnixNano()) }

// processTime tells of a program that is as busy as can be.
func processTime() time.Duration { return threadTime() * time.Duration(runtime.GOMAXPROCS(0)) }

// threadTurns is not told on this system.
func threadTurns() turns { return turns{} }
