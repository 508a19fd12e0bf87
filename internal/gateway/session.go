package gateway

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/origin"
	"fanlight/internal/site"
	"fanlight/internal/tap"
)

// session is one client connection and what its exchanges share. Its fields are
// set before the first exchange, but for the atomic ones, which the sweeper and
// a stopping site read and write, and pinned, which belongs to the goroutine
// that carries a connection of one exchange at a time.
type session struct {
	g         *Gateway
	tap       *tap.Conn
	transport httpconn.Transport
	secure    bool
	local     netip.AddrPort
	remote    netip.AddrPort // the client: the peer, or whom its PROXY header names
	trusted   bool
	sni       string

	forwardedFor string
	pinned       map[*origin.Origin]*origin.Conn

	counted addressAt // by perAddress, which guards it

	site  atomic.Pointer[site.Site]
	stop  atomic.Bool // no further request
	ties  atomic.Pointer[[]*origin.Conn]
	rides rides

	mu   sync.Mutex
	told []*origin.Origin // whom a PROXY header told of this client; guarded by mu
}

func (s *session) closing() bool { return s.stop.Load() }

func (s *session) scheme() string {
	if s.secure {
		return "https"
	}
	return "http"
}

func (s *session) setSite(found *site.Site) {
	if before := s.site.Load(); before == found {
		return
	}
	if before := s.site.Swap(found); before == nil || before.Name != found.Name {
		e := flow.Event{At: time.Now(), Kind: flow.Chosen, Text: found.Name, Attrs: flow.Attrs(flow.KeyWhat, "site")}
		if does := s.g.site(found.Name); does != nil && does.Filter != nil {
			e.Attrs = append(e.Attrs, flow.Attrs(flow.KeyStrips, does.Filter.Strips)...)
		}
		s.tap.Log().Add(e)
	}
}

// Handle carries one exchange. It may be called concurrently for the exchanges
// of a connection that has several at a time.
func (s *session) Handle(x httpconn.Exchange) {
	r := s.rides.begin(s, x)
	if s.g.leaving.Load() {
		s.leave(x)
	}
	r.serve()
	s.rides.end(r)
}

func (s *session) whereabouts() string {
	where := s.local.String()
	if s.sni != "" {
		where += " and name " + s.sni
	}
	return where
}

// siteOf finds the site a Host field belongs to: on a TLS connection it must
// be the one whose certificate was shown, nil otherwise.
func (s *session) siteOf(host string) *site.Site {
	found := s.g.Table.Find(s.local, hostname(host))
	if found == nil {
		return nil
	}
	if s.secure {
		// By name, since a site may have been replaced after the handshake.
		if shown := s.site.Load(); shown == nil || shown.Name != found.Name {
			return nil
		}
	}
	s.setSite(found)
	return found
}

// hostname is the name of a Host field in the form site names have: lower
// case, without port and final dot.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// kill ends the connection from outside.
func (s *session) kill(why string) {
	s.stop.Store(true)
	s.tap.SetWhy(why)
	if s.rides.several.Load() {
		_ = s.tap.Close() // the end comes either way
	}
	_ = s.tap.SetDeadline(time.Unix(1, 0)) // fails only when it is closed already
	s.rides.each(func(r *ride) { r.giveUpOrigin(why) })
}

// interrupt wakes a connection so that it sees closing: an idle one, or one
// whose reader carries no exchange.
func (s *session) interrupt() {
	if s.rides.several.Load() || !s.rides.any() {
		_ = s.tap.SetReadDeadline(time.Unix(1, 0)) // fails only when it is closed already
	}
}

// tie makes an origin connection live and die with this client connection.
func (s *session) tie(c *origin.Conn, scheme string) {
	c.Pin(scheme)
	if s.pinned == nil {
		s.pinned = map[*origin.Origin]*origin.Conn{}
	}
	s.pinned[c.Origin()] = c
	s.publishTies()
}

// untie forgets the connection of a leg, if it is tied.
func (s *session) untie(leg *origin.Leg) {
	if c := leg.Conn(); c != nil && s.pinned[c.Origin()] == c {
		s.forget(c)
	}
}

func (s *session) forget(c *origin.Conn) {
	delete(s.pinned, c.Origin())
	s.publishTies()
}

func (s *session) publishTies() {
	ties := make([]*origin.Conn, 0, len(s.pinned))
	for _, c := range s.pinned {
		ties = append(ties, c)
	}
	s.ties.Store(&ties)
}

// end closes what is tied to the connection.
func (s *session) end() {
	s.g.perAddress.leave(s)
	for _, c := range s.pinned {
		c.Close("client connection ended")
	}
	s.pinned = nil
	s.leaveOrigins()
}
