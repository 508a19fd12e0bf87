package rules

import (
	"fmt"
	"slices"
	"strings"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var proxyLoop = explain.Rule{
	ID:       "proxy-loop",
	Title:    "A proxy sends the request to itself",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The address that the proxy takes for the origin's is its own, or leads back to it by way of another proxy. Each round makes a new request, until something gives up: a limit of connections, of header size, or of patience.",
		Looks: "Many identical requests within milliseconds, each inside the other; X-Forwarded-For or Via grows by the same entry each time. The client gets 502, 504, 508, 431, or 400 once the header has grown too large. nginx logs `worker_connections are not enough`; in Apache all workers wait for each other, until one of them gives up with 502; the machine runs out of ports.",
		Why:   "The origin's name leads to the proxy, most often by a line in the hosts file that was made for the clients, or by public DNS. Or a request for an unknown host goes to a default site that passes on to that host.",
		Fixes: []explain.Fix{
			fix(explain.Gateway, "Fanlight", "The route leads to an address of the door itself, by its address or by a name. Name the origin's own address:", "to: https://10.0.0.5:8443", "host: keep"),
			fix(explain.Gateway, "nginx", "The same; and let unknown hosts go nowhere:", "proxy_pass https://10.0.0.5:8443;", "server { listen 443 ssl default_server; ssl_reject_handshake on; }"),
			fix(explain.Gateway, "Apache", "The same:", "ProxyPass / https://10.0.0.5:8443/"),
			fix(explain.Gateway, "", "Where does the name lead on the proxy's machine?", "getent hosts app.example", "Resolve-DnsName app.example"),
		},
		Confirm: "One request is enough: count it in the proxy's own access log. More than one line is a loop.",
		LookAlikes: []explain.Alike{
			{ID: "a chain of several proxies", Difference: "each has an address of its own, and the chain ends"},
			{ID: "a client that follows redirects in a circle", Difference: "the requests come one after the other, each with a complete 3xx answer"},
		},
		References: []string{"RFC 9110 section 7.6.3 (Via and loops)", "RFC 5842 section 7.2 (508)"},
	},
	Needs: needsHeaders(),
	Hides: []string{"gateway-timeout", "slow-origin", "client-gave-up", "origin-closed-without-answer", "keepalive-race", "request-header-too-large", "head-of-line-blocking"},
	Check: checkLoop,
}

func checkLoop(p *explain.Pass) {
	loops := map[string]*explain.Finding{} // by what was asked for: all rounds are one finding
	var order []string
	for _, c := range p.Conns() {
		for _, x := range c.Exchanges {
			evidence, proven := loopedTo(p, c, x), true
			if evidence == nil {
				evidence, proven = loopedBy(c, x), false
			}
			if evidence == nil {
				continue
			}
			key := x.Method + " " + x.Host + x.Target
			f := loops[key]
			if f == nil {
				f = &explain.Finding{}
				loops[key] = f
				order = append(order, key)
			}
			tellLoop(f, c, x, evidence, proven)
			addChain(p, f, x)
		}
	}
	for _, key := range order {
		p.Report(*loops[key])
	}
}

// tellLoop puts into words what x shows, if it shows more than what is known.
func tellLoop(f *explain.Finding, c *flow.Conn, x *flow.Exchange, evidence []explain.Evidence, proven bool) {
	switch {
	case proven && f.Confidence != explain.Proof:
		f.Confidence, f.Evidence = explain.Proof, evidence
		f.Cause = fmt.Sprintf("The proxy at %s passed %s on to its own address.", c.Server, asked(x))
	case f.Evidence == nil:
		f.Confidence, f.Evidence = explain.Likely, evidence
		f.Cause = fmt.Sprintf("%s came to %s again and again: a proxy on the way sends it to where it came from.", asked(x), c.Server)
	}
}

// addChain names all exchanges that x was made for and that were made for it.
func addChain(p *explain.Pass, f *explain.Finding, x *flow.Exchange) {
	c := p.Conn(x.Conn)
	if c == nil || slices.Contains(f.Exchanges, x.ID) {
		return
	}
	f.Exchanges = append(f.Exchanges, x.ID)
	if !slices.Contains(f.Conns, c.ID) {
		f.Conns = append(f.Conns, c.ID)
	}
	if front := p.Exchange(x.Parent); x.Parent != 0 && front != nil {
		addChain(p, f, front)
	}
	for _, y := range p.Behind(x.ID) {
		addChain(p, f, y)
	}
	if y := otherEnd(p, c, x); y != nil {
		addChain(p, f, y)
	}
}

// otherEnd is x once more, as the other end of its connection recorded it, where
// both ends are ours; or nil.
func otherEnd(p *explain.Pass, c *flow.Conn, x *flow.Exchange) *flow.Exchange {
	n := slices.Index(c.Exchanges, x)
	for _, d := range p.Trace.Conns {
		if d != c && d.Self == c.Self.Other() && d.Self != flow.Unknown && d.Client == c.Client && d.Server == c.Server && n < len(d.Exchanges) {
			return d.Exchanges[n]
		}
	}
	return nil
}

// loopedTo is the evidence that x was passed on to the very address it had
// come to.
func loopedTo(p *explain.Pass, c *flow.Conn, x *flow.Exchange) []explain.Evidence {
	for _, y := range p.Behind(x.ID) {
		d := p.Conn(y.Conn)
		if d == nil || d.Server != c.Server || !c.Server.IsValid() || !surelyFor(y) {
			continue
		}
		return []explain.Evidence{explain.At(c, findOf(c, x, flow.Request), asked(x)+" came to "+c.Server.String()),
			explain.At(d, findOf(d, y, flow.Request), "and was passed on to "+d.Server.String())}
	}
	return nil
}

// surelyFor tells that x was made for its parent beyond doubt. Two clients of
// one server look like a loop to whoever joins by address, above all on one
// machine.
func surelyFor(x *flow.Exchange) bool {
	return x.Joined == "" || strings.HasPrefix(x.Joined, "proof")
}

// loopedBy is the evidence of what proxies add to a request each time: the
// same entry three times or more. Two can be two workers of one proxy.
func loopedBy(c *flow.Conn, x *flow.Exchange) []explain.Evidence {
	for _, name := range []string{"Via", "Forwarded", "X-Forwarded-For"} {
		entry, n := mostOften(x.RequestHeader, name)
		if n < 3 || name != "Via" && x.Status != 508 && !failedLate(x) {
			continue
		}
		return []explain.Evidence{explain.At(c, findOf(c, x, flow.Request), fmt.Sprintf("%s has %q %d times", name, entry, n))}
	}
	return nil
}

// failedLate tells that x ended as a loop does.
func failedLate(x *flow.Exchange) bool {
	return x.Status == 502 || x.Status == 504 || x.Status == 431 || x.Status == 400
}

// mostOften is the entry of a list that occurs most often in it.
func mostOften(fields []flow.Field, name string) (entry string, n int) {
	counts := map[string]int{}
	for _, f := range fields {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		for part := range strings.SplitSeq(f.Value, ",") {
			part = strings.TrimSpace(part)
			if part == "" {
				continue
			}
			if counts[part]++; counts[part] > n {
				entry, n = part, counts[part]
			}
		}
	}
	return entry, n
}
