package rules

import (
	"fmt"
	"net/netip"
	"slices"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var hostsFamilyLeak = explain.Rule{
	ID:       "hosts-family-leak",
	Title:    "The name is given an IPv4 address here, and IPv6 leads elsewhere",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The name was mapped to a local address, in IPv4 only. The resolver asks DNS for the IPv6 address all the same, gets that of the real server, and clients take IPv6 first.",
		Looks: "Asked for A, a local cache answers 127.0.0.x at once; asked for AAAA, DNS answers with a public address, and the connection goes there. The certificate is that of production. On some machines it works: those without IPv6.",
		Why:   "A line for IPv4 and none for IPv6. dnsmasq passes AAAA on for a name of which its hosts file has only IPv4 (seen with 2.90). glibc, asked for both families, stops at the hosts file; asked for IPv6 alone, as by Python for an IPv6 socket, it goes on to DNS (both seen with 2.36). The resolvers of Windows and macOS are said to look at each family by itself.",
		Fixes: []explain.Fix{
			fix(explain.Client, "hosts", "Give the name both families:", "127.0.0.1 NAME", "::1 NAME"),
			fix(explain.Client, "Fanlight", "Have the site listen on an IPv6 address as well, if the client is to use it; `dev` writes what it serves."),
			fix(explain.Network, "dnsmasq", "Answer for the name and all below it, and pass nothing on:", "address=/NAME/127.0.0.1", "local=/NAME/"),
			fix(explain.Client, "curl", "To prove it, take IPv4:", "curl -4v https://NAME/"),
		},
		Confirm: "`getent ahostsv6 NAME`, or `Resolve-DnsName NAME -Type AAAA`, prints an address that you did not give it.",
		LookAlikes: []explain.Alike{
			{ID: "hosts-entry-bypassed", Difference: "the connection goes to another IPv4 address, or to a proxy"},
			{ID: "loopback-family-mismatch", Difference: "both addresses are of this machine, and one is not listened on"},
			{ID: "v6-blackhole-fallback", Difference: "the IPv6 address is the right server's, and silent"},
		},
		References: []string{"RFC 6724 section 2.1 (IPv6 before IPv4)", "hosts(5)", "dnsmasq(8) (addn-hosts, address, local)"},
	},
	Hides: []string{"hosts-entry-bypassed", "stale-origin-address", "certificate-name-mismatch", "default-certificate-served", "private-ca-not-trusted-here", "v6-blackhole-fallback", "syn-unanswered", "port-closed"},
	Check: checkHostsFamilyLeak,
}

func checkHostsFamilyLeak(p *explain.Pass) {
	all := searches(p)
	told := map[string]bool{}
	for _, l := range append(leaksOfFile(p, all), leaksOfCache(p, all)...) {
		if key := l.name + " " + l.c.Server.String(); !told[key] {
			told[key] = true
			p.Report(l.finding(p))
		}
	}
}

// leak is a connection over IPv6 for a name that is local in IPv4.
type leak struct {
	elsewhere
	evidence []explain.Evidence
	sure     explain.Confidence
}

func (l *leak) finding(p *explain.Pass) explain.Finding {
	f := explain.Finding{
		Confidence: l.sure,
		Cause:      fmt.Sprintf("Here %s is %s, but only in IPv4: %s went to %s.", l.name, l.lines[0], caller(l.c), l.c.Server),
		Fixes:      forName(p.Fixes(), l.name),
		Evidence:   append(l.evidence, explain.At(l.c, l.seenAt(), "a connection for "+l.name+" to "+l.c.Server.String())),
	}
	p.Blame(&f, l.c, nil)
	return f
}

// leaksOfFile are those where the hosts file has the name.
func leaksOfFile(p *explain.Pass, all []*search) (out []leak) {
	for _, e := range strayed(p, hostsEntries(p)) {
		if !onlyIPv4(e.lines) || !e.c.Server.Addr().Is6() || e.proxy {
			continue
		}
		l := leak{e, []explain.Evidence{hostsLines(e.name, e.lines)}, explain.Likely}
		if m, ok := e.askedDNS(all); ok {
			l.evidence, l.sure = append(l.evidence, explain.At(m.c, m.i, answerWords(m))), explain.Proof
		}
		out = append(out, l)
	}
	return out
}

// leaksOfCache are those where a resolver answers for one family from what it
// was given, and asks DNS for the other.
func leaksOfCache(p *explain.Pass, all []*search) (out []leak) {
	for _, s := range all {
		local, global := halves(s)
		if local == nil || global == nil {
			continue
		}
		for _, c := range p.Conns() {
			if c.Parent == 0 && slices.Contains(global.addresses, c.Server.Addr().Unmap()) && slices.Contains(namesOf(c), s.name) && !c.Started.Before(global.at()) {
				out = append(out, leak{elsewhere{c: c, name: s.name, lines: local.addresses}, []explain.Evidence{
					explain.At(local.c, local.i, answerWords(local.said)), explain.At(global.c, global.i, answerWords(global.said))}, explain.Likely})
			}
		}
	}
	return out
}

// half is an answer of one family.
type half struct {
	said
	addresses []netip.Addr
}

// halves are the answer of s that gives the name an address of this machine, in
// IPv4, and the one that gives it others, in IPv6; nil where there is none.
func halves(s *search) (local, global *half) {
	for _, m := range s.said {
		addresses := flow.ParseAddresses(m.event().Attr(flow.KeyAddresses))
		switch {
		case m.isQuery() || len(addresses) == 0:
		case m.kind() == "A" && !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !a.IsLoopback() }):
			local = &half{m, addresses}
		case m.kind() == "AAAA" && !slices.ContainsFunc(addresses, netip.Addr.IsLoopback):
			global = &half{m, addresses}
		}
	}
	return local, global
}
