package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/tap"
)

// addresses are where a target is to be looked for on this way, and tells of
// it.
func (w *way) addresses(ctx context.Context, t *Target) []netip.AddrPort {
	began := time.Now()
	found, err := w.lookup(ctx, t)
	addrs := found.addrs
	s := Step{Name: "name", Key: "resolved", Conn: found.conn}
	switch {
	case err != nil:
		s.State, s.Key, s.Result = Failed, "not resolved", fmt.Sprintf("%s has no address: %s", t.Host, plain(err))
	default:
		s.Result = fmt.Sprintf("%s is %s (%s)", t.Host, list(addrs), found.source)
	}
	w.step(s, began)
	if len(addrs) > maxAddresses {
		addrs = addrs[:maxAddresses]
	}
	w.found = found.lookup
	out := make([]netip.AddrPort, len(addrs))
	for i, addr := range addrs {
		out[i] = w.portOf(t, addr)
	}
	return out
}

// portOf adds the port that a target has on this way.
func (w *way) portOf(t *Target, addr netip.Addr) netip.AddrPort {
	if w.gatewayFor(t) {
		return netip.AddrPortFrom(addr, w.Via.Port())
	}
	return netip.AddrPortFrom(addr, t.Port)
}

func list(addrs []netip.Addr) string {
	var words []string
	for i, a := range addrs {
		if i == maxAddresses {
			words = append(words, fmt.Sprintf("and %d more, which are not tried", len(addrs)-i))
			break
		}
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}

// gatewayFor tells that a target is asked for through the gateway: the URL's
// own host, and not where a redirect leads away from it.
func (w *way) gatewayFor(t *Target) bool {
	return w.name == Through && t.Authority() == w.URL.Authority() && t.Secure == w.URL.Secure
}

// place is where a target is.
type place struct {
	addrs  []netip.Addr
	source string       // where the addresses are from
	lookup *flow.Lookup // nil: nobody was asked
	conn   flow.ConnID  // the record of a lookup that gave none; 0: it gave some
}

// lookup finds a target. The place beside an error tells of a failed lookup.
func (w *way) lookup(ctx context.Context, t *Target) (place, error) {
	if w.gatewayFor(t) {
		return place{addrs: []netip.Addr{w.Via.Addr()}, source: "the gateway given by --via"}, nil
	}
	var pinned []netip.Addr
	for _, pin := range w.Pins {
		if strings.EqualFold(pin.Host, t.Host) && pin.Port == t.Port {
			pinned = append(pinned, pin.Addr)
		}
	}
	if pinned != nil {
		return place{addrs: pinned, source: "given by --resolve"}, nil
	}
	if addr, err := netip.ParseAddr(t.Host); err == nil {
		return place{addrs: []netip.Addr{addr.Unmap()}, source: "the address itself"}, nil
	}
	return w.resolve(ctx, t)
}

// resolve asks the system's resolver. That it gives nothing is recorded, unless
// nobody waits for it any more.
func (w *way) resolve(ctx context.Context, t *Target) (place, error) {
	limited, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	l, err := tap.LookUp(limited, w.Resolver, t.Host)
	if err != nil {
		p := place{lookup: l}
		if ctx.Err() == nil {
			p.conn = tap.NotResolved(w.rec, tap.Call{Secure: t.Secure, Origin: t.Origin(), Lookup: l})
		}
		return p, err
	}
	w.noteHosts(t.Host, l.Addresses)
	var source string
	source, l.By = w.sourceOf(t.Host, l.Addresses)
	return place{addrs: l.Addresses, source: source, lookup: l}, nil
}

// noteHosts records what the hosts file has for a name where the system's
// resolver does not go by it.
func (w *way) noteHosts(host string, addrs []netip.Addr) {
	if w.Hosts == nil {
		return
	}
	listed := w.Hosts(host)
	if len(listed) > 0 && slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !slices.Contains(listed, a) }) {
		w.rec.Fact(flow.Event{At: time.Now(), Kind: flow.HostsEntry, Text: host, Attrs: flow.Attrs(flow.KeyAddresses, flow.FormatAddresses(listed))})
	}
}

// sourceOf says where the system's resolver has addresses from. It does not
// tell; the hosts file does. by is that for a record, empty if it is not certain.
func (w *way) sourceOf(host string, addrs []netip.Addr) (text, by string) {
	const resolver = "the system's resolver"
	if w.Hosts == nil {
		return resolver, ""
	}
	listed := w.Hosts(host)
	in := func(a netip.Addr) bool { return slices.Contains(listed, a) }
	switch {
	case !slices.ContainsFunc(addrs, in):
		return resolver + ", not the hosts file", ""
	case slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !in(a) }):
		return "some from the hosts file", ""
	}
	return "the hosts file", "hosts"
}

// connectAll tries every address and gives the first that takes connections,
// none that is valid if none does.
func (w *way) connectAll(ctx context.Context, addrs []netip.AddrPort) (answering netip.AddrPort) {
	for _, addr := range addrs {
		if ctx.Err() == nil && w.connect(ctx, addr) && !answering.IsValid() {
			answering = addr
		}
	}
	return answering
}

func (w *way) connect(ctx context.Context, addr netip.AddrPort) bool {
	began := time.Now()
	if w.conns++; w.conns > maxConns {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	conn, err := tap.Dial(limited, w.rec, tap.Call{Addr: addr, Secure: w.URL.Secure, Origin: w.URL.Origin(), Lookup: w.found})
	s := Step{Name: "connect", Key: "connected"}
	if err != nil {
		s.State, s.Conn, s.Key = Failed, w.into.newest(), "not connected"
		s.Result = fmt.Sprintf("%s: %s", addr, w.unconnected(limited, err))
		w.step(s, began)
		return false
	}
	s.Conn, s.Result = conn.Log().ID(), addr.String()
	w.step(s, began)
	w.out.trials[s.Conn] = true // nothing was said on it
	conn.SetWhy("probe: only to connect")
	_ = conn.Close() // nothing was sent that could be lost
	return true
}

func (w *way) unconnected(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || tap.IsTimeout(err) {
		return fmt.Sprintf("no answer within %s", w.Timeout)
	}
	return plain(err)
}
