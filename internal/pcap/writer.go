package pcap

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// maxOption is the longest value of an option, in bytes.
const maxOption = 1<<16 - 1

// WriterOptions go into the section header. Empty ones are left out.
type WriterOptions struct {
	Hardware, OS, Application string
}

// Writer writes a pcapng file of one section, little-endian, with timestamps
// in nanoseconds. It is for one goroutine. An error of the output stays, and
// comes back from each method that has one to give.
type Writer struct {
	out   *bufio.Writer
	block []byte // being put together
	known int    // interfaces
	n     int64  // bytes written
	err   error
}

// NewWriter begins a file. The last bytes reach out with Flush.
func NewWriter(out io.Writer, o WriterOptions) *Writer {
	w := &Writer{out: bufio.NewWriterSize(out, 256<<10)}
	w.begin(blockSection)
	w.u32(byteOrderMagic)
	w.u32(1) // version 1.0
	w.u64(^uint64(0))
	w.option(sectionHardware, o.Hardware)
	w.option(sectionOS, o.OS)
	w.option(sectionApplication, o.Application)
	w.end()
	return w
}

// AddInterface describes where packets come from and gives the number to write
// them with. A snaplen of 0 is no limit.
func (w *Writer) AddInterface(link LinkType, snaplen int, name string) int {
	w.begin(blockInterface)
	w.u32(uint32(link))
	w.u32(uint32(snaplen))
	w.option(interfaceName, name)
	w.option(interfaceResolution, "\x09")
	w.end()
	w.known++
	return w.known - 1
}

// WriteSecrets writes a decryption secrets block. Wireshark wants it before the
// packets it is for.
func (w *Writer) WriteSecrets(s Secrets) error {
	if len(s.Data) > maxSecrets-blockFrame-8 {
		return fmt.Errorf("write secrets: %d bytes are beyond the limit", len(s.Data))
	}
	w.begin(blockSecrets)
	w.u32(s.Kind)
	w.u32(uint32(len(s.Data)))
	w.bytes(s.Data)
	return w.end()
}

// WritePacket writes a packet: its interface, nanoseconds since the Unix epoch,
// length on the wire, what was captured, and comments on it, each cut at 64 KiB
// and all at 512 KiB. Packets of more than 256 KiB are refused.
func (w *Writer) WritePacket(iface int, time int64, origLen int, data []byte, comments ...string) error {
	switch {
	case iface < 0 || iface >= w.known:
		return fmt.Errorf("write packet: interface %d of %d", iface, w.known)
	case len(data) > maxPacket:
		return fmt.Errorf("write packet: captured length %d is beyond the limit", len(data))
	}
	w.begin(blockEnhanced)
	w.u32(uint32(iface))
	w.u32(uint32(uint64(time) >> 32))
	w.u32(uint32(time))
	w.u32(uint32(len(data)))
	w.u32(uint32(origLen))
	w.bytes(data)
	for _, c := range comments {
		if len(w.block)+len(c) > maxBlock/2 {
			break
		}
		w.option(optionComment, c)
	}
	return w.end()
}

// WriteStatistics writes how many packets an interface received and lost so
// far, as of a time; NotRecorded leaves one out.
func (w *Writer) WriteStatistics(iface int, time, received, dropped int64) error {
	w.begin(blockStatistics)
	w.u32(uint32(iface))
	w.u32(uint32(uint64(time) >> 32))
	w.u32(uint32(time))
	w.count(statReceived, received)
	w.count(statDropped, dropped)
	return w.end()
}

// Flush hands all that was written to the output.
func (w *Writer) Flush() error {
	if w.err == nil {
		w.err = w.out.Flush()
	}
	return w.err
}

// Written is the length of the file so far, in bytes.
func (w *Writer) Written() int64 { return w.n }

func (w *Writer) begin(kind uint32) {
	w.block = w.block[:0]
	w.u32(kind)
	w.u32(0)
}

// end fills in the length and writes the block. What ends the options is the
// end of the block.
func (w *Writer) end() error {
	total := uint32(len(w.block) + 4)
	binary.LittleEndian.PutUint32(w.block[4:], total)
	w.u32(total)
	if w.err == nil {
		_, w.err = w.out.Write(w.block)
		w.n += int64(total)
	}
	return w.err
}

func (w *Writer) u32(v uint32) { w.block = binary.LittleEndian.AppendUint32(w.block, v) }
func (w *Writer) u64(v uint64) { w.block = binary.LittleEndian.AppendUint64(w.block, v) }

func (w *Writer) bytes(b []byte) {
	w.block = append(w.block, b...)
	w.pad()
}

func (w *Writer) pad() {
	for len(w.block)%4 != 0 {
		w.block = append(w.block, 0)
	}
}

func (w *Writer) option(code uint16, value string) {
	if value == "" {
		return
	}
	if len(value) > maxOption {
		value = strings.ToValidUTF8(value[:maxOption], "")
	}
	w.block = binary.LittleEndian.AppendUint16(w.block, code)
	w.block = binary.LittleEndian.AppendUint16(w.block, uint16(len(value)))
	w.block = append(w.block, value...)
	w.pad()
}

func (w *Writer) count(code uint16, n int64) {
	if n == NotRecorded {
		return
	}
	w.u32(8<<16 | uint32(code))
	w.u64(uint64(n))
}
