//go:build !linux

package machine

import "os"

func copyOwnership(string, *os.File) error { return nil }
