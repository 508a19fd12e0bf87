package bind

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	firstInherited = 3    // SD_LISTEN_FDS_START of sd_listen_fds(3)
	maxInherited   = 1024 // more is a mistake in the environment
)

// FromSystemd adopts the listening sockets that systemd opened for this
// process, as sd_listen_fds(3) describes; getenv is os.Getenv outside tests.
// Call it once, before the process opens files. Sockets that cannot be used
// (of UDP or Unix, or on every address) are named in the error; the others are
// returned with it.
func FromSystemd(getenv func(string) string) ([]*Inherited, error) {
	if getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil // not for us
	}
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n < 0 || n > maxInherited {
		return nil, fmt.Errorf("adopt sockets from systemd: LISTEN_FDS is %q", getenv("LISTEN_FDS"))
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	var adopted []*Inherited
	var faults []error
	for i := range n {
		in := &Inherited{}
		if i < len(names) {
			in.Name = names[i]
		}
		if err := in.adopt(firstInherited + i); err != nil {
			unix.Close(firstInherited + i) // systemd keeps it
			faults = append(faults, fmt.Errorf("adopt socket %d (%s) from systemd: %w", firstInherited+i, in.Name, err))
			continue
		}
		adopted = append(adopted, in)
	}
	return adopted, errors.Join(faults...)
}

func (in *Inherited) adopt(fd int) error {
	unix.CloseOnExec(fd)
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
		return err
	} else if kind != unix.SOCK_STREAM {
		return errors.New("not a TCP socket")
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	switch a := local.(type) {
	case *unix.SockaddrInet4:
		in.Addr = netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		in.Addr = netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	default:
		return errors.New("not a TCP socket")
	}
	if in.Addr.Addr().IsUnspecified() {
		return fmt.Errorf("it listens on %s; give ListenStream= an exact address", in.Addr)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	in.file = os.NewFile(uintptr(fd), in.Addr.String())
	return nil
}

// listen makes a listener of the socket. The socket may have been stopped, by
// us or by the process that had it before: listening again starts it.
func (in *Inherited) listen() (*net.TCPListener, error) {
	if err := in.start(); err != nil {
		return nil, err
	}
	ln, err := net.FileListener(in.file)
	if err != nil {
		return nil, err
	}
	return ln.(*net.TCPListener), nil
}

func (in *Inherited) start() error {
	return in.control(func(fd int) error {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0) // fails if there is none
		return os.NewSyscallError("listen", unix.Listen(fd, unix.SOMAXCONN))
	})
}

// stop makes the socket refuse connections. To close it would not do, since
// systemd holds it too.
func (in *Inherited) stop() {
	_ = in.control(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RD) })
}

// giveBack leaves the socket as it was found, listening, and closes this
// process's hold on it: systemd takes a socket that was shut down for broken.
func (in *Inherited) giveBack() {
	_ = in.start()
	in.file.Close()
}

func (in *Inherited) control(f func(fd int) error) error {
	raw, err := in.file.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = f(int(fd)) }); err != nil {
		return err
	}
	return result
}
