package pcap

import "fmt"

// LinkType says how the bytes of a packet begin (draft-ietf-opsawg-pcaplinktype).
type LinkType uint16

const (
	Null      LinkType = 0 // BSD loopback, address family in the writer's byte order
	Ethernet  LinkType = 1
	PPP       LinkType = 9
	RawBSD    LinkType = 12 // raw IP as some systems number it
	RawOpen   LinkType = 14 // raw IP as OpenBSD numbers it
	PPPHDLC   LinkType = 50
	PPPoE     LinkType = 51
	Raw       LinkType = 101
	Loop      LinkType = 108 // OpenBSD loopback, address family in network order
	LinuxSLL  LinkType = 113
	IPv4      LinkType = 228
	IPv6      LinkType = 229
	LinuxSLL2 LinkType = 276
)

// String is the name in the registry of link types, or the number.
func (l LinkType) String() string {
	switch l {
	case Null:
		return "NULL"
	case Ethernet:
		return "ETHERNET"
	case PPP:
		return "PPP"
	case RawBSD, RawOpen, Raw:
		return "RAW"
	case PPPHDLC:
		return "PPP_HDLC"
	case PPPoE:
		return "PPP_ETHER"
	case Loop:
		return "LOOP"
	case LinuxSLL:
		return "LINUX_SLL"
	case IPv4:
		return "IPV4"
	case IPv6:
		return "IPV6"
	case LinuxSLL2:
		return "LINUX_SLL2"
	}
	return fmt.Sprintf("link type %d", uint16(l))
}
