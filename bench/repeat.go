package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// A file of tcpdump's: pcap with microseconds in this machine's byte order,
// and, as recorded here, Ethernet frames with IPv4 and TCP.
const (
	pcapHead   = 24
	pcapRecord = 16
	pcapMagic  = 0xa1b2c3d4
	frameHead  = 14
	addressAt  = pcapRecord + frameHead + 12
	portAt     = pcapRecord + frameHead + 20 // IPv4 without options
	flagsAt    = portAt + 13
)

var host = binary.NativeEndian

// captureFile reads a capture packet by packet, and again. It holds little of
// it: what this process has in memory counts as peak memory of the programs it
// starts.
type captureFile struct {
	file *os.File
	in   *bufio.Reader
	head [pcapHead]byte
	p    []byte
}

func openCapture(name string) (*captureFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	c := &captureFile{file: f, in: bufio.NewReaderSize(f, 256<<10)}
	if err := c.rewind(); err != nil {
		f.Close()
		return nil, err
	}
	return c, nil
}

func (c *captureFile) close() { c.file.Close() }

func (c *captureFile) rewind() error {
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	c.in.Reset(c.file)
	if _, err := io.ReadFull(c.in, c.head[:]); err != nil {
		return fmt.Errorf("read %s: %w", c.file.Name(), err)
	}
	if host.Uint32(c.head[:]) != pcapMagic {
		return fmt.Errorf("read %s: not as tcpdump writes it", c.file.Name())
	}
	return nil
}

// next gives a packet with its record head, valid until the next call; it may
// be changed. io.EOF at the end.
func (c *captureFile) next() ([]byte, error) {
	head, err := c.in.Peek(pcapRecord)
	if err != nil {
		if errors.Is(err, io.EOF) && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	n := pcapRecord + int(host.Uint32(head[8:]))
	c.p = slices.Grow(c.p[:0], n)[:n]
	if _, err := io.ReadFull(c.in, c.p); err != nil {
		return nil, fmt.Errorf("read %s: %w", c.file.Name(), err)
	}
	return c.p, nil
}

// facts of a capture that was recorded here.
type facts struct {
	packets, largest int
	size             int64 // bytes, of the file
	span             int64 // microseconds from the first packet to the last
}

func survey(name string) (facts, error) {
	c, err := openCapture(name)
	if err != nil {
		return facts{}, err
	}
	defer c.close()
	f, first := facts{size: pcapHead}, int64(0)
	for {
		p, err := c.next()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return f, err
		}
		if f.packets == 0 {
			first = packetTime(p)
		}
		f.packets++
		f.largest = max(f.largest, len(p)-pcapRecord)
		f.size += int64(len(p))
		f.span = packetTime(p) - first
	}
}

// packetTime is in microseconds since 1970.
func packetTime(p []byte) int64 { return int64(host.Uint32(p))*1e6 + int64(host.Uint32(p[4:])) }

// repetition is a long capture made of a short one: again and again, each time
// from other clients and later. Checksums are left as they were; over loopback
// they are wrong in any case.
type repetition struct {
	base recorded
	open bool // without FIN and RST: no connection ends
}

// write gives whole rounds until done says, of the rounds and bytes so far,
// that it is enough, and returns both.
func (r *repetition) write(ctx context.Context, to io.Writer, done func(rounds int, size int64) bool) (rounds int, size int64, err error) {
	c, err := openCapture(r.base.Capture)
	if err != nil {
		return 0, 0, err
	}
	defer c.close()
	out := bufio.NewWriterSize(to, 1<<20)
	out.Write(c.head[:]) // the buffer keeps the error
	for size = pcapHead; !done(rounds, size) && ctx.Err() == nil; rounds++ {
		n, err := r.round(c, out, rounds)
		if err != nil {
			return rounds, size, err
		}
		size += n
		if err := c.rewind(); err != nil {
			return rounds, size, err
		}
	}
	return rounds, size, errors.Join(out.Flush(), ctx.Err())
}

func (r *repetition) round(c *captureFile, out *bufio.Writer, round int) (size int64, err error) {
	for {
		p, err := c.next()
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, err
		}
		if r.open && p[flagsAt]&finOrReset != 0 {
			continue
		}
		at := packetTime(p) + int64(round)*(r.base.Span+1)
		host.PutUint32(p, uint32(at/1e6))
		host.PutUint32(p[4:], uint32(at%1e6))
		copy(p[r.clientAt(p):], []byte{10, byte(round >> 16), byte(round >> 8), byte(round)})
		if _, err := out.Write(p); err != nil {
			return size, err
		}
		size += int64(len(p))
	}
}

const finOrReset = 0x01 | 0x04

// clientAt is where the client's address is: the one whose port is not the
// server's.
func (r *repetition) clientAt(p []byte) int {
	if int(binary.BigEndian.Uint16(p[portAt:])) == r.base.Port {
		return addressAt + 4
	}
	return addressAt
}
