package machine

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"fanlight/internal/flow"
)

// Holder is a program that listens on a TCP address of this machine. What the
// system did not tell is empty, or -1 for UID.
type Holder struct {
	Addr    netip.AddrPort // a wildcard is 0.0.0.0:443 or [::]:443; IPv4-mapped addresses are written as IPv4
	Program string         // base name of the executable
	PID     int
	UID     int
	Inode   uint64    // of the socket
	V6Only  flow.Seen // IPv6 only: whether the listener leaves IPv4 alone
}

// String names the program, as in "nginx (pid 812)".
func (h Holder) String() string {
	switch {
	case h.PID != 0 && h.Program != "":
		return fmt.Sprintf("%s (pid %d)", h.Program, h.PID)
	case h.Program != "":
		return h.Program
	case h.PID != 0:
		return fmt.Sprintf("pid %d", h.PID)
	case h.UID == 0:
		return "a program of root, which only root may look at"
	case h.UID > 0:
		return fmt.Sprintf("a program of user id %d, which only that user and root may look at", h.UID)
	}
	return "another program"
}

// Wildcard reports whether the listener takes its port on every address.
func (h Holder) Wildcard() bool { return h.Addr.Addr().IsUnspecified() }

// takes reports whether the listener keeps others from the address a, and how
// surely: an IPv6 wildcard of which it is not known whether it is IPv6 only
// may take IPv4 addresses too.
func (h Holder) takes(a netip.Addr) (takes, sure bool) {
	own := h.Addr.Addr()
	switch {
	case own == a:
		return true, true
	case !own.IsUnspecified():
		return false, true
	case own.Is4() == a.Is4():
		return true, true
	case own.Is6():
		return h.V6Only != flow.Yes, h.V6Only != flow.NotObserved
	}
	return false, true
}

// Shadows gives the listeners that cannot be there together with one on want:
// those on exactly want, the wildcards that take its address, and, if want is
// itself a wildcard, all it would take. A wanted [::] counts as IPv6 only. The
// surest and most exact come first.
func Shadows(ls []Holder, want netip.AddrPort) []Holder {
	wanted := Holder{Addr: unmap(want), V6Only: flow.Yes}
	type match struct {
		Holder
		rank int
	}
	var found []match
	for _, h := range ls {
		if h.Addr.Port() != wanted.Addr.Port() {
			continue
		}
		takes, sure := h.takes(wanted.Addr.Addr())
		taken, _ := wanted.takes(h.Addr.Addr())
		switch {
		case h.Addr == wanted.Addr:
			found = append(found, match{h, 0})
		case takes && sure, taken:
			found = append(found, match{h, 1})
		case takes:
			found = append(found, match{h, 2})
		}
	}
	slices.SortStableFunc(found, func(a, b match) int { return a.rank - b.rank })
	out := make([]Holder, len(found))
	for i, m := range found {
		out[i] = m.Holder
	}
	return out
}

// Answers gives the listener that a client connecting to want reaches: the
// exact one before a wildcard.
func Answers(ls []Holder, want netip.AddrPort) (Holder, bool) {
	for _, h := range Shadows(ls, want) {
		if takes, _ := h.takes(unmap(want).Addr()); takes {
			return h, true
		}
	}
	return Holder{}, false
}

// sortHolders orders by port, address and program, and drops repetitions, as
// several sockets of one program on one address are.
func sortHolders(ls []Holder) []Holder {
	slices.SortFunc(ls, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(a.Addr.Port(), b.Addr.Port()), a.Addr.Addr().Compare(b.Addr.Addr()),
			cmp.Compare(a.PID, b.PID), cmp.Compare(a.UID, b.UID), cmp.Compare(a.Inode, b.Inode))
	})
	return slices.CompactFunc(ls, func(a, b Holder) bool {
		return a.Addr == b.Addr && a.PID == b.PID && (a.PID != 0 || a.Inode == b.Inode)
	})
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
