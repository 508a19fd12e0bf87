package bind

import (
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// handshakeGrace lets handshakes on this machine that have begun end: a
	// chain of soft interrupts that takes some 30 us on a machine that is not
	// overloaded. One over a wire that is cut off gives its client a reset.
	handshakeGrace = time.Millisecond
	// quietGrace is for a listener to which nobody came lately. To look on for
	// so little costs less than to sleep: the sleep and its wake-up showed in
	// the times of other sites' requests (row many-sites of the benchmark).
	quietGrace = 50 * time.Microsecond
	// maxQueue bounds the draining on a kernel that goes on to accept.
	maxQueue = 1 << 16
	// noInterface is the index of an interface that no machine has.
	noInterface = 1 << 30
)

// drain lets no further connection into the queue of ln and hands over those
// that are in it. A borrowed socket is one that systemd holds too; a quiet one
// had no connection for a while.
func drain(ln *net.TCPListener, borrowed, quiet bool, hand func(net.Conn)) {
	raw, err := ln.SyscallConn()
	if err != nil {
		return
	}
	var queued []int
	_ = raw.Control(func(fd uintptr) {
		refuseNew(int(fd), borrowed)
		for began := time.Now(); time.Since(began) < quietGrace; {
			queued = append(queued, acceptQueued(int(fd))...)
		}
	})
	if !quiet || len(queued) > 0 {
		time.Sleep(handshakeGrace)
		_ = raw.Control(func(fd uintptr) { queued = append(queued, acceptQueued(int(fd))...) })
	}
	for _, fd := range queued {
		f := os.NewFile(uintptr(fd), "accepted")
		if c, err := net.FileConn(f); err == nil {
			hand(c)
		}
		f.Close()
	}
}

// refuseNew makes the socket one that the kernel does not find for a new
// connection, which it then refuses; handshakes that have begun go on. To undo
// that takes a right, so a borrowed socket, which is to be used again, drops new
// connections by a filter: a client that comes just now sends again a second
// later. A kernel that has neither leaves a gap of microseconds.
func refuseNew(fd int, borrowed bool) {
	if !borrowed && unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, noInterface) == nil {
		return
	}
	_ = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, dropFirst())
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

// acceptQueued asks first whether there is anything: an accept that finds
// nothing costs the kernel a socket and a file, many times that.
func acceptQueued(listener int) (fds []int) {
	waiting := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
	if n, _ := unix.Poll(waiting, 0); n <= 0 {
		return nil
	}
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
