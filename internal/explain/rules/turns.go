package rules

import (
	"net/netip"
	"slices"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// turn is an exchange with the connection that carried it.
type turn struct {
	c *flow.Conn
	x *flow.Exchange
}

// pair is who talks to whom: a client's address and a server's address and port.
type pair struct {
	client netip.Addr
	server netip.AddrPort
}

func pairOf(c *flow.Conn) pair { return pair{c.Client.Addr(), c.Server} }

// turns gives the exchanges whose start is known, those of each pair in the
// order in which they started; pairs come in the order of the trace.
func turns(conns []*flow.Conn) [][]turn {
	at := map[pair]int{}
	var out [][]turn
	for _, c := range conns {
		if !c.Client.IsValid() || !c.Server.IsValid() {
			continue
		}
		for _, x := range c.Exchanges {
			if x.Started.IsZero() {
				continue
			}
			n, known := at[pairOf(c)]
			if !known {
				n = len(out)
				at[pairOf(c)] = n
				out = append(out, nil)
			}
			out[n] = append(out[n], turn{c, x})
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b turn) int { return a.x.Started.Compare(b.x.Started) })
	}
	return out
}

// namedTurns bounds what a finding about many exchanges names: it is the number
// in its words that counts.
const namedTurns = 50

// nameTurns names the first of many turns in a finding.
func nameTurns(p *explain.Pass, f *explain.Finding, list []turn) {
	for _, t := range list[:min(len(list), namedTurns)] {
		p.Blame(f, t.c, t.x)
	}
}
