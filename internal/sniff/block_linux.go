package sniff

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"fanlight/internal/pcap"
)

// Offsets in the header of a block (struct tpacket_block_desc with struct
// tpacket_hdr_v1) and of a packet in it (struct tpacket3_hdr, then struct
// sockaddr_ll). All are in the order of the machine but for the protocol.
const (
	blockStatus  = 8
	blockPackets = 12
	blockFirst   = 16
	blockUsed    = 20

	packetNext    = 0
	packetSeconds = 4
	packetNanos   = 8
	packetSnapLen = 12
	packetLength  = 16
	packetStatus  = 20
	packetMAC     = 24
	packetTCI     = 32
	packetTPID    = 36

	addrProtocol = 48 + 2
	addrIndex    = 48 + 4
	addrHardware = 48 + 8
	addrType     = 48 + 10
	addrLength   = 48 + 11
	addrBytes    = 48 + 12
	headerBytes  = 48 + 20
)

// sll2Bytes is the length of the Linux cooked header of version 2.
const sll2Bytes = 20

func blockLength(block []byte) uint32 {
	return min(u32(block, blockUsed), uint32(len(block)))
}

func u16(b []byte, at int) uint16 { return binary.NativeEndian.Uint16(b[at:]) }
func u32(b []byte, at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }

// parse lists the packets of the block that b.Buf holds.
func (h *Handle) parse(b *pcap.Batch) {
	at := u32(b.Buf, blockFirst)
	for range u32(b.Buf, blockPackets) {
		if uint64(at)+headerBytes > uint64(len(b.Buf)) {
			return
		}
		frame := b.Buf[at:]
		if data, length, ok := h.data(frame); ok {
			h.number++
			b.Packets = append(b.Packets, pcap.Packet{
				Number: h.number, Link: h.link, Data: data, Length: length,
				Time:    int64(u32(frame, packetSeconds))*1e9 + int64(u32(frame, packetNanos)),
				HasTime: true, Direction: h.direction(frame),
			})
		}
		at += u32(frame, packetNext)
	}
}

func (h *Handle) direction(frame []byte) pcap.Direction {
	switch {
	case h.target.loopback != 0 && int(u32(frame, addrIndex)) == h.target.loopback:
		return pcap.UnknownDirection
	case frame[addrType] == unix.PACKET_OUTGOING:
		return pcap.Outbound
	}
	return pcap.Inbound
}

// data is the packet with the header that its link type promises, and its
// length on the wire with that. The header is put into the room that the kernel
// leaves before a packet; so is the VLAN tag that it took off.
func (h *Handle) data(frame []byte) (data []byte, length int, ok bool) {
	start := int(u16(frame, packetMAC))
	end := start + int(u32(frame, packetSnapLen))
	if start < headerBytes || end > len(frame) {
		return nil, 0, false
	}
	first := start
	tagged := u32(frame, packetStatus)&unix.TP_STATUS_VLAN_VALID != 0
	switch {
	case h.target.cooked:
		first = cook(frame, start, tagged)
	case tagged && end-start >= 12:
		first = start - 4
		copy(frame[first:], frame[start:start+12])
		putTag(frame[first+12:], tagProtocol(frame), u16(frame, packetTCI))
	}
	if first < headerBytes {
		return nil, 0, false
	}
	return frame[first:end:end], int(u32(frame, packetLength)) + start - first, true
}

// cook writes the Linux cooked header (LINKTYPE_LINUX_SLL2) before start.
func cook(frame []byte, start int, tagged bool) (first int) {
	protocol := binary.BigEndian.Uint16(frame[addrProtocol:])
	if tagged {
		if tagFollows(frame[start:], protocol) {
			protocol = unix.ETH_P_8021Q
		}
		start -= 4
		binary.BigEndian.PutUint16(frame[start:], u16(frame, packetTCI))
		binary.BigEndian.PutUint16(frame[start+2:], protocol)
		protocol = tagProtocol(frame)
	}
	first = start - sll2Bytes
	if first < headerBytes {
		return first
	}
	sll := frame[first:start]
	binary.BigEndian.PutUint16(sll, protocol)
	binary.BigEndian.PutUint16(sll[2:], 0)
	binary.BigEndian.PutUint32(sll[4:], u32(frame, addrIndex))
	binary.BigEndian.PutUint16(sll[8:], u16(frame, addrHardware))
	sll[10] = frame[addrType]
	sll[11] = frame[addrLength]
	copy(sll[12:], frame[addrBytes:addrBytes+8])
	return first
}

// tagFollows reports whether data begins with the rest of a second VLAN tag:
// since Linux 6.10 the protocol of a cooked packet is that behind all its tags.
func tagFollows(data []byte, protocol uint16) bool {
	if len(data) < 4 || binary.BigEndian.Uint16(data[2:]) != protocol {
		return false
	}
	switch protocol {
	case unix.ETH_P_IP:
		return data[0]>>4 != 4
	case unix.ETH_P_IPV6:
		return data[0]>>4 != 6
	}
	return false
}

func putTag(b []byte, protocol, tci uint16) {
	binary.BigEndian.PutUint16(b, protocol)
	binary.BigEndian.PutUint16(b[2:], tci)
}

// tagProtocol is the EtherType of the tag that the kernel took off.
func tagProtocol(frame []byte) uint16 {
	if u32(frame, packetStatus)&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		return u16(frame, packetTPID)
	}
	return unix.ETH_P_8021Q
}
