// Package sniff captures packets from a network interface as they pass.
package sniff

import (
	"fmt"
	"net"
	"strings"
)

// Any is the interface that stands for all of them.
const Any = "any"

// Defaults of Options.
const (
	DefaultSnapLen   = 256 << 10
	DefaultRingBytes = 16 << 20
)

// Options say what to capture.
type Options struct {
	Interface string   // name, or Any; empty: Any
	Ports     []uint16 // TCP and UDP, either side; none: everything, of whatever protocol
	SnapLen   int      // most bytes of a packet to keep; 0: DefaultSnapLen
	RingBytes int      // memory for packets that were not read yet; 0: DefaultRingBytes
}

// withDefaults fills in what is not said.
func (o Options) withDefaults() (Options, error) {
	if o.Interface == "" {
		o.Interface = Any
	}
	if o.SnapLen == 0 {
		o.SnapLen = DefaultSnapLen
	}
	if o.RingBytes == 0 {
		o.RingBytes = DefaultRingBytes
	}
	if o.SnapLen < 0 || o.SnapLen > DefaultSnapLen {
		return o, o.errorf("snap length %d is not within 1 and %d", o.SnapLen, DefaultSnapLen)
	}
	if o.RingBytes < 0 || o.RingBytes > 1<<30 {
		return o, o.errorf("ring of %d bytes is not within 1 and %d", o.RingBytes, 1<<30)
	}
	return o, nil
}

// errorf names what was to be captured.
func (o Options) errorf(format string, args ...any) error {
	return fmt.Errorf("capture on %s: %w", o.Interface, fmt.Errorf(format, args...))
}

// unknownInterface lists those there are.
func (o Options) unknownInterface() error {
	list, err := net.Interfaces()
	if err != nil {
		return o.errorf("no such interface")
	}
	names := make([]string, len(list))
	for i, l := range list {
		names[i] = l.Name
	}
	return o.errorf("no such interface (there are: %s)", strings.Join(append(names, Any), ", "))
}
