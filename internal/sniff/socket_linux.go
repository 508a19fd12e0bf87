package sniff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"fanlight/internal/pcap"
)

const (
	// blockBytes is what the kernel hands over at once; it is also the size of
	// a batch, into which a block is copied whole.
	blockBytes = pcap.BatchSize
	// frameBytes has no meaning with TPACKET_V3, but to be checked.
	frameBytes = 2048
	// retireMilliseconds is how long a packet waits for its block to fill.
	retireMilliseconds = 50
)

// target is the interface of a capture as the kernel knows it.
type target struct {
	index    int // 0: any
	loopback int // index of the loopback interface if it is captured
	cooked   bool
}

func (o Options) target() (target, error) {
	if o.Interface == Any {
		t := target{cooked: true}
		list, err := net.Interfaces()
		if err != nil {
			return t, o.errorf("list the interfaces: %w", err)
		}
		for _, i := range list {
			if i.Flags&net.FlagLoopback != 0 {
				t.loopback = i.Index
			}
		}
		return t, nil
	}
	i, err := net.InterfaceByName(o.Interface)
	if err != nil {
		return target{}, o.unknownInterface()
	}
	t := target{index: i.Index, cooked: true}
	switch kind, err := hardware(o.Interface); {
	case err != nil:
		return t, o.errorf("ask for its type: %w", err)
	case kind == unix.ARPHRD_LOOPBACK:
		t.loopback, t.cooked = i.Index, false
	case kind == unix.ARPHRD_ETHER:
		t.cooked = false
	}
	return t, nil
}

// hardware is the ARPHRD type of an interface.
func hardware(name string) (uint16, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, ifr); err != nil {
		return 0, err
	}
	return ifr.Uint16(), nil
}

// openSocket makes the packet socket with its ring, filtered from the first
// packet on: it is bound last.
func (o Options) openSocket(t target) (fd int, ring []byte, err error) {
	kind := unix.SOCK_RAW
	if t.cooked {
		kind = unix.SOCK_DGRAM
	}
	fd, err = unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return -1, nil, o.errorf("needs CAP_NET_RAW (setcap cap_net_raw+ep %s, or run as root): %w", program(), err)
	}
	if err != nil {
		return -1, nil, o.errorf("open a packet socket: %w", err)
	}
	if ring, err = o.prepare(fd, t); err != nil {
		unix.Close(fd)
		return -1, nil, err
	}
	return fd, ring, nil
}

// program is how to name this program in a command.
func program() string {
	if path, err := os.Executable(); err == nil {
		return path
	}
	return "fanlight"
}

func (o Options) prepare(fd int, t target) ([]byte, error) {
	if len(o.Ports) > maxPorts {
		return nil, o.errorf("%d ports are more than the %d that a filter can hold", len(o.Ports), maxPorts)
	}
	code, err := filter(o, t.cooked, t.loopback)
	if err != nil {
		return nil, o.errorf("make the filter: %w", err)
	}
	if err := attach(fd, code); err != nil {
		return nil, o.errorf("set the filter: %w", err)
	}
	ring, err := mapRing(fd, o.RingBytes)
	if err != nil {
		return nil, o.errorf("make a ring of %d bytes: %w", o.RingBytes, err)
	}
	if err := bindTo(fd, t.index); err != nil {
		unix.Munmap(ring)
		return nil, o.errorf("%w", err)
	}
	return ring, nil
}

func attach(fd int, code []bpf.RawInstruction) error {
	program := make([]unix.SockFilter, len(code))
	for i, c := range code {
		program[i] = unix.SockFilter{Code: c.Op, Jt: c.Jt, Jf: c.Jf, K: c.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: unsafe.SliceData(program)})
}

func mapRing(fd, size int) ([]byte, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, err
	}
	blocks := max(2, (size+blockBytes-1)/blockBytes)
	err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
		Block_size:     blockBytes,
		Block_nr:       uint32(blocks),
		Frame_size:     frameBytes,
		Frame_nr:       uint32(blocks * (blockBytes / frameBytes)),
		Retire_blk_tov: retireMilliseconds,
	})
	if err != nil {
		return nil, err
	}
	return unix.Mmap(fd, 0, blocks*blockBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

func bindTo(fd, index int) error {
	network := binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL)
	all := binary.NativeEndian.Uint16(network)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return socketError(fd)
}

// socketError takes the error that waits on the socket.
func socketError(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return err
	case unix.Errno(code) == unix.ENETDOWN:
		return errors.New("the interface is down")
	case code != 0:
		return unix.Errno(code)
	}
	return nil
}
