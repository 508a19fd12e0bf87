package gateway

import (
	"errors"
	"io"
	"net/netip"
	"slices"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/origin"
	"fanlight/internal/proxywire"
	"fanlight/internal/tap"
)

// Balancers are, by the address they connect to, the peers that put a PROXY
// header in front of each connection.
type Balancers map[netip.AddrPort][]netip.Prefix

// SetBalancers puts who sends PROXY headers in place, for the connections that
// come from now on.
func (g *Gateway) SetBalancers(b Balancers) { g.balancers.Store(&b) }

func (g *Gateway) isBalancer(local netip.AddrPort, peer netip.Addr) bool {
	all := g.balancers.Load()
	return all != nil && within((*all)[local], peer)
}

// phaseProxyHeader is the name of a wait for a PROXY header that took too long.
const phaseProxyHeader = "proxy-header"

// takeProxyHeader reads the header of a peer that must send one, and makes the
// client it speaks for the session's. It reports false when there is none that
// can be believed, with everything said and closed. Of other peers it reads
// nothing: a header of theirs is no beginning of TLS or HTTP, and is refused as
// such.
func (s *session) takeProxyHeader() bool {
	if !s.g.isBalancer(s.local, s.remote.Addr()) {
		return true
	}
	_ = s.tap.SetReadDeadline(deadline(s.g.Limits.HeadTimeout)) // fails only on a closed connection; the read says so
	var h proxywire.Header
	err := s.tap.ReadPreface(proxywire.MaxLen, func(p []byte) (n int, err error) {
		h, n, err = proxywire.Parse(p)
		return n, err
	})
	if h.Version != 0 {
		s.recordProxyHeader(&h, err)
	}
	if err != nil {
		s.refuseProxyHeader(err)
		return false
	}
	_ = s.tap.SetReadDeadline(time.Time{}) // fails only on a closed connection; the next read says so
	if h.Client.IsValid() {
		s.remote = h.Client
	}
	return true
}

func deadline(limit time.Duration) (at time.Time) {
	if limit > 0 {
		at = time.Now().Add(limit)
	}
	return at
}

func (s *session) recordProxyHeader(h *proxywire.Header, fault error) {
	log := s.tap.Log()
	if log == nil {
		return
	}
	facts := h.Facts()
	if fault != nil {
		facts = append(facts, flow.KeyFault, fault.Error())
	}
	log.Add(flow.Event{At: time.Now(), Kind: flow.ProxyHeader, From: flow.Client, Text: h.Name(), Attrs: flow.Attrs(facts...)})
}

// refuseProxyHeader ends a connection without a header, and says why.
func (s *session) refuseProxyHeader(err error) {
	log, peer := s.tap.Log(), s.remote.Addr().String()
	received, _ := s.tap.Bytes()
	why, refused := "", true
	var malformed *proxywire.Malformed
	switch {
	case errors.Is(err, io.EOF) && received == 0:
		refused = false // a load balancer that looks whether we are there
		s.tap.SetWhy("client closed without a word")
	case s.stop.Load():
		refused = false // ended from outside, which has said why
	case tap.IsTimeout(err):
		s.timedOut(phaseProxyHeader, s.g.Limits.HeadTimeout)
		s.tap.SetWhy("timeout: " + phaseProxyHeader)
	case errors.Is(err, proxywire.NotAHeader{}):
		why = peer + " began without the PROXY header that it must send here"
	case errors.As(err, &malformed):
		why = "the PROXY header of " + peer + " is damaged: " + malformed.What
	default:
		why = peer + " ended the connection inside its PROXY header"
	}
	if why != "" {
		log.Add(flow.Event{At: time.Now(), Kind: flow.Irregular, From: flow.Client, Text: byProxyHeader})
		log.Add(flow.Event{At: time.Now(), Kind: flow.Decision, Text: "refuse: " + why, Attrs: flow.Attrs(flow.KeyBy, byProxyHeader)})
		s.tap.SetWhy(why)
	}
	if refused {
		s.g.Metrics.ProxyRefused.Add(1)
	}
	_ = s.tap.Close() // nothing was promised to this client
}

// byProxyHeader names who decided in the record.
const byProxyHeader = "proxy-protocol"

// ends are those that a PROXY header tells an origin, which is then told as well
// when they are over.
func (s *session) ends(o *origin.Origin) origin.Ends {
	ends := origin.Ends{Client: s.remote, Server: s.local}
	if o.ProxyHeader == 0 {
		return ends
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.told, o) {
		s.told = append(s.told, o)
	}
	return ends
}

// leaveOrigins closes what was opened to origins for this client alone.
func (s *session) leaveOrigins() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.told {
		o.Leave(origin.Ends{Client: s.remote, Server: s.local})
	}
	s.told = nil
}
