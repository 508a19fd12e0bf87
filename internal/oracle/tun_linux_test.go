package oracle

import (
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// openTUN makes a network interface whose packets are read from and written to
// the file, and which is gone when that is closed.
func openTUN(t testing.TB, name string) *os.File {
	t.Helper()
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("no /dev/net/tun: ", err)
	}
	var request struct {
		name  [16]byte
		flags uint16
		_     [22]byte
	}
	const tun, bare = 1, 0x1000 // IFF_TUN, IFF_NO_PI
	copy(request.name[:15], name)
	request.flags = tun | bare
	if _, _, no := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TUNSETIFF, uintptr(unsafe.Pointer(&request))); no != 0 {
		must(t, os.NewSyscallError("ioctl TUNSETIFF", no))
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun")
}
