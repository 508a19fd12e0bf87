package store

import (
	"cmp"
	"net/netip"
	"slices"

	"fanlight/internal/flow"
)

// place is between whom a connection was made.
type place struct {
	self   flow.Side
	client netip.AddrPort
	server netip.AddrPort
	origin string
}

// placeOf reads the first batch of a connection.
func placeOf(b flow.Batch) (p place) {
	for e := range b.Events {
		switch {
		case e.Kind == flow.Open && e.Open != nil:
			p.self, p.client, p.server = e.Open.Self, e.Open.Client, e.Open.Server
		case e.Kind == flow.Chosen && e.Attr(flow.KeyWhat) == "origin":
			p.origin = e.Text
		case e.Exchange != 0:
			return p
		}
	}
	return p
}

// like tells that what became of one connection can explain another: they are
// of one client with one address of ours, or of ours with one origin. On the
// loopback interface one program may be meant by both families' addresses.
func (p place) like(q place) bool {
	switch {
	case p.self != q.self:
		return p.client.IsValid() && p.client == q.client && p.server == q.server
	case p.self == flow.Server:
		return p.client.Addr() == q.client.Addr() && p.server == q.server
	}
	return p.server == q.server || p.origin != "" && p.origin == q.origin ||
		p.server.Port() == q.server.Port() && p.server.Addr().IsLoopback() && q.server.Addr().IsLoopback()
}

// Near gives connections to compare the given ones with: those between the same
// two, the ones that began closest to them first, at most limit. None of the
// given ones is among them.
func (s *Store) Near(ids []flow.ConnID, limit int) []flow.ConnID {
	given := set(ids)
	var own []place
	others := map[flow.ConnID]place{}
	s.walk(&s.heads, func(v view) {
		v.entries(0, func(_ int, h header, b flow.Batch) bool {
			if p := placeOf(b); !given[h.conn] {
				others[h.conn] = p
			} else if !slices.Contains(own, p) {
				own = append(own, p)
			}
			return true
		})
	})
	var out []flow.ConnID
	for id, p := range others {
		if slices.ContainsFunc(own, p.like) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b flow.ConnID) int {
		return cmp.Or(cmp.Compare(distance(a, ids), distance(b, ids)), cmp.Compare(a, b))
	})
	return out[:min(len(out), limit)]
}

// distance is how many connections were begun between id and the closest of
// ids.
func distance(id flow.ConnID, ids []flow.ConnID) flow.ConnID {
	least := ^flow.ConnID(0)
	for _, other := range ids {
		least = min(least, max(id, other)-min(id, other))
	}
	return least
}
