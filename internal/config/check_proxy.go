package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// parseOnlyEndpoint reads ADDR:PORT.
func parseOnlyEndpoint(s string) (Endpoint, error) {
	if strings.Contains(s, "://") {
		return Endpoint{}, badValue("write ADDR:PORT, such as 127.0.0.2:443", "%q is a URL", s)
	}
	addr, _, err := parseEndpoint(s)
	return addr, err
}

// balancers lets each address have its load balancers in one place.
func (k *checker) balancers() {
	first := map[netip.AddrPort]string{}
	for i, b := range k.c.Balancers {
		path := fmt.Sprintf("proxy_protocol[%d]", i)
		if k.has(path+".bind") && len(b.Bind) == 0 {
			k.fault(path+".bind", "name the addresses with ports where the load balancers connect", "proxy_protocol names no address")
		}
		if k.has(path+".from") && len(b.From) == 0 {
			k.fault(path+".from", "name the load balancers", "proxy_protocol believes nobody: from is an empty list")
		}
		for j, addr := range b.Bind {
			here := fmt.Sprintf("%s.bind[%d]", path, j)
			switch {
			case !addr.IsValid():
			case first[addr] != "":
				k.fault(here, "write all load balancers of an address in one from", "%s is in proxy_protocol twice, first at %s", addr, k.spot(first[addr]))
			default:
				first[addr] = here
			}
		}
	}
}

// warnBalancers: a site whose binding is at fault must not fail others, so that
// an address nobody binds is no fault.
func (c *Config) warnBalancers(warn func(path, hint, format string, args ...any)) {
	bound := map[netip.AddrPort]bool{}
	for _, s := range c.Sites {
		for _, b := range s.Bind {
			bound[b.Addr] = true
		}
	}
	for i, b := range c.Balancers {
		path := fmt.Sprintf("proxy_protocol[%d]", i)
		for j, addr := range b.Bind {
			if addr.IsValid() && !bound[addr] {
				warn(fmt.Sprintf("%s.bind[%d]", path, j), "name it as the bindings of the sites do", "proxy_protocol names %s, which no site binds", addr)
			}
		}
		for j, p := range b.From {
			if p.IsValid() && p.Bits() == 0 {
				warn(fmt.Sprintf("%s.from[%d]", path, j), "list the load balancers", "proxy_protocol believes what any client says of its address")
			}
		}
	}
}

// proxyHeader: a connection that speaks for one client is not shared, which is
// what HTTP/2 would be for.
func (k *checker) proxyHeader(at string, r *Route) {
	if r.ProxyHeader != "" && r.HTTP == "2" {
		k.fault(at+".proxy_protocol", "take http: 2 out", "proxy_protocol needs connections that are not shared, but http: 2 shares them")
	}
}
