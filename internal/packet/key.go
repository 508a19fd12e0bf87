package packet

import "encoding/binary"

// QuickKey gives a number that is the same for both directions of a flow, to
// spread frames over workers. All fragments and tunnels have 0, so that one worker
// sees the whole of each; a flow only some of whose segments are fragments
// is split by that. When it reports false, Decode has nothing to give for the frame.
func QuickKey(link uint16, data []byte) (hash uint32, ok bool) {
	l := linkHeader(link, data)
	if l.skip != "" {
		return 0, false
	}
	b := data[l.size:]
	switch l.etherType {
	case etherIPv4:
		return keyIPv4(b)
	case etherIPv6:
		return keyIPv6(b)
	}
	return 0, false
}

func keyIPv4(b []byte) (uint32, bool) {
	if len(b) < 20 {
		return 0, false
	}
	if binary.BigEndian.Uint16(b[6:])&0x3fff != 0 {
		return 0, true
	}
	src := uint64(binary.BigEndian.Uint32(b[12:]))
	dst := uint64(binary.BigEndian.Uint32(b[16:]))
	header := max(int(b[0]&15)*4, 20)
	return keyPorts(b[9], b[min(header, len(b)):], src, dst)
}

func keyIPv6(b []byte) (uint32, bool) {
	if len(b) < 40 {
		return 0, false
	}
	src, dst := fold(b[8:24]), fold(b[24:40])
	next := b[6]
	b = b[40:]
	for range maxExtensions {
		if !isExtension(next) {
			return keyPorts(next, b, src, dst)
		}
		if len(b) < 8 {
			return 0, false
		}
		if next == protoFragment && binary.BigEndian.Uint16(b[2:])&0xfff9 != 0 {
			return 0, true
		}
		size := extensionSize(next, b)
		if len(b) < size {
			return 0, false
		}
		next, b = b[0], b[size:]
	}
	return 0, false
}

// keyPorts ends the key: b is what IP carries, src and dst stand for addresses.
func keyPorts(proto uint8, b []byte, src, dst uint64) (uint32, bool) {
	switch proto {
	case protoGRE, protoIPIP, protoIPv6:
		return 0, true
	case protoICMP, protoICMPv6:
		return keyQuoted(b)
	case TCP, UDP:
	default:
		return 0, false
	}
	if len(b) < 4 {
		return 0, false
	}
	from, to := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	if proto == UDP && (from == portVXLAN || to == portVXLAN) {
		return 0, true
	}
	sum := scatter(src<<16^uint64(from)) + scatter(dst<<16^uint64(to))
	return uint32(sum>>32) ^ uint32(sum), true
}

func fold(addr []byte) uint64 {
	return binary.BigEndian.Uint64(addr)*31 + binary.BigEndian.Uint64(addr[8:])
}

// scatter spreads the bits of x over the whole word: Fibonacci hashing, twice.
func scatter(x uint64) uint64 {
	const golden = 0x9e3779b97f4a7c15
	x *= golden
	x ^= x >> 32
	return x * golden
}
