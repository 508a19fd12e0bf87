package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// filesAtOnce is less than the kernel's SCM_MAX_FD.
const filesAtOnce = 200

// sendFiles passes descriptors on (unix(7), SCM_RIGHTS): a byte with each lot,
// 1 if another one follows.
func sendFiles(c *net.UnixConn, files []*os.File) error {
	_ = c.SetWriteDeadline(time.Now().Add(handLimit))
	for {
		lot := files[:min(filesAtOnce, len(files))]
		files = files[len(lot):]
		more := []byte{0}
		if len(files) > 0 {
			more[0] = 1
		}
		if err := sendLot(c, more, lot); err != nil {
			return fmt.Errorf("pass descriptors on: %w", err)
		}
		if len(files) == 0 {
			return nil
		}
	}
}

func sendLot(c *net.UnixConn, more []byte, lot []*os.File) error {
	fds := make([]int, len(lot))
	var send func(i int) error
	send = func(i int) (err error) {
		if i == len(lot) {
			_, _, err = c.WriteMsgUnix(more, unix.UnixRights(fds...), nil)
			return err
		}
		raw, err := lot[i].SyscallConn()
		if err != nil {
			return err
		}
		inner := raw.Control(func(fd uintptr) { // not Fd, which would make the socket blocking
			fds[i] = int(fd)
			err = send(i + 1)
		})
		return errors.Join(inner, err)
	}
	return send(0)
}

// receiveFiles takes the descriptors that sendFiles passes on.
func receiveFiles(c *net.UnixConn) (files []*os.File, err error) {
	_ = c.SetReadDeadline(time.Now().Add(handLimit))
	oob := make([]byte, unix.CmsgSpace(4*filesAtOnce))
	for more := true; more && len(files) < maxHanded; {
		var one [1]byte
		n, oobn, _, _, err := c.ReadMsgUnix(one[:], oob)
		if err != nil || n != 1 {
			return files, fmt.Errorf("take descriptors over: %w", errors.Join(err, errShort(n)))
		}
		lot, err := filesOf(oob[:oobn])
		files = append(files, lot...)
		if err != nil {
			return files, fmt.Errorf("take descriptors over: %w", err)
		}
		more = one[0] == 1
	}
	return files, nil
}

func errShort(n int) error {
	if n == 1 {
		return nil
	}
	return errors.New("the other process ended")
}

func filesOf(oob []byte) (files []*os.File, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "handed over"))
		}
	}
	return files, nil
}

// sameUser tells whether the other side of a Unix socket runs as the same user
// as this process, or as root.
func sameUser(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	same := false
	err = raw.Control(func(fd uintptr) {
		peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		same = err == nil && (peer.Uid == 0 || int(peer.Uid) == os.Geteuid())
	})
	return err == nil && same
}
