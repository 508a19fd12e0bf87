package sniff

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"fanlight/internal/pcap"
)

// Handle is a running capture. Reading and closing it are for one goroutine;
// Stats and Interfaces for any.
type Handle struct {
	options Options
	link    pcap.LinkType
	target  target

	file    *os.File // the socket
	conn    syscall.RawConn
	ring    []byte
	block   int // the next to come
	number  int
	pending error
	arrived func(fd uintptr) bool
	stopped atomic.Bool
	unhook  func() bool

	own     pcap.Batch // of Next
	at      int
	noticed uint64 // packets lost that a packet told of

	mu            sync.Mutex
	packets, lost uint64
}

// Open begins to capture, in no promiscuous mode, until ctx is done. Errors
// name the interface.
func Open(ctx context.Context, o Options) (*Handle, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	t, err := o.target()
	if err != nil {
		return nil, err
	}
	fd, ring, err := o.openSocket(t)
	if err != nil {
		return nil, err
	}
	h := &Handle{options: o, target: t, ring: ring, link: pcap.Ethernet, file: os.NewFile(uintptr(fd), o.Interface)}
	if t.cooked {
		h.link = pcap.LinuxSLL2
	}
	h.arrived = h.look
	if h.conn, err = h.file.SyscallConn(); err != nil {
		h.Close()
		return nil, o.errorf("use the packet socket: %w", err)
	}
	h.unhook = context.AfterFunc(ctx, h.stop)
	return h, nil
}

// stop lets no more packets in, and gives those that wait in an unfinished
// block the time to come.
func (h *Handle) stop() {
	h.stopped.Store(true)
	h.conn.Control(func(fd uintptr) {
		if code, err := none(); err == nil {
			attach(int(fd), code)
		}
	})
	h.file.SetReadDeadline(time.Now().Add(4 * retireMilliseconds * time.Millisecond))
}

// Link is how every packet begins: Ethernet, or LinuxSLL2 where interfaces
// differ or have no Ethernet header.
func (h *Handle) Link() pcap.LinkType { return h.link }

// Interfaces describes the capture as that of a file is described.
func (h *Handle) Interfaces() []pcap.Interface {
	packets, lost := h.Stats()
	return []pcap.Interface{{Name: h.options.Interface, Link: h.link, SnapLen: h.options.SnapLen,
		Received: int64(packets), Dropped: int64(lost)}}
}

// Stats counts the packets that the filter let pass, and those of them that
// were lost because the ring was full.
func (h *Handle) Stats() (packets, lost uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conn.Control(func(fd uintptr) {
		// Each look sets the kernel's counters to zero.
		if s, err := unix.GetsockoptTpacketStatsV3(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			h.packets += uint64(s.Packets)
			h.lost += uint64(s.Drops)
		}
	})
	return h.packets, h.lost
}

// Close ends the capture. What was read stays good.
func (h *Handle) Close() error {
	if h.unhook != nil {
		h.unhook()
	}
	if h.ring == nil {
		return nil
	}
	if h.conn != nil {
		h.Stats()
	}
	unix.Munmap(h.ring)
	h.ring = nil
	return h.file.Close()
}

// Next waits for a packet, whose Data is valid until the next call. It gives
// io.EOF once the context of Open is done and what came before was read, or
// the Handle is closed.
func (h *Handle) Next(p *pcap.Packet) error {
	if h.at == len(h.own.Packets) {
		h.at = 0
		if err := h.NextBatch(&h.own); err != nil {
			return err
		}
	}
	*p = h.own.Packets[h.at]
	h.at++
	return nil
}

// NextBatch waits for packets and gives those that came together, 50 ms after
// the first of them at the latest. Errors are those of Next. It is an
// alternative to Next, not to be mixed with it.
func (h *Handle) NextBatch(b *pcap.Batch) error {
	b.Packets = b.Packets[:0]
	for len(b.Packets) == 0 {
		if h.ring == nil {
			return io.EOF
		}
		if err := h.wait(); err != nil {
			return err
		}
		h.take(b)
	}
	_, lost := h.Stats()
	b.Packets[0].Dropped = int64(lost - h.noticed)
	h.noticed = lost
	return nil
}

// wait returns once the next block is full or its time is over.
func (h *Handle) wait() error {
	if h.full() {
		return nil
	}
	err := h.conn.Read(h.arrived)
	switch {
	case h.pending != nil:
		return h.options.errorf("%w", h.pending)
	case errors.Is(err, os.ErrDeadlineExceeded) && h.stopped.Load():
		return io.EOF
	case err != nil:
		return h.options.errorf("wait for packets: %w", err)
	}
	return nil
}

// look reports whether the wait is over.
func (h *Handle) look(fd uintptr) bool {
	if h.full() {
		return true
	}
	h.pending = socketError(int(fd))
	return h.pending != nil
}

// full reports whether the next block is ours to read.
func (h *Handle) full() bool { return atomic.LoadUint32(h.status())&unix.TP_STATUS_USER != 0 }

// status of the next block, through which kernel and reader hand it to each
// other (struct tpacket_block_desc).
func (h *Handle) status() *uint32 {
	return (*uint32)(unsafe.Pointer(&h.ring[h.block*blockBytes+blockStatus]))
}

// take copies the next block out of the ring and gives it back.
func (h *Handle) take(b *pcap.Batch) {
	block := h.ring[h.block*blockBytes:][:blockBytes]
	if cap(b.Buf) < blockBytes {
		b.Buf = make([]byte, 0, blockBytes)
	}
	b.Buf = append(b.Buf[:0], block[:blockLength(block)]...)
	atomic.StoreUint32(h.status(), unix.TP_STATUS_KERNEL)
	h.block = (h.block + 1) % (len(h.ring) / blockBytes)
	h.parse(b)
}
