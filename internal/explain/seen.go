package explain

import (
	"slices"
	"strings"

	"fanlight/internal/flow"
)

// maxSeen bounds the connections of a finding, and the exchanges of each, that
// are searched for products.
const maxSeen = 32

// seenFirst puts the fixes for the products that answered on the finding's
// connections, by their Server field, in front of the others.
func (ix *index) seenFirst(f *Finding) {
	var servers []string
	for _, id := range f.Conns[:min(len(f.Conns), maxSeen)] {
		if c := ix.conns[id]; c != nil {
			servers = appendServers(servers, c)
		}
	}
	if len(servers) == 0 {
		return
	}
	var first, rest []Fix
	for _, x := range f.Fixes {
		if slices.ContainsFunc(servers, func(s string) bool { return madeBy(s, x.Product) }) {
			first = append(first, x)
		} else {
			rest = append(rest, x)
		}
	}
	if len(first) > 0 {
		f.Fixes = slices.Concat(first, rest) // the page keeps its order
	}
}

func appendServers(servers []string, c *flow.Conn) []string {
	for _, x := range c.Exchanges[:min(len(c.Exchanges), maxSeen)] {
		for _, field := range x.ResponseHeader {
			if strings.EqualFold(field.Name, "Server") && !slices.Contains(servers, field.Value) {
				servers = append(servers, field.Value)
			}
		}
	}
	return servers
}

// madeBy tells that a Server field is that of a product as fixes name it.
func madeBy(server, product string) bool {
	name, _, _ := strings.Cut(product, " ")
	switch name {
	case "":
		return false
	case "IIS":
		return strings.HasPrefix(server, "Microsoft-IIS") || strings.HasPrefix(server, "Microsoft-HTTPAPI")
	case "ASP.NET":
		return strings.HasPrefix(server, "Kestrel")
	}
	return strings.HasPrefix(strings.ToLower(server), strings.ToLower(name))
}
