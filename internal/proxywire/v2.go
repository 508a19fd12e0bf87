package proxywire

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

const fixed2 = 16 // signature, version and command, family, length

// Commands and families of version 2 (section 2.2).
const (
	commandLocal = 0x0
	commandProxy = 0x1

	familyNone = 0x00 // any protocol over it
	familyTCP4 = 0x11
	familyTCP6 = 0x21
	familyUnix = 0x31
)

// parse2 reads a header of version 2.
func parse2(p []byte) (h Header, n int, err error) {
	if len(p) < fixed2 {
		return h, 0, nil
	}
	h.Version = 2
	n = fixed2 + int(binary.BigEndian.Uint16(p[14:]))
	if n > MaxLen {
		return h, 0, malformed("it is %d bytes long, more than the %d that are taken", n, MaxLen)
	}
	command := p[12] & 0x0f
	switch {
	case p[12]>>4 != 2:
		return h, 0, malformed("version %d is not known", p[12]>>4)
	case command > commandProxy:
		return h, 0, malformed("command %d is not known", command)
	case len(p) < n:
		return h, 0, nil
	case command == commandLocal || p[13] == familyNone:
		// Both are to be taken, and all that follows is to be ignored.
		h.Local, h.Transport = command == commandLocal, "unspecified"
		return h, n, nil
	}
	rest, err := h.addresses(p[13], p[fixed2:n])
	if err == nil {
		err = h.extras(p[:n], rest)
	}
	return h, n, err
}

// addresses reads the two ends and gives what is behind them.
func (h *Header) addresses(family byte, p []byte) (rest []byte, err error) {
	size, ok := map[byte]int{familyTCP4: 12, familyTCP6: 36, familyUnix: 216}[family]
	switch {
	case !ok:
		return nil, malformed("address family and protocol 0x%02x is not one of a TCP connection", family)
	case len(p) < size:
		return nil, malformed("%d bytes are too few for its addresses", len(p))
	}
	switch family {
	case familyTCP4:
		h.Transport = "tcp4"
		h.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte(p)), binary.BigEndian.Uint16(p[8:]))
		h.Server = netip.AddrPortFrom(netip.AddrFrom4([4]byte(p[4:])), binary.BigEndian.Uint16(p[10:]))
	case familyTCP6:
		h.Transport = "tcp6"
		h.Client = netip.AddrPortFrom(netip.AddrFrom16([16]byte(p)).Unmap(), binary.BigEndian.Uint16(p[32:]))
		h.Server = netip.AddrPortFrom(netip.AddrFrom16([16]byte(p[16:])).Unmap(), binary.BigEndian.Uint16(p[34:]))
	default:
		h.Transport = "unix"
	}
	return p[size:], nil
}

// Types of what may follow the addresses (section 2.2), and of what is in the
// one about TLS (section 2.2.6).
const (
	typeALPN      = 0x01
	typeAuthority = 0x02
	typeCRC32C    = 0x03
	typeUniqueID  = 0x05
	typeTLS       = 0x20
	typeNamespace = 0x30

	typeTLSVersion   = 0x21
	typeTLSName      = 0x22
	typeTLSCipher    = 0x23
	typeTLSSignature = 0x24
	typeTLSKey       = 0x25
)

const maxUniqueID = 128 // section 2.2.5

// extras reads what follows the addresses. Types that are not known are for
// others.
func (h *Header) extras(whole, p []byte) error {
	checked := false
	return eachExtra(p, func(kind byte, at int, value []byte) error {
		switch kind {
		case typeALPN:
			h.ALPN = string(value)
		case typeAuthority:
			h.Authority = string(value)
		case typeUniqueID:
			if len(value) > maxUniqueID {
				return malformed("a unique id of %d bytes", len(value))
			}
			h.UniqueID = append([]byte(nil), value...)
		case typeNamespace:
			h.Namespace = string(value)
		case typeCRC32C:
			if checked || len(value) != 4 {
				return malformed("its checksum is there twice, or not 4 bytes long")
			}
			checked = true
			if !summed(whole, len(whole)-len(p)+at, value) {
				return malformed("its checksum is wrong: it was changed or cut on its way")
			}
			h.Checksum = true
		case typeTLS:
			return h.tls(value)
		}
		return nil
	})
}

// summed checks the CRC-32C of the whole header, in which the sum itself counts
// as zeros (section 2.2.3).
func summed(whole []byte, at int, sum []byte) bool {
	table := crc32.MakeTable(crc32.Castagnoli)
	crc := crc32.Update(0, table, whole[:at])
	crc = crc32.Update(crc, table, make([]byte, 4))
	crc = crc32.Update(crc, table, whole[at+4:])
	return crc == binary.BigEndian.Uint32(sum)
}

// eachExtra calls f for each type and value, with where the value is in p: a type
// is one byte, then there are two of length.
func eachExtra(p []byte, f func(kind byte, at int, value []byte) error) error {
	for at := 0; at < len(p); {
		left := p[at:]
		if len(left) < 3 {
			return malformed("%d bytes are left at its end", len(left))
		}
		size := 3 + int(binary.BigEndian.Uint16(left[1:]))
		if size > len(left) {
			return malformed("a value of type 0x%02x goes on behind its end", left[0])
		}
		if err := f(left[0], at+3, left[3:size]); err != nil {
			return err
		}
		at += size
	}
	return nil
}

// tls reads what is said of the client's TLS: a byte of what there was, four of
// how its certificate was judged (0: verified), and values.
func (h *Header) tls(p []byte) error {
	const (
		used              = 0x01
		certificate       = 0x02
		certificateBefore = 0x04
	)
	if len(p) < 5 {
		return malformed("what it says of TLS is %d bytes long", len(p))
	}
	shown := p[0]&(certificate|certificateBefore) != 0
	t := &TLS{Used: p[0]&used != 0, Certificate: shown, Verified: shown && binary.BigEndian.Uint32(p[1:]) == 0}
	h.TLS = t
	return eachExtra(p[5:], func(kind byte, _ int, value []byte) error {
		switch kind {
		case typeTLSVersion:
			t.Version = string(value)
		case typeTLSName:
			t.Name = string(value)
		case typeTLSCipher:
			t.Cipher = string(value)
		case typeTLSSignature:
			t.Signature = string(value)
		case typeTLSKey:
			t.Key = string(value)
		}
		return nil
	})
}

// Append writes the header in its Version: the ends, or that it is local; of
// what else it may say only the authority, in version 2.
func (h *Header) Append(b []byte) []byte {
	if h.Version == 1 {
		return h.append1(b)
	}
	return h.append2(b)
}

func (h *Header) append2(b []byte) []byte {
	start := len(b)
	client, server, kind := h.ends()
	command, family := byte(commandProxy), byte(familyTCP4)
	switch kind {
	case "":
		command, family = commandLocal, familyNone
	case "TCP6":
		family = familyTCP6
	}
	b = append(append(b, signature2...), 2<<4|command, family, 0, 0)
	if kind != "" {
		b = append(append(b, client.Addr().AsSlice()...), server.Addr().AsSlice()...)
		b = binary.BigEndian.AppendUint16(b, client.Port())
		b = binary.BigEndian.AppendUint16(b, server.Port())
		if name := h.Authority; name != "" && len(name) <= 255 {
			b = append(binary.BigEndian.AppendUint16(append(b, typeAuthority), uint16(len(name))), name...)
		}
	}
	binary.BigEndian.PutUint16(b[start+14:], uint16(len(b)-start-fixed2))
	return b
}
