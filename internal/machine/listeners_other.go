//go:build !linux

package machine

import (
	"errors"
	"runtime"
)

// Listeners would give every TCP listener of this machine.
func Listeners() ([]Holder, error) {
	return nil, errors.New("list listening programs: not available on " + runtime.GOOS)
}
