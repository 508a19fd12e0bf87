package bind

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Handed is a listening socket on its way to another process.
type Handed struct {
	Addr    netip.AddrPort
	Systemd bool     // systemd holds it too
	Name    string   // as the socket unit names it
	File    *os.File // a descriptor of its own for the same socket
}

// Hand gives a descriptor for every listening socket, also for those of systemd
// that no site uses. The caller closes them.
func (ls *Listeners) Hand() (out []Handed, err error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, in := range ls.opts.Inherited {
		if in.own {
			continue // its listener has it
		}
		f, err := Duplicate(in.file, in.Addr.String())
		if err != nil {
			return out, fmt.Errorf("hand over the socket %s: %w", in.Addr, err)
		}
		out = append(out, Handed{in.Addr, true, in.Name, f})
	}
	for addr, l := range ls.open {
		if l.shutdown != nil {
			continue // one of systemd
		}
		f, err := Duplicate(l.socket.(syscall.Conn), addr.String())
		if err != nil {
			return out, fmt.Errorf("hand over the listener on %s: %w", addr, err)
		}
		out = append(out, Handed{Addr: addr, File: f})
	}
	return out, nil
}

// Duplicate makes another descriptor for what c has open. It leaves the mode of
// the socket alone, which both share.
func Duplicate(c syscall.Conn, name string) (*os.File, error) {
	fd, err := duplicate(c)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

func duplicate(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	failed := raw.Control(func(from uintptr) { fd, err = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(failed, os.NewSyscallError("fcntl", err))
}

// FromHanded adopts the sockets that another process handed over.
func FromHanded(all []Handed) ([]*Inherited, error) {
	var adopted []*Inherited
	for _, h := range all {
		fd, err := duplicate(h.File)
		if err != nil {
			return adopted, fmt.Errorf("take over the socket %s: %w", h.Addr, err)
		}
		in := &Inherited{Name: h.Name, own: !h.Systemd}
		if err := in.adopt(fd); err != nil {
			unix.Close(fd)
			return adopted, fmt.Errorf("take over the socket %s: %w", h.Addr, err)
		}
		adopted = append(adopted, in)
	}
	return adopted, nil
}
