package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var resolverStall = explain.Rule{
	ID:       "resolver-stall-5s",
	Title:    "Looking up the name waits for an answer that never comes",
	Severity: explain.Warning,
	Doc: explain.Page{
		Means: "A query for the name got no answer. The resolver waited out its timeout, mostly 5 seconds, and asked again; only then could the connection begin. The site itself is quick.",
		Looks: "The same query twice, 5 s apart (glibc and Go; `options timeout:` in resolv.conf sets it), or once more to the next name server; the connection begins right behind the late answer. `curl -w '%{time_namelookup}'` prints 5 or 10 now and then. For the user the site is slow at the first click, sometimes.",
		Why:   "The first name server of the list is down; a firewall, NAT or connection tracking drops one of the two queries (A and AAAA) that glibc sends from one port at the same moment; a name server that ignores AAAA; packets are lost.",
		Fixes: []explain.Fix{
			fix(explain.Client, "Linux", "Which name server does not answer? Ask each, in both families; then take it out of the list:", "cat /etc/resolv.conf", "dig @SERVER NAME A +tries=1 +time=2", "dig @SERVER NAME AAAA +tries=1 +time=2"),
			fix(explain.Client, "glibc", "If one of two queries at the same moment is lost, send them from two ports; and wait less (in resolv.conf):", "options single-request-reopen timeout:1"),
			fix(explain.Client, "Linux", "Or ask a cache on the machine itself, such as systemd-resolved or dnsmasq, so that few lookups leave it."),
			fix(explain.Network, "", "Let UDP port 53 pass in both directions, both families of records alike. In a cluster on Linux, look for lost races of connection tracking (insert_failed):", "conntrack -S"),
			fix(explain.Gateway, "nginx", "Name two name servers that answer; nginx asks them in turn:", "resolver 10.0.0.2 10.0.0.3 valid=30s; resolver_timeout 2s;"),
		},
		Confirm: "`curl -so /dev/null -w '%{time_namelookup}\\n' URL`, ten times: some take 5 s (or what timeout: says) more than the others. With the address (`--resolve NAME:443:ADDRESS`) none does.",
		LookAlikes: []explain.Alike{
			{ID: "name-does-not-resolve", Difference: "no answer ever comes, and no connection"},
			{ID: "v6-blackhole-fallback", Difference: "the names are resolved at once; it is the SYN that gets no answer"},
			{ID: "a name server that is slow", Difference: "each query is answered, late, before it is sent again"},
		},
		References: []string{"resolv.conf(5) (timeout, single-request-reopen)", "seen with glibc 2.36: where one of the pair gets no answer both are sent again after 5.0 s from the same port, then one after the other", "Go, net/dnsconfig.go (5 seconds)"},
	},
	Check: checkResolverStall,
}

// stallLeast is the shortest wait that is told: resolvers wait a second at
// least before they ask again.
const stallLeast = 900 * time.Millisecond

// stall is a search that waited.
type stall struct {
	*search
	waits []wait
	total time.Duration
	led   []*flow.Conn
}

// wait is the time from a query without an answer to what was done then.
type wait struct {
	from said
	to   said // the same query again; c is nil: the resolver did without
	d    time.Duration
}

func checkResolverStall(p *explain.Pass) {
	by := map[string][]stall{}
	var order []string
	for _, s := range searches(p) {
		st := stall{search: s, led: s.ledTo(p)}
		if st.measure(); st.total < stallLeast || len(s.found) == 0 {
			continue
		}
		who := st.asker()
		if by[who] == nil {
			order = append(order, who)
		}
		by[who] = append(by[who], st)
	}
	for _, who := range order {
		reportStalls(p, who, by[who])
	}
	for _, c := range p.Conns() {
		if l := c.Lookup; l != nil && l.DNS == 0 && l.Result == flow.ResultFound && owners(l.Took, lookup) != "" {
			reportOwnStall(p, c)
		}
	}
}

// measure finds the waits, of which those at the same time count once.
func (s *stall) measure() {
	var until time.Time
	for i, m := range s.said {
		if !m.isQuery() {
			continue
		}
		w := s.waitAfter(i)
		if w.d < stallLeast {
			continue
		}
		end := m.at().Add(w.d)
		begin := m.at()
		if begin.Before(until) {
			begin = until
		}
		if d := end.Sub(begin); d > searchPause {
			s.total, until = s.total+d, end
			s.waits = append(s.waits, w)
		}
	}
}

