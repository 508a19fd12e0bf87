//go:build !linux

package bind

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
)

// Handed is a listening socket on its way to another process.
type Handed struct {
	Addr    netip.AddrPort
	Systemd bool
	Name    string
	File    *os.File
}

// Hand is for Linux only.
func (ls *Listeners) Hand() ([]Handed, error) { return nil, errors.ErrUnsupported }

// Duplicate is for Linux only.
func Duplicate(syscall.Conn, string) (*os.File, error) { return nil, errors.ErrUnsupported }

// FromHanded is for Linux only.
func FromHanded([]Handed) ([]*Inherited, error) { return nil, errors.ErrUnsupported }
