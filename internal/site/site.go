// Package site is the table (address, name) -> site and each site's state,
// changed atomically while serving.
package site

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// State of a site.
type State uint32

const (
	Stopped State = iota
	Serving
	Draining // takes nothing new, lets what is open finish
	Failed   // cannot serve; Reason says why
)

func (s State) String() string {
	return [...]string{"stopped", "serving", "draining", "failed"}[s%4]
}

// Binding is one exact address with the names that lead to the site there.
type Binding struct {
	Addr  netip.AddrPort
	Plain bool     // no TLS
	Names []string // lower case, *.suffix allowed; none: every name not taken
}

// Site is one set of names on exact addresses. Name, Bindings, StoppedPage and
// the TLS configuration do not change after it is in a table.
type Site struct {
	Name        string
	Bindings    []Binding
	StoppedPage bool        // when stopped, answer 503 under its right certificate
	TLS         *tls.Config // with its own ticket keys; nil if it has no certificate

	state  atomic.Uint32
	change sync.Mutex // serializes start, stop and drain
	refs   []Listener // guarded by change
	mu     sync.Mutex
	reason string
	faulty bool

	successor *Site // that has taken its place; guarded by change
	leaving   bool  // it is no longer configured, and has connections; guarded by mu
}

// State is the site's state now.
func (s *Site) State() State { return State(s.state.Load()) }

// Reason says why the site failed, empty otherwise.
func (s *Site) Reason() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

func (s *Site) set(state State, reason string) {
	s.mu.Lock()
	s.reason = reason
	s.mu.Unlock()
	s.state.Store(uint32(state))
}

// Fail marks a site that can never serve as it is configured; it stays failed.
func (s *Site) Fail(reason string) {
	s.mu.Lock()
	s.faulty = true
	s.mu.Unlock()
	s.set(Failed, reason)
}

// fault says why the site can never serve, empty if it can.
func (s *Site) fault() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.faulty:
		return s.reason
	case s.Secure() && s.TLS == nil:
		return "it has no certificate"
	}
	return ""
}

// Secure reports whether the site has a binding with TLS.
func (s *Site) Secure() bool {
	return slices.ContainsFunc(s.Bindings, func(b Binding) bool { return !b.Plain })
}

// Names are all names of the site at one address; every is true if a binding
// there takes every name.
func (s *Site) Names(addr netip.AddrPort) (names []string, every bool) {
	for _, b := range s.Bindings {
		if b.Addr == addr {
			names = append(names, b.Names...)
			every = every || len(b.Names) == 0
		}
	}
	return names, every
}

// Table finds sites. Lookups are lock-free and see either the whole of a
// change or nothing of it.
type Table struct {
	mu    sync.Mutex
	sites map[string]*Site
	addrs atomic.Pointer[map[netip.AddrPort]*address]
}

// address holds what the names of one address lead to.
type address struct {
	exact map[string]*Site
	wild  map[string]*Site // by suffix with its dot: .example.test
	every *Site
}

// NewTable makes an empty table.
func NewTable() *Table {
	t := &Table{sites: map[string]*Site{}}
	t.addrs.Store(&map[netip.AddrPort]*address{})
	return t
}

// Replace puts sites in place of those of the same names.
func (t *Table) Replace(sites ...*Site) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(sites) == 0 {
		return
	}
	for _, s := range sites {
		t.sites[s.Name] = s
	}
	t.rebuild()
}

// Remove takes sites out; what their names led to is then nobody's.
func (t *Table) Remove(names ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range names {
		delete(t.sites, name)
	}
	t.rebuild()
}

func (t *Table) rebuild() {
	addrs := map[netip.AddrPort]*address{}
	for _, s := range t.ranked() {
		for _, b := range s.Bindings {
			a := addrs[b.Addr]
			if a == nil {
				a = &address{exact: map[string]*Site{}, wild: map[string]*Site{}}
				addrs[b.Addr] = a
			}
			a.put(b.Names, s)
		}
	}
	t.addrs.Store(&addrs)
}

// ranked orders the sites by how good their claim to a name is that two of them
// have: faulty ones last but for those that are going, then by name.
func (t *Table) ranked() []*Site {
	out := t.sorted()
	slices.SortStableFunc(out, func(a, b *Site) int { return a.rank() - b.rank() })
	return out
}

func (s *Site) rank() int {
	switch {
	case s.isLeaving():
		return 2
	case s.fault() != "":
		return 1
	}
	return 0
}

// put keeps what another site has claimed before.
func (a *address) put(names []string, s *Site) {
	if len(names) == 0 && a.every == nil {
		a.every = s
	}
	for _, n := range names {
		claims := a.exact
		if strings.HasPrefix(n, "*.") {
			n, claims = n[1:], a.wild
		}
		if claims[n] == nil {
			claims[n] = s
		}
	}
}

// Get finds a site by its own name, nil if there is none.
func (t *Table) Get(name string) *Site {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sites[name]
}

// All gives the sites, ordered by name.
func (t *Table) All() []*Site {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sorted()
}

func (t *Table) sorted() []*Site {
	out := make([]*Site, 0, len(t.sites))
	for _, s := range t.sites {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *Site) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Find gives the site that a name leads to at an address, in any state: a
// stopped or failed site keeps its names, so that no other site answers for
// it. name is lower case without a port, empty if the client gave none.
func (t *Table) Find(addr netip.AddrPort, name string) *Site {
	a := (*t.addrs.Load())[addr]
	if a == nil {
		return nil
	}
	if s := a.exact[name]; s != nil {
		return s
	}
	if i := strings.IndexByte(name, '.'); i > 0 {
		if s := a.wild[name[i:]]; s != nil {
			return s
		}
	}
	return a.every
}