// waitAfter is how long query i was waited for in vain, zero if it was
// answered.
func (s *stall) waitAfter(i int) wait {
	q := s.said[i]
	for _, m := range s.said[i+1:] {
		switch {
		case m.kind() != q.kind():
		case m.isQuery():
			return wait{q, m, m.at().Sub(q.at())}
		default:
			return wait{}
		}
	}
	if len(s.led) > 0 {
		return wait{q, said{}, s.led[0].Started.Sub(q.at())}
	}
	return wait{}
}

func reportStalls(p *explain.Pass, who string, all []stall) {
	first := all[0]
	w := first.waits[0]
	f := explain.Finding{Confidence: explain.Proof}
	f.Cause = fmt.Sprintf("Looking up %s took %s longer than it had to: %s asked %s for its %s address and got no answer; after %s %s.",
		first.name, explain.Span(first.total), who, w.from.c.Server, family(w.from.kind()), explain.Span(w.d), then(w))
	if len(all) > 1 {
		f.Cause = fmt.Sprintf("%d lookups took %s longer than they had to: %s asked %s and got no answer, waited, and asked again or gave up.",
			len(all), explain.Span(totalOf(all)), who, strings.Join(silentServers(all), ", "))
	}
	for _, s := range all[:min(len(all), 3)] {
		f.Evidence = append(f.Evidence, s.evidence()...)
	}
	f.Evidence = append(f.Evidence, timerNote(w.d, lookup)...)
	for _, s := range all {
		blameSearch(p, &f, s.search)
		for _, c := range s.led {
			if len(f.Conns) < namedTurns {
				p.Blame(&f, c, nil)
			}
		}
	}
	p.Report(f)
}

func (s *stall) evidence() (out []explain.Evidence) {
	for _, w := range s.waits[:min(len(s.waits), 3)] {
		out = append(out, explain.At(w.from.c, w.from.i, fmt.Sprintf("query for %s %s to %s, no answer", s.name, w.from.kind(), w.from.c.Server)))
		if w.to.c != nil {
			again := "asked again after " + explain.Span(w.d)
			if w.to.c.Server != w.from.c.Server {
				again += ", of " + w.to.c.Server.String()
			}
			out = append(out, explain.At(w.to.c, w.to.i, again))
		}
	}
	if len(s.led) > 0 {
		c := s.led[0]
		return append(out, explain.At(c, find(c, 0, flow.Unknown, flow.SYN), fmt.Sprintf("only now the connection begins, %s after the first query", explain.Span(c.Started.Sub(s.began())))))
	}
	return out
}

// then says what was done after a wait.
func then(w wait) string {
	switch {
	case w.to.c == nil:
		return "it did without"
	case w.to.c.Server != w.from.c.Server:
		return "it asked another name server, " + w.to.c.Server.String()
	}
	return "it asked again"
}

func family(kind string) string {
	if kind == "AAAA" {
		return "IPv6"
	}
	return "IPv4"
}

func totalOf(all []stall) (d time.Duration) {
	for _, s := range all {
		d += s.total
	}
	return d
}

func silentServers(all []stall) (out []string) {
	for _, s := range all {
		for _, w := range s.waits {
			if server := w.from.c.Server.String(); !slices.Contains(out, server) {
				out = append(out, server)
			}
		}
	}
	return out
}

// reportOwnStall tells of a lookup of which only the time is known.
func reportOwnStall(p *explain.Pass, c *flow.Conn) {
	l := c.Lookup
	f := explain.Finding{
		Confidence: explain.Likely,
		Cause:      fmt.Sprintf("%s waited %s for the address of %s before it could connect, as long as a resolver waits before it asks again.", caller(c), explain.Span(l.Took), l.Name),
		Evidence:   append([]explain.Evidence{explain.At(c, find(c, 0, flow.Unknown, flow.LookedUp), "the lookup took "+explain.Span(l.Took))}, timerNote(l.Took, lookup)...),
		Missing:    []string{"a capture of port 53 on this machine: `fanlight capture --port 53 --port 443`"},
	}
	report(p, f, c, nil)
}
