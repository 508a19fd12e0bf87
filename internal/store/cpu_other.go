//go:build !linux

package store

import "time"

// threadTime is the time of a clock: what a thread has used is not told on this
// system, and what it has waited counts with it.
func threadTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
