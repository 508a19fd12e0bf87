package cert

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// permitted is what the intermediate may sign: names at or under domains
// (RFC 5280, section 4.2.1.10), addresses within ranges.
type permitted struct {
	domains []string // sorted, without leading dots
	ranges  []*net.IPNet
}

func newPermitted(extra []string) (permitted, error) {
	p := permitted{
		domains: []string{"localhost", "test"},
		ranges: []*net.IPNet{
			{IP: net.IP{127, 0, 0, 0}, Mask: net.CIDRMask(8, 32)},
			{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
		},
	}
	for _, name := range extra {
		domain := strings.TrimPrefix(strings.TrimPrefix(canonical(name), "*"), ".")
		if err := checkSyntax(domain); err != nil {
			return permitted{}, fmt.Errorf("permit local name %q: %w", name, err)
		}
		if net.ParseIP(domain) != nil {
			return permitted{}, fmt.Errorf("permit local name %q: it is an address, not a name", name)
		}
		p.domains = append(p.domains, domain)
	}
	slices.Sort(p.domains)
	p.domains = slices.Compact(p.domains)
	return p, nil
}

// madeFor reports whether c carries exactly these constraints.
func (p permitted) madeFor(c *x509.Certificate) bool {
	domains := slices.Sorted(slices.Values(c.PermittedDNSDomains))
	return c.PermittedDNSDomainsCritical && slices.Equal(domains, p.domains) &&
		slices.EqualFunc(c.PermittedIPRanges, p.ranges, func(a, b *net.IPNet) bool { return a.String() == b.String() })
}

func (p permitted) String() string {
	var all []string
	for _, domain := range p.domains {
		all = append(all, "."+domain)
	}
	for _, r := range p.ranges {
		all = append(all, r.String())
	}
	return strings.Join(all, ", ")
}

// Allows is nil if the CA may sign name, a DNS name, a wildcard or an IP
// address; else it says why not.
func (ca *CA) Allows(name string) error {
	if ip := net.ParseIP(name); ip != nil {
		return ca.allowsIP(ip)
	}
	name = canonical(name)
	base := strings.TrimPrefix(name, "*.")
	if err := checkSyntax(base); err != nil {
		return fmt.Errorf("sign %q: %w", name, err)
	}
	for _, domain := range ca.permitted.domains {
		if base == domain || strings.HasSuffix(base, "."+domain) {
			return nil
		}
	}
	return fmt.Errorf("sign %s: the local CA is constrained to %s: add the name to local_names, or give a certificate of its own", name, ca.permitted)
}

func (ca *CA) allowsIP(ip net.IP) error {
	for _, r := range ca.permitted.ranges {
		if r.Contains(ip) {
			return nil
		}
	}
	return fmt.Errorf("sign %s: the local CA is constrained to %s", ip, ca.permitted)
}

// canonical is name in lower case, without a final dot.
func canonical(name string) string {
	return strings.TrimSuffix(strings.ToLower(name), ".")
}

// checkSyntax is nil for a host name that can stand in a certificate
// (RFC 5280 with RFC 1123; the underscore is tolerated as browsers do).
func checkSyntax(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case len(name) > 253:
		return errors.New("the name is longer than 253 characters")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return errors.New("each part between dots must have 1 to 63 characters")
		}
		for _, r := range label {
			if r > 127 {
				return errors.New("give the name in its ASCII form (xn--...)")
			}
			if r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') {
				return fmt.Errorf("it holds %q", r)
			}
		}
	}
	return nil
}
