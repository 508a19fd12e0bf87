package machine

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"fanlight/internal/flow"
)

// BindCause is why the system refused a listener.
type BindCause uint8

const (
	OtherCause   BindCause = iota
	InUse                  // a program holds the address, or a wildcard that covers it
	NotPermitted           // this user may not open the port
	NotOnMachine           // no interface has the address
)

// Fix is something a person can do about a refusal.
type Fix struct {
	Program string // whose configuration Command is for; empty: none in particular
	Text    string
	Command string // a shell command or a line of configuration; may be empty
}

func (f Fix) String() string {
	if f.Command == "" {
		return f.Text
	}
	return f.Text + ": " + f.Command
}

// BindError is a refused listener, explained.
type BindError struct {
	Addr    netip.AddrPort
	Cause   BindCause
	Holders []Holder // InUse: who holds it, the surest first; empty if that is not known
	Fixes   []Fix
	Err     error // the system's

	detail string
}

// PortHolderExplainer turns the system's refusal to listen on want into an
// explanation; ExplainBind is the one for this machine.
type PortHolderExplainer func(want netip.AddrPort, err error) *BindError

func (e *BindError) Error() string { return fmt.Sprintf("bind %s: %s", e.Addr, e.detail) }

func (e *BindError) Unwrap() error { return e.Err }

// Event is the refusal as a fact for the record; At is left to the caller.
func (e *BindError) Event(site string) flow.Event {
	var holder, pid, on string
	if len(e.Holders) > 0 {
		h := e.Holders[0]
		holder, on = h.Program, h.Addr.String()
		if h.PID != 0 {
			pid = strconv.Itoa(h.PID)
		}
	}
	return flow.Event{Kind: flow.BindFailed, Text: e.Addr.String(), Attrs: flow.Attrs(
		flow.KeySite, site, flow.KeyHolder, holder, flow.KeyPID, pid, flow.KeyOn, on, flow.KeyErrno, errnoName(e.Err))}
}

// ExplainBind finds out why the system refused a listener on want with err: it
// looks at the listeners, the addresses and the rights of this machine as they
// are now, which is a little later than the refusal.
func ExplainBind(want netip.AddrPort, err error) *BindError {
	e := &BindError{Addr: unmap(want), Cause: bindCause(err), Err: err, detail: systemWords(err)}
	switch e.Cause {
	case InUse:
		ls, unread := Listeners()
		e.explainHolders(Shadows(ls, want), unread)
	case NotPermitted:
		e.explainRights()
	case NotOnMachine:
		e.explainAddress(ownAddrs())
	}
	return e
}

func (e *BindError) explainHolders(holders []Holder, unread error) {
	e.Holders = holders
	if len(holders) == 0 {
		e.Fixes = unknownHolderFixes(e.Addr)
		e.detail = "address already in use, though no listener on it is to be seen: an outgoing connection may have the port, or a program in another container"
		if unread != nil {
			e.detail = "address already in use; by which program cannot be told: " + unread.Error()
		}
		return
	}
	h := holders[0]
	e.detail = "held by " + h.String()
	if h.Addr != e.Addr {
		e.detail += " on " + h.Addr.String()
	}
	switch {
	case h.Wildcard() && h.V6Only == flow.Yes:
		e.detail += ", which takes this port on every IPv6 address"
	case h.Wildcard():
		e.detail += ", which takes this port on every address"
	}
	for _, h := range holders {
		fixes := unknownHolderFixes(e.Addr)
		if h.Program != "" {
			fixes = []Fix{narrow(h, e.Addr)}
		}
		for _, fix := range fixes {
			if !slices.Contains(e.Fixes, fix) {
				e.Fixes = append(e.Fixes, fix)
			}
		}
	}
}

func (e *BindError) explainAddress(own []netip.Addr) {
	e.detail = "this machine does not have the address"
	if len(own) > 0 {
		words := make([]string, len(own))
		for i, a := range own {
			words[i] = a.String()
		}
		e.detail += "; it has " + strings.Join(words, ", ")
	}
	e.Fixes = addressFixes(e.Addr.Addr())
}

// ownAddrs gives the addresses of this machine's interfaces, without those
// that only one link knows.
func ownAddrs() []netip.Addr {
	nets, _ := net.InterfaceAddrs()
	var own []netip.Addr
	for _, n := range nets {
		prefix, err := netip.ParsePrefix(n.String())
		if err == nil && !prefix.Addr().IsLinkLocalUnicast() {
			own = append(own, prefix.Addr().Unmap())
		}
	}
	slices.SortFunc(own, netip.Addr.Compare)
	return slices.Compact(own)
}
