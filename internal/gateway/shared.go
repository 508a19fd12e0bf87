package gateway

import (
	"crypto/tls"
	"slices"
	"time"

	"fanlight/internal/authwire"
	"fanlight/internal/flow"
	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
	"fanlight/internal/tap"
)

// What differs where the exchanges of a client share a connection (HTTP/2).

// onlyH2 is the connection of a site that speaks HTTP/2 alone, to a client that
// took no part in choosing.
type onlyH2 struct{ *tap.Secure }

func (onlyH2) Protocol() string { return "h2" }

// unlessH2Alone is the configuration for a client that offers some protocols. crypto/tls
// takes one that offers http/1.1 where only h2 is spoken for one that offers
// nothing; here it is refused, as RFC 7301, section 3.2, has it.
func unlessH2Alone(config *tls.Config, offered []string) *tls.Config {
	if len(offered) == 0 || slices.Contains(offered, "h2") || !slices.Equal(config.NextProtos, []string{"h2"}) {
		return config
	}
	config = config.Clone()
	config.NextProtos = []string{"h2-alone"} // what no client offers
	return config
}

// carrier is what carries exchanges over TLS, with HTTP/2 where that was chosen.
func (s *session) carrier(t *tap.Secure, offered []string) httpconn.Transport {
	chosen := t.Protocol()
	s.rides.several.Store(chosen == "h2")
	if chosen == "" && slices.Equal(offered, []string{"h2"}) {
		s.rides.several.Store(true)
		return onlyH2{t}
	}
	return t
}

// Gone hears that the client has given up an exchange on a shared connection.
func (s *session) Gone(x httpconn.Exchange) {
	s.rides.leave(x)
}

// endTunnels ends the tunnels of a shared connection, whose other exchanges go on.
func (s *session) endTunnels(why string) {
	s.rides.each(func(r *ride) {
		if r.tunnel.Load() {
			r.giveUpOrigin(why)
		}
	})
}

// Why a sign-in is not carried where exchanges share a connection.
const (
	boundRequest   = "the request signs in the connection it comes on, which others share: it needs HTTP/1.1"
	boundChallenge = "the origin wants the connection to be signed in, which others share: it needs HTTP/1.1"
)

// mayShare ends a request that authenticates its connection when that is shared
// (RFC 9113, section 7: HTTP_1_1_REQUIRED); a client comes again with HTTP/1.1.
func (k *carriage) mayShare() bool {
	return !k.bound || !k.x.Multiplexed() || !k.x.RequireHTTP1(boundRequest)
}

// challengedShared does the same when it is the origin who wants it.
func (k *carriage) challengedShared(h *httpwire.Head) bool {
	if !k.x.Multiplexed() || !bindingChallenge(h) || !k.x.RequireHTTP1(boundChallenge) {
		return false
	}
	k.s.g.Metrics.responded(0)
	k.leg.Log().Add(flow.Event{At: time.Now(), Exchange: k.out.ID, Kind: flow.Decision, Text: "refuse: " + boundChallenge, Attrs: flow.Attrs(flow.KeyBy, "http2")})
	k.leg.Abandon("the client has to come again with HTTP/1.1")
	return true
}

// bindingChallenge reports whether a response offers nothing but schemes that
// authenticate connections.
func bindingChallenge(h *httpwire.Head) bool {
	if h.Status != 401 && h.Status != 407 {
		return false
	}
	found := false
	for i := range h.Fields {
		f := h.Fields[i]
		name := h.Bytes(f.Name)
		if !equalFold(name, "WWW-Authenticate") && !equalFold(name, "Proxy-Authenticate") {
			continue
		}
		for _, token := range authwire.ParseChallenge(h.Bytes(f.Value)) {
			if !token.ConnectionBound {
				return false
			}
			found = true
		}
	}
	return found
}
