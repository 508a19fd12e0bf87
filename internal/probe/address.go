package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fanlight/internal/tap"
)

// addresses are where a target is to be looked for on this way, and tells of
// it.
func (w *way) addresses(ctx context.Context, t *Target) []netip.AddrPort {
	began := time.Now()
	addrs, source, err := w.lookup(ctx, t)
	s := Step{Name: "name", Key: "resolved"}
	switch {
	case err != nil:
		s.State, s.Key, s.Result = Failed, "not resolved", fmt.Sprintf("%s has no address: %s", t.Host, plain(err))
	default:
		s.Result = fmt.Sprintf("%s is %s (%s)", t.Host, list(addrs), source)
	}
	w.step(s, began)
	if len(addrs) > maxAddresses {
		addrs = addrs[:maxAddresses]
	}
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

// lookup gives the addresses of a target, and says where they are from.
func (w *way) lookup(ctx context.Context, t *Target) (addrs []netip.Addr, source string, err error) {
	if w.gatewayFor(t) {
		return []netip.Addr{w.Via.Addr()}, "the gateway given by --via", nil
	}
	for _, pin := range w.Pins {
		if strings.EqualFold(pin.Host, t.Host) && pin.Port == t.Port {
			addrs = append(addrs, pin.Addr)
		}
	}
	if addrs != nil {
		return addrs, "given by --resolve", nil
	}
	if addr, err := netip.ParseAddr(t.Host); err == nil {
		return []netip.Addr{addr.Unmap()}, "the address itself", nil
	}
	return w.resolve(ctx, t.Host)
}

func (w *way) resolve(ctx context.Context, host string) (addrs []netip.Addr, source string, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	addrs, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, "", err
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return slices.Compact(addrs), w.sourceOf(host, addrs), nil
}

// sourceOf says where the system's resolver has addresses from. It does not
// tell; the hosts file does.
func (w *way) sourceOf(host string, addrs []netip.Addr) string {
	const resolver = "the system's resolver"
	if w.Hosts == nil {
		return resolver
	}
	listed := w.Hosts(host)
	in := func(a netip.Addr) bool { return slices.Contains(listed, a) }
	switch {
	case !slices.ContainsFunc(addrs, in):
		return resolver + ", not the hosts file"
	case slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !in(a) }):
		return "some from the hosts file"
	}
	return "the hosts file"
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
	conn, err := tap.Dial(limited, w.rec, tap.Call{Addr: addr, Secure: w.URL.Secure, Origin: w.URL.Origin()})
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
