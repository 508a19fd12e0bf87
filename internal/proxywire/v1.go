package proxywire

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// maxLine is the longest line of version 1 with its end (section 2.1).
const maxLine = 107

// parse1 reads a line of version 1 (section 2.1): PROXY, the kind, both
// addresses and both ports, with one space between them.
func parse1(p []byte) (h Header, n int, err error) {
	end := bytes.Index(p[:min(len(p), maxLine)], []byte("\r\n"))
	if end < 0 {
		if len(p) >= maxLine {
			return h, 0, malformed("its line does not end within %d bytes", maxLine)
		}
		return h, 0, nil
	}
	h.Version, n = 1, end+2
	words := strings.Split(string(p[len(signature1):end]), " ")
	switch words[0] {
	case "UNKNOWN": // whatever follows is to be ignored
		h.Local, h.Transport = true, "unspecified"
		return h, n, nil
	case "TCP4", "TCP6":
	default:
		return h, n, malformed("%q is none of TCP4, TCP6 and UNKNOWN", Printable(words[0]))
	}
	if len(words) != 5 {
		return h, n, malformed("it has %d words after PROXY, not 5", len(words))
	}
	h.Transport = strings.ToLower(words[0])
	if h.Client, err = endpoint(words[0], words[1], words[3]); err == nil {
		h.Server, err = endpoint(words[0], words[2], words[4])
	}
	return h, n, err
}

func endpoint(kind, host, port string) (out netip.AddrPort, err error) {
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" || addr.Is4() != (kind == "TCP4") {
		return out, malformed("%q is no address of %s", Printable(host), kind)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(number, 10) != port {
		return out, malformed("%q is no port", Printable(port))
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), nil
}

// append1 writes a header of version 1.
func (h *Header) append1(b []byte) []byte {
	client, server, kind := h.ends()
	if kind == "" {
		return append(b, "PROXY UNKNOWN\r\n"...)
	}
	b = append(append(append(b, signature1...), kind...), ' ')
	b = append(client.Addr().AppendTo(b), ' ')
	b = append(server.Addr().AppendTo(b), ' ')
	b = append(strconv.AppendUint(b, uint64(client.Port()), 10), ' ')
	return append(strconv.AppendUint(b, uint64(server.Port()), 10), "\r\n"...)
}

// ends are the two addresses in one family, which both versions want, and its
// name in version 1; empty if there are none.
func (h *Header) ends() (client, server netip.AddrPort, kind string) {
	client, server = h.Client, h.Server
	a, b := client.Addr().Unmap().WithZone(""), server.Addr().Unmap().WithZone("")
	switch {
	case h.Local || !client.IsValid() || !server.IsValid():
		return client, server, ""
	case a.Is4() && b.Is4():
		kind = "TCP4"
	default: // one may be IPv4: it is then written as IPv6 has it
		a, b, kind = netip.AddrFrom16(a.As16()), netip.AddrFrom16(b.As16()), "TCP6"
	}
	return netip.AddrPortFrom(a, client.Port()), netip.AddrPortFrom(b, server.Port()), kind
}
