package gateway

import (
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/origin"
	"fanlight/internal/site"
	"fanlight/internal/tap"
)

// session is one client connection. Its fields belong to the goroutine that
// carries the connection, but for the atomic ones, which the sweeper and a
// stopping site read and write.
type session struct {
	g         *Gateway
	tap       *tap.Conn
	transport httpconn.Transport
	secure    bool
	local     netip.AddrPort
	remote    netip.AddrPort
	trusted   bool
	sni       string

	forwardedFor string
	host         string // Host field that siteOf found last
	found        *site.Site
	pinned       map[*origin.Origin]*origin.Conn

	site    atomic.Pointer[site.Site]
	stop    atomic.Bool // no further request
	busy    atomic.Bool
	tunnel  atomic.Bool
	gone    atomic.Bool                 // the client left while we waited
	waiting atomic.Pointer[origin.Conn] // the origin we wait for
	since   atomic.Int64                // start of the exchange, Unix nanoseconds; 0: none
	told    atomic.Bool                 // the hanging exchange was published
	ties    atomic.Pointer[[]*origin.Conn]
}

func (s *session) closing() bool { return s.stop.Load() }

func (s *session) scheme() string {
	if s.secure {
		return "https"
	}
	return "http"
}

func (s *session) setSite(found *site.Site) {
	if s.site.Swap(found) != found {
		s.tap.Log().Add(flow.Event{At: time.Now(), Kind: flow.Chosen, Text: found.Name, Attrs: flow.Attrs(flow.KeyWhat, "site")})
	}
}

// Handle carries one exchange.
func (s *session) Handle(x httpconn.Exchange) {
	s.busy.Store(true)
	s.told.Store(false)
	s.since.Store(time.Now().UnixNano())
	s.serve(x)
	s.since.Store(0)
	s.busy.Store(false)
}

func (s *session) serve(x httpconn.Exchange) {
	req := x.Request()
	found := s.siteOf(req.Host)
	if found == nil {
		s.fail(x, 421, "host "+strconv.Quote(req.Host)+" does not belong to "+s.whereabouts())
		return
	}
	switch state := found.State(); {
	case state == site.Stopped && found.StoppedPage:
		s.fail(x, 503, "site "+found.Name+" is stopped")
		return
	case state != site.Serving && state != site.Draining:
		s.refuseStopped(x, found)
		return
	}
	does := s.g.site(found.Name)
	if does == nil {
		s.fail(x, 503, "site "+found.Name+" has no routes")
		return
	}
	if req.Method == "CONNECT" {
		s.fail(x, 405, "CONNECT is not offered")
		return
	}
	route := does.route(req.Path)
	switch {
	case route == nil:
		s.fail(x, 404, "no route of site "+found.Name+" takes "+req.Path)
	case route.Folder != nil:
		s.serveFile(x, does, route)
	case route.Redirect != "":
		s.redirect(x, does, route)
	default:
		s.proxy(x, does, route)
	}
}

// refuseStopped ends a plain connection for a site that is stopped and shows
// no page: as with TLS, the client gets nothing.
func (s *session) refuseStopped(x httpconn.Exchange, found *site.Site) {
	why := "site " + found.Name + " is " + found.State().String()
	x.Log().Add(flow.Event{At: time.Now(), Exchange: x.ID(), Kind: flow.Decision, Text: "refuse: " + why, Attrs: flow.Attrs(flow.KeyBy, "site")})
	x.Truncate(why)
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
	if s.found != nil && host == s.host {
		return s.found
	}
	found := s.g.Table.Find(s.local, hostname(host))
	if found == nil || s.secure && found != s.site.Load() {
		return nil
	}
	s.setSite(found)
	s.host, s.found = strings.Clone(host), found
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
	_ = s.tap.SetDeadline(time.Unix(1, 0)) // fails only when it is closed already
	if c := s.waiting.Load(); c != nil {
		c.Interrupt(why)
	}
}

// interrupt wakes an idle connection so that it sees closing.
func (s *session) interrupt() {
	if !s.busy.Load() {
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

func (s *session) untie(c *origin.Conn) {
	if s.pinned[c.Origin()] == c {
		delete(s.pinned, c.Origin())
		s.publishTies()
	}
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
	for _, c := range s.pinned {
		c.Close("client connection ended")
	}
	s.pinned = nil
}
