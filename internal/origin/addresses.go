package origin

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/tap"
)

// Names are looked up again every Options.Resolve while their origin is in use,
// beside the traffic: how long an answer of DNS may be kept is hidden by the
// system's resolver (docs/design/0008-balancing.md). Connections to an address
// that the name no longer has are closed after their exchange.

// known is where a name leads, as the last lookup said. It is never changed.
type known struct {
	list []netip.Addr
	at   time.Time
}

// staleAfter is how many times Resolve an answer is good for where newer
// lookups fail: a resolver that is down must not take the origins with it.
const staleAfter = 10

// Addresses are those that the origin's name leads to, as far as is known.
func (o *Origin) Addresses() []netip.Addr {
	if o.addr.IsValid() {
		return []netip.Addr{o.addr}
	}
	if k := o.known.Load(); k != nil {
		return k.list
	}
	return nil
}

// resolve gives the addresses to try, in order. A lookup that is made for it is
// in call, and on record if there is nothing to connect to; addresses that are
// known already are no lookup of this connection's.
func (o *Origin) resolve(ctx context.Context, call *tap.Call) (addrs []netip.Addr, err error) {
	if o.addr.IsValid() {
		return []netip.Addr{o.addr}, nil
	}
	o.wanted.Store(true)
	if k := o.known.Load(); k != nil && time.Since(k.at) < staleAfter*o.Resolve {
		return o.inTurn(k.list), nil
	}
	if call.Lookup, err = tap.LookUp(ctx, o.Resolver, o.Host); err != nil {
		if ctx.Err() == nil || ctx.Err() == context.DeadlineExceeded {
			tap.NotResolved(o.Recorder, *call)
		}
		return nil, err
	}
	o.learn(call.Lookup.Addresses)
	return o.inTurn(call.Lookup.Addresses), nil
}

// inTurn has another address first each time, within each family: which family
// comes first is the resolver's word (RFC 6724).
func (o *Origin) inTurn(list []netip.Addr) []netip.Addr {
	if o.Resolve == 0 || len(list) < 2 {
		return list
	}
	same := 1
	for same < len(list) && list[same].Is4() == list[0].Is4() {
		same++
	}
	turn := int(o.turn.Add(1) - 1)
	return slices.Concat(rotated(list[:same], turn), rotated(list[same:], turn))
}

func rotated(list []netip.Addr, by int) []netip.Addr {
	if len(list) == 0 {
		return nil
	}
	by %= len(list)
	return slices.Concat(list[by:], list[:by])
}

// forget has the next connection look the name up: nobody could be reached at
// the addresses that are known.
func (o *Origin) forget() { o.known.Store(nil) }

// learn keeps where the name leads, and records it where that has changed.
func (o *Origin) learn(list []netip.Addr) {
	if o.Resolve == 0 {
		return
	}
	before := o.known.Swap(&known{list, time.Now()})
	if before == nil {
		return
	}
	var gone []netip.Addr
	for _, a := range before.list {
		if !slices.Contains(list, a) {
			gone = append(gone, a)
		}
	}
	if len(gone) == 0 && len(list) == len(before.list) {
		return
	}
	why := ""
	if len(gone) > 0 {
		why = strings.ReplaceAll(flow.FormatAddresses(gone), ",", ", ") + " no longer in DNS"
	}
	o.Recorder.Fact(flow.Event{At: time.Now(), Kind: flow.OriginState, Text: o.Name,
		Attrs: flow.Attrs(flow.KeyState, "moved", flow.KeyAddresses, flow.FormatAddresses(list), flow.KeyReason, why)})
}

// renew looks the name up again if that is due and the origin is in use.
func (o *Origin) renew(now time.Time) {
	k := o.known.Load()
	if k == nil || now.Sub(k.at) < o.Resolve || now.Before(o.renewAt) || !o.wanted.Swap(false) && o.quiet() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done || o.renewing {
		return
	}
	o.renewing, o.renewAt = true, now.Add(o.Resolve)
	o.lookups.Go(func() {
		ctx, cancel := context.WithTimeout(o.life, lookupLimit)
		l, err := tap.LookUp(ctx, o.Resolver, o.Host)
		cancel()
		if err == nil {
			o.learn(l.Addresses)
		}
		o.mu.Lock()
		o.renewing = false
		o.mu.Unlock()
	})
}

// lookupLimit bounds a lookup that nobody waits for.
const lookupLimit = 10 * time.Second

// quiet reports whether no connection is kept.
func (o *Origin) quiet() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count == 0 && len(o.shared) == 0
}

// vanished reports whether a connection leads to an address that the name no
// longer has. It compares once for each lookup. The caller owns c or holds mu.
func (c *Conn) vanished() bool {
	k := c.origin.known.Load()
	if k == nil || k == c.compared {
		return false
	}
	if !slices.Contains(k.list, c.tap.Remote().Addr().Unmap()) {
		return true
	}
	c.compared = k
	return false
}

const addressGone = "its address is no longer in DNS"
