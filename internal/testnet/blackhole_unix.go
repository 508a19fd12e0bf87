//go:build unix

package testnet

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// BlackHole gives an address on 127.0.0.1 whose connects time out, without
// root: a listening socket that nobody accepts from and whose queue is full.
// The test is skipped where the system answers all the same.
func BlackHole(t testing.TB) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	control, err := listener.(*net.TCPListener).SyscallConn()
	must(t, err)
	must(t, control.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }))
	must(t, err)
	for range 16 {
		c, err := net.DialTimeout("tcp", listener.Addr().String(), 300*time.Millisecond)
		if err != nil {
			return listener.Addr().String()
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("this system accepts connections beyond a listener's queue")
	return ""
}
