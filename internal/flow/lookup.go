package flow

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SchemeDNS is the scheme of a connection that carries messages of DNS.
const SchemeDNS = "dns"

// foldLookup keeps the last one: a name may be asked for anew before it leads
// to a connection.
func (c *Conn) foldLookup(e *Event) {
	l := &Lookup{Name: e.Text, Result: e.Attr(KeyResult), Rcode: e.Attr(KeyRcode), By: e.Attr(KeyBy), Reason: e.Attr(KeyReason),
		Addresses: ParseAddresses(e.Attr(KeyAddresses)), Ended: e.At}
	if took, err := strconv.ParseFloat(e.Attr(KeyTook), 64); err == nil {
		l.Took, l.Timed = time.Duration(took*float64(time.Millisecond)), true
	}
	if id, err := strconv.ParseUint(strings.TrimPrefix(e.Attr(KeyDNS), "c"), 10, 64); err == nil {
		l.DNS = ConnID(id)
	}
	c.Lookup = l
}

// Event is the LookedUp event that folds to l.
func (l *Lookup) Event() Event {
	took, dns := "", ""
	if l.Timed {
		took = strconv.FormatFloat(float64(l.Took)/float64(time.Millisecond), 'f', -1, 64)
	}
	if l.DNS != 0 {
		dns = l.DNS.String()
	}
	return Event{At: l.Ended, Kind: LookedUp, Text: l.Name, Attrs: Attrs(KeyResult, l.Result, KeyRcode, l.Rcode,
		KeyAddresses, FormatAddresses(l.Addresses), KeyTook, took, KeyBy, l.By, KeyReason, l.Reason, KeyDNS, dns)}
}

// ParseAddresses reads a comma separated list; what is no address is passed over.
func ParseAddresses(s string) (out []netip.Addr) {
	for _, word := range list(s) {
		if a, err := netip.ParseAddr(word); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// FormatAddresses is the inverse of ParseAddresses.
func FormatAddresses(all []netip.Addr) string {
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = a.String()
	}
	return strings.Join(words, ",")
}

// Has tells that the lookup gave an address.
func (l *Lookup) Has(a netip.Addr) bool { return slices.Contains(l.Addresses, a.Unmap()) }
