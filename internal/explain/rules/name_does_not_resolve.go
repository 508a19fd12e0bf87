package rules

import (
	"fmt"
	"slices"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var nameDoesNotResolve = explain.Rule{
	ID:       "name-does-not-resolve",
	Title:    "The name leads to no address",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "There was nothing to connect to: the name was looked up, and no address came of it. The server was never asked, and may be well.",
		Looks: "No SYN at all. The resolver answers NXDOMAIN (no such name), or without an address, or SERVFAIL, or not at all. curl ends with code 6, Chrome shows ERR_NAME_NOT_RESOLVED, nginx refuses to start with `host not found in upstream` or logs `could not be resolved`, HAProxy reports `could not resolve address`, Envoy writes the flag `DF`.",
		Why:   "The name is misspelt, its record is missing or was removed, or the line of the hosts file is. Or another resolver was asked than the one that knows the name: a VPN that is down, a container with a resolver of its own, a search suffix that is missing. Without any answer, the resolver is down or the way to it is blocked.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "On the machine that looks it up, ask as programs do, then the resolver itself, and compare:", "getent ahosts NAME", "resolvectl query NAME", "cat /etc/resolv.conf"),
			fix(explain.Client, "Windows", "The same there; the cache may hold the old answer:", "Resolve-DnsName NAME", "ipconfig /flushdns"),
			fix(explain.Client, "", "A name for tests needs a line in the hosts file of the machine that looks it up:", "127.0.0.1 NAME"),
			fix(explain.Network, "", "Add the record to the zone, or repair the resolver. Ask the zone's own server, to tell the two apart:", "dig +short NS ZONE", "dig NAME A @SERVER"),
			fix(explain.Gateway, "Fanlight", "Check the name in `to:`, or name an address there and the name for TLS:", "to: https://192.0.2.20:443", "tls: {name: NAME}"),
			fix(explain.Gateway, "nginx", "Names are looked up once, at the start. With a resolver and a variable they are looked up anew:", "resolver 192.0.2.53 valid=30s;", "set $origin NAME;", "proxy_pass https://$origin;"),
			fix(explain.Gateway, "HAProxy", "Start although the name is not known yet, and keep asking:", "resolvers local", "    nameserver dns1 192.0.2.53:53", "server app NAME:443 ssl verify required ca-file /etc/haproxy/ca.pem resolvers local init-addr last,libc,none"),
		},
		Confirm: "`getent ahosts NAME` on the machine that connects gives nothing. `curl --resolve NAME:443:ADDRESS https://NAME/` works, if you know the address.",
		LookAlikes: []explain.Alike{
			{ID: "port-closed", Difference: "there is an address, and it refuses"},
			{ID: "syn-unanswered", Difference: "there is an address, and it is silent"},
			{ID: "resolver-stall-5s", Difference: "the name is found in the end, late"},
			{ID: "a browser that tests its resolver", Difference: "three made-up names without a dot, at its start, that must not exist"},
			{ID: "a search suffix", Difference: "NXDOMAIN for the name with a suffix is ordinary where the name itself is found next"},
		},
		References: []string{"RFC 1035 section 4.1.1 (RCODE)", "RFC 2308 (no such name, no data)", "getaddrinfo(3)", "seen with glibc 2.36: both families are asked from one port; after SERVFAIL and REFUSED once more"},
	},
	Hides: []string{"no-usable-origin"},
	Check: checkNameDoesNotResolve,
}

// Titles where nothing is known of the name.
const (
	noResolverAnswered = "The name could not be looked up: no resolver answered"
	notLookedUp        = "The name could not be looked up"
)

func checkNameDoesNotResolve(p *explain.Pass) {
	for _, c := range p.Conns() {
		if unresolved(c) {
			f := notResolved(c)
			f.Fixes = forName(p.Fixes(), c.Lookup.Name)
			report(p, f, c, nil)
		}
	}
	checkSearches(p)
}

// forName gives fixes whose commands are about the name.
func forName(fixes []explain.Fix, name string) []explain.Fix {
	out := slices.Clone(fixes)
	for i := range out {
		out[i].Command = strings.ReplaceAll(out[i].Command, "NAME", name)
	}
	return out
}

// unresolved tells that c was never more than a lookup that gave no address.
func unresolved(c *flow.Conn) bool {
	return c.Lookup != nil && c.Lookup.Result != flow.ResultFound && c.Lookup.Result != "" &&
		find(c, 0, flow.Unknown, flow.SYN, flow.Established, flow.ClientHello) < 0
}

func notResolved(c *flow.Conn) explain.Finding {
	l := c.Lookup
	who := caller(c) + " looked up " + l.Name
	if c.Self == flow.Client && c.Parent != 0 {
		who += " for " + peer(c)
	}
	f := explain.Finding{Confidence: explain.Proof}
	switch l.Result {
	case flow.ResultNotFound:
		f.Cause = who + ", and was told that there is no such name, or that it has no address. Nothing was connected to."
	case flow.ResultTimeout:
		f.Title = noResolverAnswered
		f.Cause = who + ", and no resolver answered in time. Nothing was connected to. Whether the name exists is not known."
	default:
		f.Title = notLookedUp
		f.Cause = who + ", and the resolver could not tell. Nothing was connected to. Whether the name exists is not known."
	}
	f.Evidence = []explain.Evidence{explain.At(c, find(c, 0, flow.Unknown, flow.LookedUp), lookupWords(l))}
	return f
}

// lookupWords say what came of a lookup, in the resolver's words where there are
// any.
func lookupWords(l *flow.Lookup) string {
	text := fmt.Sprintf("lookup of %s: %s", l.Name, l.Result)
	switch {
	case l.Rcode != "":
		text += " (" + l.Rcode + ")"
	case l.Reason != "":
		text += " (" + l.Reason + ")"
	}
	if l.Timed {
		text += " after " + explain.Span(l.Took)
	}
	return text
}
