//go:build !unix

package app

import "net"

func listenPrivately(path string) (net.Listener, error) { return net.Listen("unix", path) }
