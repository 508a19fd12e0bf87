package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// parseName reads a name of a binding: a host name, an address, or a wildcard
// whose leftmost label is "*".
func parseName(word string) (string, error) {
	name := strings.TrimSuffix(strings.ToLower(word), ".")
	if name == "*" {
		return "", badValue("leave the names out for every name", `"*" alone is not a name`)
	}
	suffix, wild := strings.CutPrefix(name, "*.")
	if strings.Contains(suffix, "*") {
		return "", badValue("write *.example.test", "in %q the wildcard is not the whole leftmost label", word)
	}
	if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil && !wild {
		return addr.Unmap().String(), nil
	}
	if fault := hostFault(suffix); fault != "" {
		return "", badValue(nameHint(word), "%s", fault)
	}
	return name, nil
}

func nameHint(word string) string {
	if strings.ContainsAny(word, ":/") {
		return "a name has neither scheme nor port nor path; they belong to the address"
	}
	for _, r := range word {
		if r > 0x7f {
			return "write the name in its ASCII form (xn--...)"
		}
	}
	return ""
}

// hostFault tells why host is neither a host name (RFC 1123 section 2.1, with
// underscores) nor an IP address; empty if it is one.
func hostFault(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	if host == "" {
		return "a host name is missing"
	}
	if len(host) > 253 {
		return fmt.Sprintf("a host name of %d characters is too long", len(host))
	}
	for label := range strings.SplitSeq(host, ".") {
		if !isLabel(label) {
			return fmt.Sprintf("%q is not a host name", host)
		}
	}
	if last := host[strings.LastIndexByte(host, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return fmt.Sprintf("%q is neither an IP address nor a host name", host)
	}
	return ""
}

func isLabel(label string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return label != "" && len(label) <= 63 && strings.Trim(label, letters+"_-") == "" &&
		label[0] != '-' && label[len(label)-1] != '-'
}

// mayLocallySign tells whether the local CA is allowed to sign name: its
// intermediate is constrained to names of this machine (RFC 2606, RFC 6761),
// and to local_names.
func (c *Config) mayLocallySign(name string) bool {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.IsLoopback()
	}
	for _, suffix := range append([]string{"test", "localhost"}, c.LocalNames...) {
		if under(strings.TrimPrefix(name, "*."), suffix) {
			return true
		}
	}
	return false
}

func under(name, suffix string) bool {
	suffix = strings.ToLower(strings.TrimPrefix(suffix, "."))
	return name == suffix || strings.HasSuffix(name, "."+suffix)
}
