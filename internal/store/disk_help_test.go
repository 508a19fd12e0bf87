package store

import (
	"net/netip"

	"github.com/google/go-cmp/cmp"
)

func testAddr(last byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), port)
}

func comparePorts() cmp.Option {
	return cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
}
