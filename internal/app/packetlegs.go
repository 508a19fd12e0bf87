package app

import (
	"context"
	"net/netip"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/store"
)

// leg is a connection as its packets show it, the same for both directions.
type leg struct{ low, high netip.AddrPort }

func legOf(a, b netip.AddrPort) leg {
	a, b = plain(a), plain(b)
	if b.Compare(a) < 0 {
		a, b = b, a
	}
	return leg{a, b}
}

// plain is an address as packets have it.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// legs numbers the connections a finding is about: those it names, and the
// other legs of their exchanges. It takes its time until ctx ends.
func (p *packets) legs(ctx context.Context, found explain.Finding) map[leg]int {
	out := map[leg]int{}
	if len(found.Conns) == 0 {
		return out
	}
	t := p.store.Story(store.Focus{Conns: found.Conns, Batches: storyBatches, Scan: storyScan,
		Pause: newSpread(ctx).rest})
	for _, c := range about(t, found) {
		if c.Client.IsValid() && c.Server.IsValid() {
			out[legOf(c.Client, c.Server)] = len(out)
		}
	}
	return out
}

// about are the connections of a trace that a finding is about.
func about(t *flow.Trace, found explain.Finding) (out []*flow.Conn) {
	conns, exchanges := map[flow.ConnID]bool{}, map[flow.ExchangeID]bool{}
	for _, id := range found.Exchanges {
		exchanges[id] = true
	}
	for _, id := range found.Conns {
		conns[id] = true
		c := t.Conn(id)
		if c == nil {
			continue
		}
		if len(found.Exchanges) == 0 {
			conns[c.Parent] = true
		}
		for _, x := range c.Exchanges {
			if c.Self == flow.Server || exchanges[x.ID] {
				exchanges[x.ID], exchanges[x.Parent] = true, true
			}
		}
	}
	delete(exchanges, 0)
	delete(conns, 0)
	for _, c := range t.Conns {
		if conns[c.ID] || conns[c.Parent] || carries(c, exchanges) {
			out = append(out, c)
		}
	}
	return out
}

func carries(c *flow.Conn, exchanges map[flow.ExchangeID]bool) bool {
	for _, x := range c.Exchanges {
		if exchanges[x.ID] || exchanges[x.Parent] {
			return true
		}
	}
	return false
}
