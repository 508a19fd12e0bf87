package rules

import (
	"fmt"
	"strconv"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var staleOriginAddress = explain.Rule{
	ID:       "stale-origin-address",
	Title:    "An address is used that the name no longer has",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The name leads to another address now, and somebody still connects to the old one. Nothing listens there any more, or somebody else does.",
		Looks: "Connections to an address that fresh answers of DNS do not have; they are refused, stay without an answer, or meet another site's certificate. It begins without a change of the gateway, when the origin moves, and ends with a reload. nginx logs `upstream timed out`, `connect() failed (111: Connection refused)` or `no live upstreams`, always with the old address.",
		Why:   "nginx looks up the names in proxy_pass and upstream once, when it starts or reloads; HAProxy too, without a resolvers section; Java caches for long by default in some versions; a program keeps its pool of connections, or an answer longer than its TTL allows; a hosts file has the old address.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "nginx", "Now: reload, which looks the names up again. For good: look up by TTL, with a variable in proxy_pass:", "nginx -s reload", "resolver 10.0.0.2 valid=30s;", "set $up app.internal; proxy_pass https://$up;"),
			fix(explain.Gateway, "nginx", "Since 1.27.3 (before that in the commercial version) in an upstream:", "upstream app { zone app 64k; server app.internal:443 resolve; }"),
			fix(explain.Gateway, "HAProxy", "Let it ask again:", "resolvers dns", "    nameserver ns1 10.0.0.2:53", "server app app.internal:443 check resolvers dns"),
			fix(explain.Gateway, "Apache", "While connections are kept, a process looks the name up once in its life. Reload, or do without keeping them:", "ProxyPass / https://app.internal/ disablereuse=on"),
			fix(explain.Gateway, "Fanlight", "It looks the name up for each new connection. If `to:` names an address, write the name there:", "to: https://app.internal"),
			fix(explain.Origin, "", "When an origin moves: lower the TTL before, and keep the old address answering until the caches have the new one."),
		},
		Confirm: "On the gateway: `getent ahosts NAME` against the address in its log. They differ, and a reload makes them the same.",
		LookAlikes: []explain.Alike{
			{ID: "port-closed", Difference: "the name still has that address"},
			{ID: "one-bad-address-of-many", Difference: "the name has that address, among others"},
			{ID: "hosts-entry-bypassed", Difference: "the hosts file has the right address, and it is not used"},
			{ID: "an answer of another zone", Difference: "a split DNS, or one that answers by place, gives others other addresses, all of which work"},
		},
		References: []string{"RFC 1035 section 3.2.1 (TTL)", "nginx, ngx_http_proxy_module (proxy_pass) and ngx_http_upstream_module (resolve)", "HAProxy configuration manual, resolvers", "alphagov/digitalmarketplace-aws#80", "seen with nginx 1.22"},
	},
	Hides: []string{"port-closed", "syn-unanswered", "address-unreachable", "one-bad-address-of-many", "certificate-name-mismatch", "default-certificate-served",
		"private-ca-not-trusted-here", "sni-unknown-alert", "origin-handshake-failed", "no-usable-origin", "gateway-timeout", "accepted-but-silent"},
	Check: checkStaleAddress,
}

// stale is connections of one client to one address, and the lookup that shows
// that the name has left it.
type stale struct {
	name   string
	conns  []*flow.Conn
	before *search // had the address; nil: none in the trace
	since  *search // has others
}

func checkStaleAddress(p *explain.Pass) {
	byName := map[string][]*search{}
	for _, s := range searches(p) {
		if len(s.found) > 0 {
			byName[s.name] = append(byName[s.name], s)
		}
	}
	if len(byName) == 0 {
		return
	}
	by := map[pair]*stale{}
	var order []*stale
	for _, c := range p.Conns() {
		st := staleness(c, byName)
		if st == nil {
			continue
		}
		k := pair{searcher(c), c.Server}
		if by[k] == nil {
			by[k] = st
			order = append(order, st)
		}
		by[k].conns = append(by[k].conns, c)
	}
	for _, st := range order {
		reportStale(p, st)
	}
}

