package gateway

import (
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	"fanlight/internal/flow"
)

// Guard says whose requests pass, and how many. Its zero value lets all pass.
type Guard struct {
	Allow *Addresses // nil: every address
	Deny  *Addresses // nil: none
	Bans  *BanList   // nil: none
	Rate  *RateLimit // nil: no limit
}

// Names of what refuses, as events (flow.KeyBy) and metrics have them.
const (
	byAccess      = "access"
	byRate        = "rate-limit"
	byPerAddress  = "per-address"
	byExchanges   = "exchanges-per-address"
	byBody        = "body-bytes"
	byFilter      = "filter"
	byWatch       = "filter-watch" // passed, as the filter only watches
	byConnections = "connections"
	byWAF         = "waf"
	byWAFFailure  = "waf-failure"
	byInspected   = "waf-inspected"
	byWAFBody     = "waf-body"
)

// admits asks a guard; where it says no, the exchange is answered. of names
// whose guard it is.
func (r *ride) admits(g *Guard, of string) bool {
	if g.Allow != nil || g.Deny != nil || g.Bans != nil {
		if why := g.refuses(r.client()); why != "" {
			r.refuse(403, byAccess, why+" "+of)
			return false
		}
	}
	if g.Rate != nil {
		if wait, who := g.Rate.take(r); wait > 0 {
			r.refuse(429, byRate, "rate limit of "+of+": more than "+g.Rate.String()+" from "+who,
				[2]string{"Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)})
			return false
		}
	}
	return true
}

// fits refuses a body that is longer than its route, or else its site, allows.
// Of one whose length is not known the pump counts the bytes.
func (r *ride) fits(route *Route) bool {
	if r.bodyLimit == 0 || route.bodyBytes > 0 && route.bodyBytes < r.bodyLimit {
		r.bodyLimit, r.bodyBy = route.bodyBytes, nil
	}
	if length := r.x.Request().Length; r.bodyLimit > 0 && length > r.bodyLimit {
		r.refuse(413, byBody, "request body of "+strconv.FormatInt(length, 10)+" bytes is longer than the "+strconv.FormatInt(r.bodyLimit, 10)+" of "+route.title)
		return false
	}
	return true
}

// refuses says why an address may not come, empty if it may. What is denied is
// not asked about any further.
func (g *Guard) refuses(client netip.Addr) string {
	if denied, yes := g.Deny.find(client); yes {
		return "address " + client.String() + " is denied (" + denied.String() + ") by"
	}
	if denied, yes := g.Bans.find(client); yes {
		return "address " + client.String() + " is denied (" + denied.String() + " in " + filepath.Base(g.Bans.path) + ") by"
	}
	if _, yes := g.Allow.find(client); !yes && g.Allow != nil {
		return "address " + client.String() + " is not among those allowed by"
	}
	return ""
}

// client is the address of who asks.
func (r *ride) client() netip.Addr { return r.s.clientOf(r.x.Request()) }

// refuse answers by a rule of the site: an event of its own beside the incident.
func (r *ride) refuse(status int, by, cause string, more ...[2]string) {
	r.s.g.Metrics.Fired.add(by)
	r.x.Log().Add(flow.Event{At: time.Now(), Exchange: r.x.ID(), Kind: flow.Decision, Text: "refuse: " + cause, Attrs: flow.Attrs(flow.KeyBy, by)})
	r.fail(status, cause, more...)
}

// Addresses are blocks of addresses. A nil pointer holds none. They are not
// changed once made.
type Addresses struct {
	blocks  map[netip.Prefix]struct{}
	lengths [2][]int // of the prefixes, IPv4 and IPv6
}

// NewAddresses makes a set of blocks.
func NewAddresses(blocks []netip.Prefix) *Addresses {
	out := &Addresses{blocks: map[netip.Prefix]struct{}{}}
	seen := map[[2]int]bool{}
	for _, p := range blocks {
		p = p.Masked()
		out.blocks[p] = struct{}{}
		family := familyOf(p.Addr())
		if key := [2]int{family, p.Bits()}; !seen[key] {
			seen[key] = true
			out.lengths[family] = append(out.lengths[family], p.Bits())
		}
	}
	return out
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// find gives a block that holds an address. Its cost is the number of different
// lengths of the blocks, however many there are.
func (a *Addresses) find(addr netip.Addr) (block netip.Prefix, found bool) {
	if a == nil {
		return block, false
	}
	addr = addr.WithZone("")
	for _, bits := range a.lengths[familyOf(addr)] {
		if block, err := addr.Prefix(bits); err == nil {
			if _, found := a.blocks[block]; found {
				return block, true
			}
		}
	}
	return block, false
}
