package machine

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"fanlight/internal/flow"
)

const (
	sockDiagByFamily = 20 // linux/sock_diag.h
	inetDiagSKV6Only = 11 // linux/inet_diag.h
	listenState      = 10 // TCP_LISTEN
)

// inetDiagRequest is struct inet_diag_req_v2 of sock_diag(7).
type inetDiagRequest struct {
	unix.NlMsghdr
	family, protocol, ext, pad uint8
	states                     uint32
	id                         [48]byte
}

// inetDiagSize is the size of struct inet_diag_msg, whose last field is the
// socket's inode.
const inetDiagSize = 72

// v6onlySockets tells by inode which IPv6 listeners leave IPv4 alone: the one
// fact that /proc does not have. It is empty where the kernel does not answer.
func v6onlySockets() map[uint64]flow.Seen {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
	req := inetDiagRequest{family: unix.AF_INET6, protocol: unix.IPPROTO_TCP, states: 1 << listenState}
	req.NlMsghdr = unix.NlMsghdr{Len: uint32(unsafe.Sizeof(req)), Type: sockDiagByFamily, Flags: unix.NLM_F_REQUEST | unix.NLM_F_DUMP}
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&req)), unsafe.Sizeof(req))
	if err := unix.Sendto(fd, raw, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil
	}
	found := map[uint64]flow.Seen{}
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil || n == 0 || !readDiag(buf[:n], found) {
			return found
		}
	}
}

// readDiag reads one datagram of answers; more are to come if it is true.
func readDiag(b []byte, found map[uint64]flow.Seen) (more bool) {
	messages, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return false
	}
	for _, m := range messages {
		if m.Header.Type != sockDiagByFamily || len(m.Data) < inetDiagSize {
			return false // done, or an error
		}
		inode := binary.NativeEndian.Uint32(m.Data[inetDiagSize-4:])
		for attrs := m.Data[inetDiagSize:]; len(attrs) >= 4; {
			size := int(binary.NativeEndian.Uint16(attrs))
			kind := binary.NativeEndian.Uint16(attrs[2:])
			if size < 4 || size > len(attrs) {
				break
			}
			if kind == inetDiagSKV6Only && size > 4 {
				found[uint64(inode)] = flow.SeenIf(attrs[4] != 0)
			}
			attrs = attrs[min((size+3)&^3, len(attrs)):]
		}
	}
	return true
}
