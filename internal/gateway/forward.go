package gateway

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

func reasonOf(status int) string { return httpwire.StatusText(status) }

// trusts reports whether a peer's forwarding fields are believed.
func (g *Gateway) trusts(peer netip.Addr) bool { return within(g.Trusted, peer) }

// within reports whether one of some blocks holds an address, whatever its zone.
func within(blocks []netip.Prefix, addr netip.Addr) bool {
	addr = addr.WithZone("")
	return slices.ContainsFunc(blocks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// appendRequestFields writes the field lines of a request to an origin: those
// of the client, without the ones meant for this hop, with the site's rules
// and who asks.
func (s *session) appendRequestFields(b []byte, req *httpconn.Request, rules *fieldRules, f *facts) []byte {
	h := req.Head
	plain := rules.empty()
	for _, line := range h.Fields {
		name := h.Bytes(line.Name)
		if s.writtenAnew(name) || h.HopByHop(line) || !plain && rules.drop(name) {
			continue
		}
		b = append(append(append(append(b, name...), ": "...), h.Bytes(line.Value)...), '\r', '\n')
	}
	b = s.appendForwarded(b, req, rules)
	return rules.append(b, f)
}

// upgradeOf is the protocol a client may change to through the door, empty if
// none. Not h2c: requests inside it would pass by the site's routes and rules.
func upgradeOf(req *httpconn.Request) string {
	if strings.Contains(strings.ToLower(req.Upgrade), "h2c") {
		return ""
	}
	return req.Upgrade
}

// writtenAnew names the fields that do not pass as they are: Host, framing, the
// expectation that was answered here, and who asks. What an untrusted client
// says of that itself is dropped.
func (s *session) writtenAnew(name []byte) bool {
	switch len(name) {
	case 4:
		return equalFold(name, "Host")
	case 6:
		return equalFold(name, "Expect")
	case 9:
		return equalFold(name, "Forwarded") || same(name, "X-Real-IP") && (!s.trusted || underscored(name))
	case 14:
		return equalFold(name, "Content-Length")
	}
	const prefix = "X-Forwarded-"
	if len(name) <= len(prefix) || !same(name[:len(prefix)], prefix) {
		return false
	}
	kind := name[len(prefix):]
	return !s.trusted || underscored(name[:len(prefix)]) || equalFold(kind, "For") || equalFold(kind, "Proto") || equalFold(kind, "Host")
}

// appendForwarded writes who asked for what: to what a trusted client says, the
// client itself is added.
func (s *session) appendForwarded(b []byte, req *httpconn.Request, rules *fieldRules) []byte {
	if !rules.dropName("X-Forwarded-For") {
		b = s.appendKnown(append(b, "X-Forwarded-For: "...), req.Head, "X-Forwarded-For")
		b = append(append(b, s.forwardedFor...), '\r', '\n')
	}
	if !rules.dropName("X-Forwarded-Proto") {
		b = s.appendFirst(append(b, "X-Forwarded-Proto: "...), req.Head, "X-Forwarded-Proto", s.scheme())
	}
	if !rules.dropName("X-Forwarded-Host") {
		b = s.appendFirst(append(b, "X-Forwarded-Host: "...), req.Head, "X-Forwarded-Host", req.Host)
	}
	if !rules.dropName("Forwarded") {
		b = s.appendKnown(append(b, "Forwarded: "...), req.Head, "Forwarded")
		b = s.appendForwardedElement(b, req.Host)
		b = append(append(append(b, s.g.passMark...), '1'+byte(s.g.passes(req.Head))), '\r', '\n')
	}
	return b
}

// trailers are those that the origin gets: none where the filter of the site
// looks at fields, as these come when it has judged the request.
func (k *carriage) trailers() []byte {
	if f := k.does.Filter; f != nil && !f.Watch && f.Filter.LooksAtFields() {
		return nil
	}
	return k.s.appendTrailers(nil, k.x.Trailers())
}

// appendTrailers writes the trailer lines of a request without those that may
// stand in its head only: an origin that merges the two (RFC 9110 section
// 6.5.1) would believe the client who asks, or take a sign-in that nobody saw.
func (s *session) appendTrailers(b, lines []byte) []byte {
	for line := range bytes.Lines(lines) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		if !s.writtenAnew(name) && !signsIn(name) && !equalFold(name, "Cookie") {
			b = append(b, line...)
		}
	}
	return b
}

// appendKnown writes the elements of a trusted client's fields of a name, each
// followed by a comma.
func (s *session) appendKnown(b []byte, h *httpwire.Head, name string) []byte {
	if !s.trusted {
		return b
	}
	for i := range h.Fields {
		f := h.Fields[i]
		if value := h.Bytes(f.Value); len(value) > 0 && equalFold(h.Bytes(f.Name), name) {
			b = append(append(b, value...), ", "...)
		}
	}
	return b
}

// appendFirst writes what a trusted client says, else what is known here.
func (s *session) appendFirst(b []byte, h *httpwire.Head, name, known string) []byte {
	var said []byte
	if s.trusted {
		said = h.Get(name)
	}
	if said != nil {
		b = append(b, said...)
	} else {
		b = append(b, known...)
	}
	return append(b, '\r', '\n')
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
	return append(append(append(b, ";host=\""...), host...), '"')
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
func appendResponseFields(b []byte, h *httpwire.Head, f *facts) []byte {
	rules := &f.route.response
	plain := rules.empty()
	for _, line := range h.Fields {
		name := h.Bytes(line.Name)
		if len(name) == 14 && equalFold(name, "Content-Length") || h.HopByHop(line) || !plain && rules.drop(name) {
			continue
		}
		b = append(append(append(append(b, name...), ": "...), h.Bytes(line.Value)...), '\r', '\n')
	}
	return rules.append(b, f)
}
