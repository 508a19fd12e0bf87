package rules

import (
	"net/netip"
	"strings"
)

// hostOf is the host of an authority: without port, brackets and final dot, in
// lower case.
func hostOf(authority string) string {
	host := authority
	if _, err := netip.ParseAddr(authority); err != nil { // an IPv6 address alone ends in no port
		if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
			host = host[:i]
		}
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// sameName tells that two authorities have the same host, whatever their ports.
func sameName(a, b string) bool { return hostOf(a) == hostOf(b) }

// isName tells a host name from an address.
func isName(host string) bool {
	_, err := netip.ParseAddr(host)
	return host != "" && err != nil
}
