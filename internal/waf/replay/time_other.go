//go:build !linux

package replay

import "time"

// threadTime is the time by the clock, where that of a thread cannot be had.
func threadTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
