package gateway

import (
	"net/netip"
	"slices"

	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

func reasonOf(status int) string { return httpwire.StatusText(status) }

// trusts reports whether a peer's forwarding fields are believed.
func (g *Gateway) trusts(peer netip.Addr) bool {
	return slices.ContainsFunc(g.Trusted, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// appendRequestFields writes the field lines of a request to an origin: those
// of the client, without the ones meant for this hop, with the site's rules
// and who asks.
func (s *session) appendRequestFields(b []byte, req *httpconn.Request, does *Site, host string) []byte {
	h := req.Head
	rules := &does.RequestHeaders
	plain := rules.Empty()
	b = httpwire.AppendField(b, "Host", host)
	for i := range h.Fields {
		f := h.Fields[i]
		name := h.Bytes(f.Name)
		if skipRequestField(name) || h.HopByHop(f) || !plain && rules.drops(name) {
			continue
		}
		b = append(append(append(append(b, name...), ": "...), h.Bytes(f.Value)...), '\r', '\n')
	}
	b = s.appendForwarded(b, req)
	b = appendRules(b, rules)
	if req.Upgrade != "" {
		b = append(b, "Connection: upgrade\r\n"...)
		b = httpwire.AppendField(b, "Upgrade", req.Upgrade)
	}
	return b
}

func appendRules(b []byte, rules *HeaderRules) []byte {
	for _, set := range rules.Set {
		b = httpwire.AppendField(b, set[0], set[1])
	}
	for _, add := range rules.Add {
		b = httpwire.AppendField(b, add[0], add[1])
	}
	return b
}

// skipRequestField names the fields that are written anew: Host, framing, the
// expectation that was answered here, and who asks.
func skipRequestField(name []byte) bool {
	switch len(name) {
	case 4:
		return equalFold(name, "Host")
	case 6:
		return equalFold(name, "Expect")
	case 9:
		return equalFold(name, "Forwarded")
	case 14:
		return equalFold(name, "Content-Length")
	case 15:
		return equalFold(name, "X-Forwarded-For")
	case 16:
		return equalFold(name, "X-Forwarded-Host")
	case 17:
		return equalFold(name, "X-Forwarded-Proto")
	}
	return false
}

// appendForwarded writes who asked for what. What an untrusted client says of
// this itself is dropped.
func (s *session) appendForwarded(b []byte, req *httpconn.Request) []byte {
	h := req.Head
	known := func(name string) []byte {
		if !s.trusted {
			return nil
		}
		return h.Get(name)
	}
	b = append(b, "X-Forwarded-For: "...)
	if before := known("X-Forwarded-For"); before != nil {
		b = append(append(b, before...), ", "...)
	}
	b = append(append(b, s.forwardedFor...), "\r\nX-Forwarded-Proto: "...)
	if before := known("X-Forwarded-Proto"); before != nil {
		b = append(b, before...)
	} else {
		b = append(b, s.scheme()...)
	}
	b = append(b, "\r\nX-Forwarded-Host: "...)
	if before := known("X-Forwarded-Host"); before != nil {
		b = append(b, before...)
	} else {
		b = append(b, req.Host...)
	}
	b = append(b, "\r\nForwarded: "...)
	if before := known("Forwarded"); before != nil {
		b = append(append(b, before...), ", "...)
	}
	return s.appendForwardedElement(b, req.Host)
}

// appendForwardedElement writes one element of RFC 7239; an IPv6 address and a
// host with a port have to be quoted.
func (s *session) appendForwardedElement(b []byte, host string) []byte {
	if s.remote.Addr().Is6() {
		b = append(append(append(b, "for=\"["...), s.forwardedFor...), "]\""...)
	} else {
		b = append(append(b, "for="...), s.forwardedFor...)
	}
	b = append(append(b, ";proto="...), s.scheme()...)
	b = append(append(append(b, ";host=\""...), host...), '"')
	return append(b, '\r', '\n')
}

// hostFor is the Host field for an origin by the route's rule.
func hostFor(route *Route, o *origin.Origin, host string) string {
	switch route.Host {
	case "", "keep":
		if host == "" {
			return o.Authority()
		}
		return host
	case "origin":
		return o.Authority()
	}
	return route.Host
}

// appendResponseFields writes the field lines of an origin's response without
// framing and the ones meant for this hop, with the rules of route and site.
func appendResponseFields(b []byte, h *httpwire.Head, does *Site, route *Route) []byte {
	a, r := &does.ResponseHeaders, &route.ResponseHeaders
	plain := a.Empty() && r.Empty()
	for i := range h.Fields {
		f := h.Fields[i]
		name := h.Bytes(f.Name)
		if len(name) == 14 && equalFold(name, "Content-Length") || h.HopByHop(f) || !plain && (a.drops(name) || r.drops(name)) {
			continue
		}
		b = append(append(append(append(b, name...), ": "...), h.Bytes(f.Value)...), '\r', '\n')
	}
	if plain {
		return b
	}
	return appendRules(appendRules(b, withoutSet(a, r)), r)
}

// withoutSet leaves out of the site's rules what the route sets itself.
func withoutSet(a, r *HeaderRules) *HeaderRules {
	if len(a.Set) == 0 || len(r.Set)+len(r.Remove) == 0 {
		return a
	}
	out := &HeaderRules{Add: a.Add}
	for _, set := range a.Set {
		if !r.drops([]byte(set[0])) {
			out.Set = append(out.Set, set)
		}
	}
	return out
}
