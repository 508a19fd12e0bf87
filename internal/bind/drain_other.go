//go:build !linux

package bind

import "net"

// drain does nothing here: the connections in the queue are reset when the
// socket is closed.
func drain(_ *net.TCPListener, borrowed, quiet bool, _ func(net.Conn)) {}
