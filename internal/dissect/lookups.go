package dissect

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"fanlight/internal/dnswire"
	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
)

// asking is a message of DNS on its way to the collector.
type asking struct {
	client  netip.Addr
	m       reassembly.Mark
	message dnswire.Message
}

// lookups remembers which names led clients to which addresses, to tell of a
// connection what was looked up for it. It is the collector's alone.
type lookups struct {
	now   map[asker]*lookup  // the last of each
	order []*lookup          // oldest first
	led   map[lead][]*lookup // oldest first
	told  int                // addresses in the answers that are kept
}

type asker struct {
	client netip.Addr
	name   string
}

// lead is an address that a client was told.
type lead struct{ client, server netip.Addr }

// lookup is the questions of one client for one name that belong together:
// for IPv4 and IPv6, and again where an answer did not come.
type lookup struct {
	asker
	dns     flow.ConnID // that has its first query
	last    flow.ConnID // that has its last one
	began   int64
	heard   int64    // of its last message
	open    []string // types whose answer is awaited
	done    []string // types that were answered without an error
	answers []answer
}

type answer struct {
	m         reassembly.Mark
	addresses []netip.Addr
}

const (
	// keptLookups bounds those that are remembered, keptAnswers the answers of
	// each, keptTold the addresses in all of them, keptLeads those that led a client
	// to the same address.
	keptLookups = 20_000
	keptAnswers = 8
	keptTold    = 100_000
	keptLeads   = 8
	// oneAfterOther is how soon a resolver that asks for one type after the other
	// asks again.
	oneAfterOther = int64(50e6)
)

func newLookups() *lookups {
	return &lookups{now: map[asker]*lookup{}, led: map[lead][]*lookup{}}
}

// machine is who asks: on its loopback interface a machine asks itself for
// whatever addresses it has.
func machine(a netip.Addr) netip.Addr {
	if a.IsLoopback() {
		return netip.Addr{}
	}
	return a.Unmap()
}

// note takes a message, that was on connection dns.
func (n *lookups) note(q *asking, dns flow.ConnID) {
	who := asker{machine(q.client), q.message.Name}
	l := n.now[who]
	if q.message.Response {
		if l != nil {
			n.answered(l, q)
		}
		return
	}
	if l == nil || !l.goesOn(q, dns) {
		l = &lookup{asker: who, dns: dns, began: q.m.Time}
		n.now[who] = l
		n.order = append(n.order, l)
		n.makeRoom()
	}
	l.last, l.heard = dns, q.m.Time
	if !slices.Contains(l.open, q.message.Type) {
		l.open = append(l.open, q.message.Type)
	}
}

// goesOn tells that a query belongs to l: it asks again for what was not
// answered, for the other type, or for both where only one was answered.
func (l *lookup) goesOn(q *asking, dns flow.ConnID) bool {
	since := q.m.Time - l.heard
	switch {
	case since < oneAfterOther && !slices.Contains(l.done, q.message.Type):
		return true
	case len(l.open) == 0 || since > dnsPatience:
		return false
	}
	return dns == l.last || slices.Contains(l.open, q.message.Type)
}

func (n *lookups) answered(l *lookup, q *asking) {
	l.heard = q.m.Time
	l.open = slices.DeleteFunc(l.open, func(kind string) bool { return kind == q.message.Type })
	if len(l.answers) == keptAnswers {
		return
	}
	if q.message.Rcode == "NOERROR" {
		l.done = append(l.done, q.message.Type)
	}
	l.answers = append(l.answers, answer{q.m, q.message.Addresses})
	for _, a := range q.message.Addresses {
		key := lead{l.client, a}
		all := n.led[key]
		if slices.Contains(all, l) {
			continue
		}
		if len(all) == keptLeads {
			all = slices.Delete(all, 0, 1)
		}
		n.led[key] = append(all, l)
	}
	n.told += len(q.message.Addresses)
	n.makeRoom()
}

func (n *lookups) makeRoom() {
	for len(n.order) > keptLookups || n.told > keptTold {
		l := n.order[0]
		n.order[0], n.order = nil, n.order[1:]
		if n.now[l.asker] == l {
			delete(n.now, l.asker)
		}
		for _, a := range l.answers {
			n.told -= len(a.addresses)
			for _, addr := range a.addresses {
				n.forget(lead{l.client, addr}, l)
			}
		}
	}
}

func (n *lookups) forget(key lead, l *lookup) {
	all := slices.DeleteFunc(n.led[key], func(o *lookup) bool { return o == l })
	if len(all) == 0 {
		delete(n.led, key)
		return
	}
	n.led[key] = all
}

// leading are the lookups that may have led to a connection that begins now.
func (n *lookups) leading(to lead) []*lookup {
	server := to.server.Unmap()
	all := n.led[lead{machine(to.client), server}]
	if all == nil {
		all = n.led[lead{netip.Addr{}, server}]
	}
	return slices.Clone(all)
}

// tellLookup puts the lookup that led to a connection into its record.
func tellLookup(c *flow.Conn, all []*lookup) {
	if len(all) == 0 || c.Scheme == flow.SchemeDNS || len(c.Events) == 0 || c.Events[0].Kind != flow.Open {
		return
	}
	l, at := choose(all, c)
	if l == nil {
		return
	}
	found := l.until(at)
	e := found.Event()
	e.Conn, e.Packet = c.ID, l.answers[at].m.Packet
	c.Events = slices.Insert(c.Events, 1, e)
	c.Kinds.Add(e.Kind) // with Open it is not empty
	c.Lookup = found
}

// choose gives the last lookup that was done when c began, and its last answer
// by then; rather one for the name that c is for.
func choose(all []*lookup, c *flow.Conn) (chosen *lookup, at int) {
	name, server := nameOf(c), c.Server.Addr().Unmap()
	for _, l := range slices.Backward(all) {
		i := l.before(c.Started.UnixNano(), server)
		if i < 0 {
			continue
		}
		if l.name == name {
			return l, i
		}
		if chosen == nil {
			chosen, at = l, i
		}
	}
	return chosen, at
}

// nameOf is the name that c asks for, as far as it can be read.
func nameOf(c *flow.Conn) string {
	switch {
	case c.TLS != nil && c.TLS.SNI != "":
		return strings.ToLower(c.TLS.SNI)
	case len(c.Exchanges) > 0:
		host := strings.ToLower(c.Exchanges[0].Host)
		if i := strings.LastIndexByte(host, ':'); i > 0 {
			host = host[:i]
		}
		return host
	}
	return ""
}

// before is the last answer that was there by then, or -1 if none of them had
// the address.
func (l *lookup) before(then int64, address netip.Addr) int {
	last, has := -1, false
	for i, a := range l.answers {
		if a.m.Time > then {
			break
		}
		last, has = i, has || slices.Contains(a.addresses, address)
	}
	if !has {
		return -1
	}
	return last
}

// until is what was known with answer number last.
func (l *lookup) until(last int) *flow.Lookup {
	ended := l.answers[last].m.Time
	out := &flow.Lookup{Name: l.name, Result: flow.ResultFound, DNS: l.dns,
		Ended: time.Unix(0, ended).UTC(), Took: time.Duration(ended - l.began), Timed: true}
	for _, a := range l.answers[:last+1] {
		for _, addr := range a.addresses {
			if !slices.Contains(out.Addresses, addr) {
				out.Addresses = append(out.Addresses, addr)
			}
		}
	}
	return out
}
