package gateway

import (
	"bytes"
	"net/netip"

	"fanlight/internal/httpconn"
)

// clientOf is the address of who asks: the peer's, or where the peer is a
// trusted proxy the one it says, which is the last in X-Forwarded-For that is
// not a trusted proxy itself. What stands before that one anybody may have
// written. It allocates nothing.
func (s *session) clientOf(req *httpconn.Request) netip.Addr {
	client := s.remote.Addr().Unmap()
	if !s.trusted {
		return client
	}
	h := req.Head
	for i := len(h.Fields) - 1; i >= 0; i-- {
		if !equalFold(h.Bytes(h.Fields[i].Name), "X-Forwarded-For") {
			continue
		}
		for list := h.Bytes(h.Fields[i].Value); len(list) > 0; {
			var last []byte
			list, last = cutLast(list)
			addr, ok := forwardedAddr(last)
			if !ok {
				return client // nothing before it can be believed
			}
			if client = addr; !s.g.trusts(client) {
				return client
			}
		}
	}
	return client
}

// cutLast takes the last element from a list with commas.
func cutLast(list []byte) (rest, last []byte) {
	i := bytes.LastIndexByte(list, ',')
	return list[:max(0, i)], bytes.TrimSpace(list[i+1:])
}

// forwardedAddr reads an address, which some proxies write with a port.
func forwardedAddr(b []byte) (netip.Addr, bool) {
	if len(b) == 0 || len(b) > len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535") {
		return netip.Addr{}, false
	}
	if addr, err := netip.ParseAddr(string(b)); err == nil {
		return addr.Unmap().WithZone(""), true
	}
	if withPort, err := netip.ParseAddrPort(string(b)); err == nil {
		return withPort.Addr().Unmap().WithZone(""), true
	}
	if b[0] == '[' && b[len(b)-1] == ']' {
		if addr, err := netip.ParseAddr(string(b[1 : len(b)-1])); err == nil {
			return addr.Unmap().WithZone(""), true
		}
	}
	return netip.Addr{}, false
}
