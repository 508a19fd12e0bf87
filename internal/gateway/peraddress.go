package gateway

import (
	"net/netip"
	"strconv"
	"sync"
)

// perAddress counts the connections of each client address to each site that
// has a limit for them.
type perAddress struct {
	mu   sync.Mutex
	open map[addressAt]int
}

type addressAt struct {
	site string
	of   netip.Prefix // of IPv6 a /64, as for rate limits
}

// enter counts a connection once.
func (p *perAddress) enter(s *session, at addressAt) (open int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.counted != at {
		p.drop(s.counted)
		if p.open == nil {
			p.open = map[addressAt]int{}
		}
		p.open[at]++
		s.counted = at
	}
	return p.open[at]
}

func (p *perAddress) leave(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(s.counted)
	s.counted = addressAt{}
}

func (p *perAddress) drop(at addressAt) {
	if at == (addressAt{}) {
		return
	}
	if p.open[at]--; p.open[at] <= 0 {
		delete(p.open, at)
	}
}

// at is what a connection counts as that asks for something of a site.
func (s *session) at(does *Site) addressAt { return addressAt{does.Name, networkOf(s.remote.Addr())} }

// crowded answers a client that has more connections to the site than it may,
// and closes this one. A trusted proxy has those of many clients.
func (r *ride) crowded(does *Site) bool {
	s := r.s
	if does.PerAddress <= 0 || s.trusted {
		return false
	}
	at := s.at(does)
	if open := s.g.perAddress.enter(s, at); open <= does.PerAddress {
		return false
	}
	s.g.perAddress.leave(s)
	r.x.CloseAfter("too many connections from one address")
	r.refuse(429, byPerAddress, "address "+networkText(at.of)+" has more than "+strconv.Itoa(does.PerAddress)+" connections to site "+does.Name)
	return true
}
