package rules

import (
	"fmt"
	"net/netip"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var oneBadAddressOfMany = explain.Rule{
	ID:       "one-bad-address-of-many",
	Title:    "One of several addresses behind the name fails, the others work",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The name leads to several addresses. Connections to one of them fail, those to the others succeed. Who gets which is chance, so that the trouble comes and goes.",
		Looks: "Failures now and then, for everybody, that a reload repairs. Grouped by server address they all lie on one. nginx logs `upstream` with always the same address; HAProxy shows that server as DOWN, or retries (`redispatch`).",
		Why:   "A broken or half-deployed node, another certificate or version there, a firewall rule that one node lacks, a DNS record of a machine that is gone.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Repair that node, or take its address out of DNS or of the load balancer until it works."),
			fix(explain.Gateway, "HAProxy", "Check each server with the real name, and leave out those that fail:", "option httpchk", "http-check send meth GET uri /health hdr Host app.example", "server a 192.0.2.20:443 ssl verify required ca-file ca.pem sni str(app.example) check check-sni app.example"),
			fix(explain.Gateway, "nginx", "Leave out a server after failures:", "server 192.0.2.20:443 max_fails=2 fail_timeout=30s;"),
			fix(explain.Gateway, "Fanlight", "Name the addresses that work in the route until then:", "to: [https://192.0.2.21:443, https://192.0.2.22:443]"),
			fix(explain.Client, "curl", "Try one address after the other:", "curl -v --resolve NAME:443:ADDRESS https://NAME/"),
		},
		Confirm: "`curl -v --resolve NAME:443:ADDRESS https://NAME/`, once for each address of `dig +short NAME A NAME AAAA`: one fails, always.",
		LookAlikes: []explain.Alike{
			{ID: "port-closed", Difference: "all addresses refuse, or there is one only. A capture knows the name only of connections that got as far as a ClientHello or request"},
			{ID: "v6-blackhole-fallback", Difference: "all addresses of one family fail"},
			{ID: "loss-limited-transfer", Difference: "failures are spread over all addresses"},
		},
		References: []string{"RFC 8305 (several addresses of a name)", "HAProxy configuration manual, health checks"},
	},
	Hides: []string{"port-closed", "syn-unanswered", "address-unreachable", "accepted-but-silent", "origin-closed-without-answer",
		"origin-handshake-failed", "no-certificate-for-binding", "client-gave-up", "no-usable-origin", "gateway-timeout"},
	Check: checkOneBadAddress,
}

// tally is how connections to one address fared.
type tally struct {
	failed, worked []*flow.Conn
}

// addressTries is often enough, on the bad address and on the others, not to
// be chance.
const addressTries = 3

func checkOneBadAddress(p *explain.Pass) {
	names := map[string]map[netip.AddrPort]*tally{}
	var order []string
	for _, c := range p.Conns() {
		name := triedName(c)
		if name == "" || c.Self == flow.Server || !c.Server.IsValid() || !c.Close.Ended && len(c.Exchanges) == 0 {
			continue
		}
		if names[name] == nil {
			names[name] = map[netip.AddrPort]*tally{}
			order = append(order, name)
		}
		t := names[name][c.Server]
		if t == nil {
			t = &tally{}
			names[name][c.Server] = t
		}
		t.count(c)
	}
	for _, name := range order {
		checkAddresses(p, name, names[name])
	}
}

// triedName is the name that c was made for, as far as its record says.
func triedName(c *flow.Conn) string {
	switch {
	case c.Origin != "":
		return c.Origin
	case c.TLS != nil && c.TLS.SNI != "":
		return strings.ToLower(c.TLS.SNI)
	case len(c.Exchanges) > 0:
		return strings.ToLower(c.Exchanges[0].Host)
	}
	return ""
}

func (t *tally) count(c *flow.Conn) {
	failed := find(c, 0, flow.Unknown, flow.ConnectFailed, flow.TLSFailed) >= 0 || findText(c, flow.Unknown, flow.Timeout, "connect", "tls", "first-byte") >= 0
	worked := false
	for _, x := range c.Exchanges {
		failed = failed || unanswered(c, x) || x.Status >= 500 && x.Status < 505
		worked = worked || x.Status > 0 && x.Status < 500
	}
	silent := len(c.Exchanges) == 0 && c.TLS != nil && c.TLS.Done != flow.Yes && c.Close.Ended
	switch {
	case failed || silent:
		t.failed = append(t.failed, c)
	case worked || len(c.Exchanges) == 0 && c.TLS != nil && c.TLS.Done == flow.Yes:
		t.worked = append(t.worked, c)
	}
}

func checkAddresses(p *explain.Pass, name string, at map[netip.AddrPort]*tally) {
	var bad *tally
	good := 0
	for _, t := range at {
		switch {
		case len(t.worked) == 0 && len(t.failed) >= addressTries && bad == nil:
			bad = t
		case len(t.failed) == 0:
			good += len(t.worked)
		default:
			return // failures are not tied to one address
		}
	}
	if bad == nil || good < addressTries {
		return
	}
	first := bad.failed[0]
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause: fmt.Sprintf("All %d connections for %s to %s failed; all %d to its other addresses worked.",
			len(bad.failed), name, first.Server, good),
	}
	for i, c := range bad.failed[:min(len(bad.failed), namedTurns)] {
		if i < 3 {
			f.Evidence = append(f.Evidence, explain.At(c, failureOf(c), "failed at "+c.Server.String()))
		}
		p.Blame(&f, c, nil)
		for _, x := range c.Exchanges {
			p.Blame(&f, c, x)
		}
	}
	p.Report(f)
}

// failureOf is the event that shows how c failed, or -1.
func failureOf(c *flow.Conn) int {
	if i := find(c, 0, flow.Unknown, flow.ConnectFailed, flow.TLSFailed, flow.Timeout); i >= 0 {
		return i
	}
	for _, x := range c.Exchanges {
		if x.Status >= 500 {
			return findOf(c, x, flow.Response)
		}
	}
	return closing(c)
}
