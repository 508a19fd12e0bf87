package bind

import (
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// handshakeGrace lets handshakes on this machine that have begun end. A
	// slower one that is cut off gives its client a reset.
	handshakeGrace = time.Millisecond
	// maxQueue bounds the draining on a kernel that does not heed the filter.
	maxQueue = 1 << 16
)

// drain lets no further connection into the queue of ln and hands over those
// that are in it. A client that comes just now sends again a second later, and
// is then refused, or let in by the next listener.
func drain(ln *net.TCPListener, hand func(net.Conn)) {
	raw, err := ln.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		// A kernel without socket filters leaves a gap of microseconds.
		_ = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, dropFirst())
	})
	time.Sleep(handshakeGrace)
	var queued []int
	_ = raw.Control(func(fd uintptr) { queued = acceptQueued(int(fd)) })
	for _, fd := range queued {
		f := os.NewFile(uintptr(fd), "accepted")
		if c, err := net.FileConn(f); err == nil {
			hand(c)
		}
		f.Close()
	}
}

// dropFirst is a filter that drops the first packet of a new connection (SYN
// without ACK: RFC 9293, section 3.1) and lets the end of a handshake pass.
func dropFirst() *unix.SockFprog {
	const flags, synAndACK, syn = 13, 0x12, 0x02
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: synAndACK},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: syn, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	}
	return &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
}

func acceptQueued(listener int) (fds []int) {
	for len(fds) < maxQueue {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			fds = append(fds, fd)
		case unix.EINTR, unix.ECONNABORTED:
		default:
			return fds
		}
	}
	return fds
}
