package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var hostsEntryBypassed = explain.Rule{
	ID:       "hosts-entry-bypassed",
	Title:    "The hosts file has the name, and the client went elsewhere",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "The hosts file gives the name an address, mostly of this machine, and the connection went to another: you look at another server than you think, often at the real one.",
		Looks: "A connection with the name in its TLS handshake or Host to an address that is not in the hosts file; or the name in a CONNECT to a proxy, which looks it up itself. Changes on the test server show no effect; the certificate is that of production. A capture does not show the hosts file: name it with `--hosts`; `capture` and `probe` read that of the machine they run on.",
		Why:   "The program uses a proxy (setting, environment variable, PAC file, a company's agent); a browser asks DNS over HTTPS and not the system; a kept connection or a cached answer is older than the line; the line is in hosts.txt, in another machine's or another container's file (WSL, Docker), or misspelt; nsswitch.conf does not name `files`.",
		Fixes: []explain.Fix{
			fix(explain.Client, "", "With a proxy: leave the name out of it.", "export no_proxy=NAME,localhost,127.0.0.1"),
			fix(explain.Client, "Windows", "The same, and forget what is cached:", "netsh winhttp show proxy", "ipconfig /flushdns"),
			fix(explain.Client, "Chrome", "Turn off secure DNS (chrome://settings/security), close kept connections (chrome://net-internals/#sockets), or give the address by hand:", `google-chrome --host-resolver-rules="MAP NAME 127.0.0.1"`),
			fix(explain.Client, "Linux", "See what programs get, and from where:", "getent ahosts NAME", "grep ^hosts /etc/nsswitch.conf", "grep NAME /etc/hosts"),
			fix(explain.Client, "containers", "A container has a hosts file of its own:", "docker run --add-host NAME:host-gateway ..."),
		},
		Confirm: "`curl -sv --noproxy '*' https://NAME/` prints the address of the hosts file behind `Trying`; the program in question does not go there: `ss -tnp` shows where it does.",
		LookAlikes: []explain.Alike{
			{ID: "hosts-family-leak", Difference: "the line is IPv4, and the connection IPv6"},
			{ID: "a gateway's own connection", Difference: "the client did follow the hosts file; the gateway asks the real server for it"},
			{ID: "stale-origin-address", Difference: "it is DNS that has another address"},
		},
		References: []string{"hosts(5)", "nsswitch.conf(5)", "RFC 9110 section 9.3.6 (CONNECT: the proxy connects to the name)", "seen with curl 7.88 through a proxy"},
	},
	Hides: []string{"stale-origin-address", "certificate-name-mismatch", "default-certificate-served", "private-ca-not-trusted-here", "port-closed", "syn-unanswered"},
	Check: checkHostsBypassed,
}

func checkHostsBypassed(p *explain.Pass) {
	entries := hostsEntries(p)
	if len(entries) == 0 {
		return
	}
	all := searches(p)
	told := map[string]bool{}
	for _, e := range strayed(p, entries) {
		key := e.name + " " + e.c.Server.String()
		if told[key] || onlyIPv4(e.lines) && e.c.Server.Addr().Is6() && !e.proxy {
			continue
		}
		told[key] = true
		f := e.finding(p, all)
		if f.Confidence == explain.Possible {
			p.ReportAs(explain.Note, f)
			continue
		}
		p.Report(f)
	}
}

func (e *elsewhere) finding(p *explain.Pass, all []*search) explain.Finding {
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause:      fmt.Sprintf("The hosts file has an address for %s, and %s went to %s.", e.name, caller(e.c), e.c.Server),
		Fixes:      forName(p.Fixes(), e.name),
		Evidence:   []explain.Evidence{hostsLines(e.name, e.lines), explain.At(e.c, e.seenAt(), "a connection for "+e.name+" to "+e.c.Server.String())},
	}
	m, asked := e.askedDNS(all)
	if asked {
		f.Evidence = append(f.Evidence, explain.At(m.c, m.i, "DNS was asked, and gave that address"))
	}
	switch {
	case e.proxy:
		f.Confidence = explain.Proof
		f.Cause = fmt.Sprintf("The hosts file has an address for %s, but %s asked the proxy %s for it, which looks the name up itself.", e.name, caller(e.c), e.c.Server)
	case e.c.Self == flow.Client:
	case asked:
		f.Missing = []string{"that the line was in the hosts file then"}
	default:
		f.Confidence = explain.Possible
		f.Missing = []string{"that the client is the machine with that hosts file, and had the line then"}
	}
	p.Blame(&f, e.c, nil)
	return f
}
