// Package pcap reads and writes pcap and pcapng, with embedded decryption
// secrets and comments.
package pcap

import "fmt"

const (
	// maxPacket is the most bytes of one packet that are believed, which is
	// also the largest snapshot length of tcpdump and dumpcap.
	maxPacket = 256 << 10
	// maxBlock bounds a pcapng block that must be held whole: a packet of
	// maxPacket with its options, or a description.
	maxBlock = 1 << 20
	// maxSecrets bounds a decryption secrets block.
	maxSecrets = 64 << 20
	// maxInterfaces bounds the interfaces of all sections of a file.
	maxInterfaces = 1 << 16
)

// BatchSize is the capacity of the buffer of a Batch, in bytes. It holds the
// largest block that is accepted.
const BatchSize = maxBlock

// Packet is one captured packet.
type Packet struct {
	Number  int    // from 1, in the order read
	Time    int64  // nanoseconds since the Unix epoch; 0 without HasTime
	Length  int    // bytes on the wire
	Data    []byte // what was captured of them
	Iface   int    // index into the Interfaces of its file
	File    int    // index into the paths of a Source
	Dropped int64  // packets lost since the one before, where the file says so
	Comment string // several are joined by line feeds

	Link      LinkType
	Direction Direction
	HasTime   bool // simple packet blocks have none
}

// Direction is how a packet passed its interface.
type Direction uint8

const (
	UnknownDirection Direction = iota
	Inbound
	Outbound
)

// Batch is a run of packets and the memory they lie in. The zero value is
// ready; its owner hands it in again to have the memory reused.
type Batch struct {
	Buf     []byte
	Packets []Packet // Data lies in Buf
}

// reset empties the batch and gives it a buffer of the full size.
func (b *Batch) reset() {
	if cap(b.Buf) < BatchSize {
		b.Buf = make([]byte, 0, BatchSize)
	}
	b.Buf, b.Packets = b.Buf[:0], b.Packets[:0]
}

// Secrets are the contents of a decryption secrets block.
type Secrets struct {
	Kind uint32
	Data []byte // belongs to whoever receives it
}

// TLSKeyLog is the kind of Secrets in the format of SSLKEYLOGFILE.
const TLSKeyLog uint32 = 0x544c534b

// NotRecorded stands for a count the file does not give.
const NotRecorded = -1

// Interface is what a file says of where its packets were captured. Texts are
// empty if it does not say.
type Interface struct {
	Name        string
	Description string
	Filter      string
	Hardware    string // of the section, like the next two
	OS          string
	Application string
	Link        LinkType
	SnapLen     int   // 0: no limit
	Received    int64 // packets seen while capturing; NotRecorded
	Dropped     int64 // packets lost by interface and system; NotRecorded

	clock clock
}

// cutShort is the Reason of a DamageError for a file that ends too early.
const cutShort = "cut"

// DamageError says where a file stops making sense. What came before is good.
type DamageError struct {
	Name   string
	Offset int64 // of the block or packet header, uncompressed
	Packet int   // number of the packet that cannot be read; 0 if it is no packet
	Reason string
}

func (e *DamageError) Error() string {
	if e.Reason == cutShort {
		return fmt.Sprintf("read %s: cut inside %s", e.Name, e.where())
	}
	if e.Offset == 0 && e.Packet == 0 {
		return fmt.Sprintf("read %s: %s", e.Name, e.Reason)
	}
	return fmt.Sprintf("read %s: %s: %s", e.Name, e.where(), e.Reason)
}

func (e *DamageError) where() string {
	switch {
	case e.Packet > 0:
		return fmt.Sprintf("packet %d at offset %d", e.Packet, e.Offset)
	case e.Offset > 0:
		return fmt.Sprintf("the block at offset %d", e.Offset)
	}
	return "the file header"
}

// Cut tells whether the file merely ends too early, as one does that is still
// being written.
func (e *DamageError) Cut() bool { return e.Reason == cutShort }
