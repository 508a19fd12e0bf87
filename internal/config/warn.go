package config

import (
	"fmt"
	"slices"
	"strings"
)

// Warnings are what is allowed but should be said aloud, in the order of the
// files.
func (c *Config) Warnings() []Fault {
	var out []Fault
	warn := func(path, hint, format string, args ...any) {
		out = append(out, c.Fault(path, fmt.Sprintf(format, args...), hint))
	}
	for i, p := range c.Trusted {
		if p.Bits() == 0 {
			warn(fmt.Sprintf("trusted_proxies[%d]", i), "list the proxies in front of this door", "trusted_proxies believes what any client says of its address")
		}
	}
	c.warnBalancers(warn)
	for _, name := range c.SiteNames() {
		s := c.Sites[name]
		path := "sites." + name
		if s.Certificate != nil && len(s.Bind) > 0 && !s.speaksTLS() {
			warn(path+".certificate", "take it out", "site %q has a certificate, but no binding with TLS", name)
		}
		warnFilter(warn, path+".filter", s)
		for i := range s.Routes {
			warnRoute(warn, fmt.Sprintf("%s.routes[%d]", path, i), s, i)
		}
	}
	c.sortFaults(out)
	return out
}

func warnRoute(warn func(path, hint, format string, args ...any), path string, s *Site, i int) {
	r := &s.Routes[i]
	if r.TLS.Insecure {
		warn(path+".tls.insecure", "name the origin's CA with tls: {ca: FILE}", "site %q does not verify the certificate of its origin: anyone on the way can read and change its traffic", s.Name)
	}
	if r.TLS.Legacy {
		warn(path+".tls.legacy", "take it out when the origin is renewed", "site %q accepts outdated TLS (RSA key exchange, CBC, 3DES) from its origin", s.Name)
	}
	for j := range s.Routes[:i] {
		if earlier := &s.Routes[j]; r.title() != "" && earlier.covers(r) {
			warn(path, earlier.wayPast(r), "route %q is never reached: %q before it takes its requests", r.title(), earlier.title())
			break
		}
	}
	for j, host := range r.Hosts {
		if _, err := parseName(host); err == nil && !s.serves(strings.ToLower(host)) {
			warn(fmt.Sprintf("%s.hosts[%d]", path, j), "add it to a binding of the site, or take it out", "no request for %s comes to site %q", host, s.Name)
		}
	}
	if n := r.hostGroup(); n > 0 {
		warn(path+".redirect", fmt.Sprintf("put a slash before {%d}, or into the group: (/.*)", n), "redirect %q lets a request choose the host: {%d} may begin with %q", r.Redirect, n, ".evil.test")
	}
	words := []string{"keep", "origin"}
	if near := nearest(r.Host, words); near != "" && !slices.Contains(words, r.Host) {
		warn(path+".host", fmt.Sprintf("did you mean %q?", near), "route %q sends %q as the Host", r.title(), r.Host)
	}
	for _, o := range r.To {
		if r.Host == "keep" && s.binds(o.Authority()) {
			warn(path+".to", "name the server behind this door", "route %q of site %q sends requests back to the site itself", r.title(), s.Name)
		}
	}
}

func (s *Site) binds(authority string) bool {
	return slices.ContainsFunc(s.Bind, func(b Binding) bool { return b.Addr.String() == authority })
}
