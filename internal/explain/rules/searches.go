package rules

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// search is what a client asked name servers for one name, in either family
// and again, until it had an answer or gave up.
type search struct {
	client netip.Addr // the zero address: the machine itself, over loopback
	name   string
	said   []said
	open   []string // types whose answer is awaited
	done   []string // types that were answered without an error
	found  []netip.Addr
}

// said is a message of a search: event i of c.
type said struct {
	c *flow.Conn
	i int
}

func (s said) event() *flow.Event { return &s.c.Events[s.i] }
func (s said) at() time.Time      { return s.event().At }
func (s said) kind() string       { return s.event().Attr(flow.KeyType) }
func (s said) isQuery() bool      { return s.event().Kind == flow.Query }

func (s *search) began() time.Time { return s.said[0].at() }
func (s *search) ended() time.Time { return s.said[len(s.said)-1].at() }

const (
	// searchPatience is longer than any resolver waits before it asks again.
	searchPatience = 35 * time.Second
	// searchPause is how soon a resolver goes on: to the other family, to the
	// next name of its search list.
	searchPause = 50 * time.Millisecond
	// keptSearches bounds those that are looked at: each is compared with others.
	keptSearches = 5000
)

// searches gives what clients asked for, in the order in which they began.
// What name servers ask each other is left out.
func searches(p *explain.Pass) []*search {
	var all []said
	for _, c := range p.Trace.Conns {
		if c.Scheme != flow.SchemeDNS {
			continue
		}
		for i := range c.Events {
			s := said{c, i}
			if e := s.event(); (e.Kind == flow.Query || e.Kind == flow.Answer) && !e.At.IsZero() &&
				e.Attr(flow.KeyRecursive) != "no" && (s.kind() == "A" || s.kind() == "AAAA") {
				all = append(all, s)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b said) int { return a.at().Compare(b.at()) })
	return grouped(all)
}

func grouped(all []said) (out []*search) {
	type asker struct {
		client netip.Addr
		name   string
	}
	now := map[asker]*search{}
	for _, m := range all {
		who := asker{searcher(m.c), m.event().Text}
		s := now[who]
		if m.isQuery() && (s == nil || !s.goesOn(m)) {
			if len(out) == keptSearches {
				break
			}
			s = &search{client: who.client, name: who.name}
			now[who] = s
			out = append(out, s)
		}
		if s != nil {
			s.add(m)
		}
	}
	return out
}

// searcher is who began c; over loopback it is the machine itself, whatever
// addresses it has.
func searcher(c *flow.Conn) netip.Addr {
	if a := c.Client.Addr(); a.IsValid() && !a.IsLoopback() {
		return a.Unmap()
	}
	return netip.Addr{}
}

// goesOn tells that a query belongs to s: it asks for the other family, or
// again for what was not answered.
func (s *search) goesOn(m said) bool {
	last := s.said[len(s.said)-1]
	since := m.at().Sub(last.at())
	switch {
	case since < searchPause && !slices.Contains(s.done, m.kind()):
		return true
	case len(s.open) == 0 || since > searchPatience:
		return false
	}
	return m.c == last.c || slices.Contains(s.open, m.kind())
}

func (s *search) add(m said) {
	s.said = append(s.said, m)
	if m.isQuery() {
		if !slices.Contains(s.open, m.kind()) {
			s.open = append(s.open, m.kind())
		}
		return
	}
	s.open = slices.DeleteFunc(s.open, func(kind string) bool { return kind == m.kind() })
	if m.event().Attr(flow.KeyRcode) == "NOERROR" {
		s.done = append(s.done, m.kind())
	}
	for _, a := range flow.ParseAddresses(m.event().Attr(flow.KeyAddresses)) {
		if !slices.Contains(s.found, a) {
			s.found = append(s.found, a)
		}
	}
}

// answer is the first answer that ok accepts.
func (s *search) answer(ok func(e *flow.Event) bool) (said, bool) {
	for _, m := range s.said {
		if !m.isQuery() && ok(m.event()) {
			return m, true
		}
	}
	return said{}, false
}

// tries is how often s asked for a type.
func (s *search) tries(kind string) (n int) {
	for _, m := range s.said {
		if m.isQuery() && m.kind() == kind {
			n++
		}
	}
	return n
}

// conns are the connections that s asked on.
func (s *search) conns() (out []*flow.Conn) {
	for _, m := range s.said {
		if !slices.Contains(out, m.c) {
			out = append(out, m.c)
		}
	}
	return out
}

// ledTo are the connections that s was the lookup for.
func (s *search) ledTo(p *explain.Pass) (out []*flow.Conn) {
	for _, c := range p.Trace.Conns {
		if l := c.Lookup; l != nil && l.Name == s.name && !l.Ended.Before(s.began()) && !l.Ended.After(s.ended()) {
			out = append(out, c)
		}
	}
	return out
}

// asker names who asked, for a sentence.
func (s *search) asker() string {
	if !s.client.IsValid() {
		return "a program on the captured machine"
	}
	return "the client " + s.client.String()
}

// sought is the name that a connection is for, as far as its record says; the
// one it was looked up by last.
func sought(c *flow.Conn) string {
	switch {
	case c.TLS != nil && c.TLS.SNI != "":
		return strings.ToLower(c.TLS.SNI)
	case len(c.Exchanges) > 0 && c.Exchanges[0].Host != "":
		return hostOf(c.Exchanges[0].Host)
	case c.Lookup != nil:
		return c.Lookup.Name
	}
	return ""
}

// blameSearch names the connections of a search in f.
func blameSearch(p *explain.Pass, f *explain.Finding, s *search) {
	for _, c := range s.conns() {
		if len(f.Conns) < namedTurns {
			p.Blame(f, c, nil)
		}
	}
}