// staleness tells of a connection that failed, whose name had left its address
// by then; nil: nothing of the kind.
func staleness(c *flow.Conn, byName map[string][]*search) *stale {
	if c.Scheme == flow.SchemeDNS || c.Self == flow.Server || !c.Server.IsValid() || notConnected(c) < 0 {
		return nil
	}
	for _, name := range namesOf(c) {
		st := &stale{name: name}
		for _, s := range byName[name] {
			switch {
			case s.ended().After(c.Started):
			case hasAddress(s, c):
				st.before, st.since = s, nil
			case hasFamily(s, c):
				st.since = s
			}
		}
		if st.since == nil || st.before == nil && c.Server.Addr().IsLoopback() || st.before != nil && !expired(st.before, c) {
			continue
		}
		return st
	}
	return nil
}

// namesOf are the names that c may have been made for.
func namesOf(c *flow.Conn) []string {
	out := []string{sought(c)}
	if c.Lookup != nil && c.Lookup.Name != out[0] {
		out = append(out, c.Lookup.Name)
	}
	return out
}

func hasAddress(s *search, c *flow.Conn) bool {
	for _, a := range s.found {
		if a == c.Server.Addr().Unmap() {
			return true
		}
	}
	return false
}

func hasFamily(s *search, c *flow.Conn) bool {
	for _, a := range s.found {
		if a.Is4() == c.Server.Addr().Unmap().Is4() {
			return true
		}
	}
	return false
}

// expired tells that the answer with the address of c was too old to be used
// when c began.
func expired(s *search, c *flow.Conn) bool {
	m, ok := s.answer(func(e *flow.Event) bool {
		return hasAddress(&search{found: flow.ParseAddresses(e.Attr(flow.KeyAddresses))}, c)
	})
	if !ok {
		return false
	}
	return c.Started.Sub(m.at()) > ttl(m)
}

func ttl(m said) time.Duration {
	seconds, err := strconv.ParseUint(m.event().Attr(flow.KeyTTLSeconds), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// notConnected is the event by which c failed to reach what it was made for:
// the connection or its handshake failed, or -1.
func notConnected(c *flow.Conn) int {
	for _, x := range c.Exchanges {
		if x.Status != 0 {
			return -1
		}
	}
	if i := find(c, 0, flow.Unknown, flow.ConnectFailed, flow.TLSFailed); i >= 0 {
		return i
	}
	for i := range c.Events {
		if e := &c.Events[i]; e.Kind == flow.Alert && e.Attr(flow.KeyLevel) == "fatal" {
			return i
		}
	}
	if find(c, 0, flow.Unknown, flow.Established) < 0 && find(c, 0, flow.Client, flow.Retransmission) >= 0 {
		return find(c, 0, flow.Client, flow.SYN)
	}
	return -1
}

func reportStale(p *explain.Pass, st *stale) {
	c := st.conns[0]
	now := firstFound(st.since, c)
	f := explain.Finding{
		Confidence: explain.Possible,
		Cause: fmt.Sprintf("%s connected to %s for %s, in vain. DNS gives the name another address now: %s.",
			caller(c), c.Server, st.name, now.event().Attr(flow.KeyAddresses)),
		Fixes: forName(p.Fixes(), st.name),
	}
	if st.before != nil {
		had := firstFound(st.before, c)
		f.Confidence = explain.Proof
		f.Evidence = append(f.Evidence, explain.At(had.c, had.i, fmt.Sprintf("%s was %s, good for %s", st.name, had.event().Attr(flow.KeyAddresses), explain.Span(ttl(had)))))
		if searcher(c) != st.before.client {
			f.Confidence = explain.Likely
		}
	} else {
		f.Missing = []string{"that the name had this address before: the start of the gateway in the capture, or its log"}
	}
	f.Evidence = append(f.Evidence, explain.At(now.c, now.i, fmt.Sprintf("%s is %s", st.name, now.event().Attr(flow.KeyAddresses))))
	for i, c := range st.conns[:min(len(st.conns), namedTurns)] {
		if i < 3 {
			f.Evidence = append(f.Evidence, explain.At(c, notConnected(c), fmt.Sprintf("failed at %s, %s after that answer", c.Server, explain.Span(c.Started.Sub(now.at())))))
		}
		blame(p, &f, c, nil)
	}
	p.Report(f)
}

// firstFound is the answer of s with addresses of the family of c.
func firstFound(s *search, c *flow.Conn) said {
	m, _ := s.answer(func(e *flow.Event) bool {
		return hasFamily(&search{found: flow.ParseAddresses(e.Attr(flow.KeyAddresses))}, c)
	})
	return m
}
