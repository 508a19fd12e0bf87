// Package packet reads one captured frame down to its TCP segment or UDP datagram,
// or to the segment that a message of ICMP says was not delivered.
package packet

import "net/netip"

// Transport protocols, as IP numbers them.
const (
	TCP uint8 = 6
	UDP uint8 = 17
)

// Flags of a TCP header (RFC 9293, 3.1).
const (
	FIN uint8 = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Why a frame gave no segment: the values of Info.Skip.
const (
	SkipLink      = "link type not supported"
	SkipARP       = "arp"
	SkipNotIP     = "not ip"
	SkipTruncated = "truncated header"
	SkipMalformed = "malformed header"
	SkipFragment  = "fragment of a datagram that is not complete"
	SkipProtocol  = "not tcp or udp"
)

// TCPHeader is what a TCP header says. MSS, WScale and SACKPermitted are read
// from segments with SYN only, for they mean nothing in others (RFC 7323, 1.3).
type TCPHeader struct {
	Seq, Ack      uint32
	TSVal, TSEcr  uint32
	Window        uint16 // as sent, not scaled
	MSS           uint16 // 0: not offered
	Flags         uint8
	WScale        int8 // -1: not offered
	SACKPermitted bool
	HasTS         bool
}

// Info is one segment or datagram with its addresses.
type Info struct {
	Src, Dst    netip.AddrPort
	Proto       uint8      // TCP, UDP or 0
	TCP         TCPHeader  // of a TCP segment
	Payload     []byte     // what was captured of it; valid until the decoder's next call and as long as the frame
	PayloadLen  int        // bytes there were on the wire, more than len(Payload) when the capture cut them off
	VLAN        uint16     // the innermost tag's identifier, 0 without one
	TTL         uint8      // hop limit of IPv6
	IPID        uint16     // 0 in IPv6
	By          netip.Addr // who says that the segment was not delivered
	MTU         uint32     // of the hop that a packet was too big for, 0: it did not say
	Fragment    bool       // put together from fragments, of which this frame was the last
	Tunnel      string     // what the addresses were wrapped in: gre, erspan, vxlan, ipip; empty: nothing
	Undelivered string     // why the segment was not delivered, of a message of ICMP that quotes one; empty: the segment itself
	Skip        string     // why there is no segment; empty when there is one
}
