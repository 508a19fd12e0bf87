package machine

import (
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

const (
	nearCandidates = 16  // tried in 127.0.0.0/24, whose addresses people can remember
	allCandidates  = 512 // the others in 127.0.0.0/8
)

// FreeLoopback chooses an IPv4 loopback address for name: always the same one
// for the same name as long as it is not taken, no program listens on it, and
// port can be bound on it. The caller puts the addresses it gave to other
// names, and those of the hosts file, in taken. When the system refuses every
// address, the error is the *BindError of the first.
func FreeLoopback(name string, port uint16, taken []netip.Addr) (netip.Addr, error) {
	ls, _ := Listeners() // where they cannot be listed, binding tells
	for _, h := range ls {
		taken = append(slices.Clip(taken), h.Addr.Addr())
	}
	var refused *BindError
	for a := range loopbackCandidates(name) {
		if slices.Contains(taken, a) {
			continue
		}
		want := netip.AddrPortFrom(a, port)
		err := tryListen(want)
		if err == nil {
			return a, nil
		}
		if refused == nil {
			refused = ExplainBind(want, err)
		}
		if refused.Cause == NotPermitted {
			break
		}
	}
	err := errors.New("every address that was tried is taken")
	if refused != nil {
		err = refused
	}
	return netip.Addr{}, fmt.Errorf("choose a loopback address for %s: %w", name, err)
}

// loopbackCandidates gives addresses in an order that depends on name only.
// The last byte is 2 to 251 and never 53 or 54, where local resolvers live.
func loopbackCandidates(name string) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for i := range allCandidates {
			hash := fnv.New64a()
			hash.Write([]byte(name + "\x00" + strconv.Itoa(i)))
			h := hash.Sum64()
			a := [4]byte{127, 0, 0, byte(2 + h%250)}
			if i >= nearCandidates {
				a[1], a[2] = byte(h>>16), byte(h>>24)
			}
			if a[3] != 53 && a[3] != 54 && !yield(netip.AddrFrom4(a)) {
				return
			}
		}
	}
}

func tryListen(want netip.AddrPort) error {
	ln, err := net.Listen("tcp4", want.String())
	if err != nil {
		return err
	}
	return ln.Close()
}
