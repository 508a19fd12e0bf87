package rules

import (
	"net/netip"
	"slices"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// hostsEntries are the names that the hosts file gives addresses, as far as the
// trace tells of it. Names that are given none on purpose (0.0.0.0), and those
// of the machine itself, are left out.
func hostsEntries(p *explain.Pass) map[string][]netip.Addr {
	out := map[string][]netip.Addr{}
	for i := range p.Trace.Facts {
		e := &p.Trace.Facts[i]
		name := strings.ToLower(strings.TrimSuffix(e.Text, "."))
		if e.Kind != flow.HostsEntry || name == "localhost" || strings.HasSuffix(name, ".localhost") {
			continue
		}
		for _, a := range flow.ParseAddresses(e.Attr(flow.KeyAddresses)) {
			if !a.IsUnspecified() && !slices.Contains(out[name], a.Unmap()) {
				out[name] = append(out[name], a.Unmap())
			}
		}
	}
	return out
}

// elsewhere is a connection for a name of the hosts file that does not go where
// that says.
type elsewhere struct {
	c     *flow.Conn
	name  string
	lines []netip.Addr
	proxy bool // it was asked of a proxy
}

// strayed gives the connections that do not go where the hosts file says. What
// a gateway or proxy makes for a client is left out.
func strayed(p *explain.Pass, entries map[string][]netip.Addr) (out []elsewhere) {
	if len(entries) == 0 {
		return nil
	}
	fronts := map[string][]*flow.Conn{} // that go where the file says, or to a proxy
	for _, c := range p.Conns() {
		if name, lines := entryOf(c, entries); lines != nil && (slices.Contains(lines, c.Server.Addr().Unmap()) || askedOfProxy(c)) {
			fronts[name] = append(fronts[name], c)
		}
	}
	for _, c := range p.Conns() {
		name, lines := entryOf(c, entries)
		if lines == nil || c.Parent != 0 || c.Self == flow.Server || slices.Contains(lines, c.Server.Addr().Unmap()) {
			continue
		}
		proxy := askedOfProxy(c)
		if proxy && c.Server.Addr().IsLoopback() {
			continue // it reads the same hosts file
		}
		behind := slices.ContainsFunc(fronts[name], func(front *flow.Conn) bool { return front != c && during(front, c) })
		if !behind {
			out = append(out, elsewhere{c, name, lines, proxy})
		}
	}
	return out
}

// entryOf is the name of the hosts file that c is for, and its addresses.
func entryOf(c *flow.Conn, entries map[string][]netip.Addr) (string, []netip.Addr) {
	if c.Scheme == flow.SchemeDNS || !c.Server.IsValid() {
		return "", nil
	}
	for _, name := range namesOf(c) {
		if lines := entries[name]; lines != nil {
			return name, lines
		}
	}
	return "", nil
}

// during tells that c began while front was open.
func during(front, c *flow.Conn) bool {
	return !front.Started.After(c.Started) && (!front.Close.Ended || !front.Started.Add(front.Close.After).Before(c.Started))
}

// askedOfProxy tells that c leads to a proxy, which looks names up itself.
func askedOfProxy(c *flow.Conn) bool {
	return slices.ContainsFunc(c.Exchanges, func(x *flow.Exchange) bool {
		return x.Method == "CONNECT" || strings.HasPrefix(x.Target, "http://")
	})
}

// seenAt is the event that shows which name c is for.
func (e *elsewhere) seenAt() int {
	if i := find(e.c, 0, flow.Client, flow.ClientHello); i >= 0 && !e.proxy {
		return i
	}
	if i := find(e.c, 0, flow.Client, flow.Request); i >= 0 {
		return i
	}
	return find(e.c, 0, flow.Unknown, flow.LookedUp, flow.SYN)
}

// askedDNS is the answer by which DNS told the name's address to who made c.
func (e *elsewhere) askedDNS(all []*search) (said, bool) {
	for _, s := range slices.Backward(all) {
		if s.name == e.name && s.mayBe(e.c) && !s.ended().After(e.c.Started) && hasAddress(s, e.c) {
			return s.answer(func(a *flow.Event) bool {
				return hasAddress(&search{found: flow.ParseAddresses(a.Attr(flow.KeyAddresses))}, e.c)
			})
		}
	}
	return said{}, false
}

// mayBe tells that s and c may be of the same machine: one with two families
// asks in either.
func (s *search) mayBe(c *flow.Conn) bool {
	client := searcher(c)
	return s.client == client || !s.client.IsValid() || client.IsValid() && s.client.Is4() != client.Is4()
}

// hostsLines says what the hosts file has.
func hostsLines(name string, lines []netip.Addr) explain.Evidence {
	words := make([]string, len(lines))
	for i, a := range lines {
		words[i] = a.String()
	}
	return explain.Fact("hosts file: " + name + " is " + strings.Join(words, ", "))
}

func onlyIPv4(lines []netip.Addr) bool {
	return !slices.ContainsFunc(lines, netip.Addr.Is6)
}
