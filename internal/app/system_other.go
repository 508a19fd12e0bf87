//go:build !unix

package app

import (
	"net"
	"os"
)

func listenPrivately(path string) (net.Listener, error) { return net.Listen("unix", path) }

// tryLock does nothing: locks are implemented for Unix only.
func tryLock(*os.File) error { return nil }
