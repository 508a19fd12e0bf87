package explain

import (
	"slices"
	"strings"

	"fanlight/internal/flow"
)

// Pass is one rule's run over one trace.
type Pass struct {
	Trace *flow.Trace

	rule     *Rule
	index    *index
	findings []Finding
}

// index saves the rules from searching the trace for every question.
type index struct {
	conns    map[flow.ConnID]*flow.Conn
	xs       map[flow.ExchangeID]*flow.Exchange
	children map[flow.ConnID][]*flow.Conn
	behind   map[flow.ExchangeID][]*flow.Exchange
}

func newIndex(t *flow.Trace) *index {
	ix := &index{
		conns:    map[flow.ConnID]*flow.Conn{},
		xs:       map[flow.ExchangeID]*flow.Exchange{},
		children: map[flow.ConnID][]*flow.Conn{},
		behind:   map[flow.ExchangeID][]*flow.Exchange{},
	}
	for _, c := range t.Conns {
		ix.conns[c.ID] = c
		if c.Parent != 0 {
			ix.children[c.Parent] = append(ix.children[c.Parent], c)
		}
		for _, x := range c.Exchanges {
			ix.xs[x.ID] = x
			if x.Parent != 0 {
				ix.behind[x.Parent] = append(ix.behind[x.Parent], x)
			}
		}
	}
	return ix
}

// Conn finds a connection by id, nil if the trace has none.
func (p *Pass) Conn(id flow.ConnID) *flow.Conn { return p.index.conns[id] }

// Exchange finds an exchange by id, nil if the trace has none.
func (p *Pass) Exchange(id flow.ExchangeID) *flow.Exchange { return p.index.xs[id] }

// Children are the origin connections made for a client connection.
func (p *Pass) Children(id flow.ConnID) []*flow.Conn { return p.index.children[id] }

// Behind are the origin exchanges made for a client exchange, tries in order.
func (p *Pass) Behind(id flow.ExchangeID) []*flow.Exchange { return p.index.behind[id] }

// Front is the client connection and exchange that suffered from what happened
// on c, and within it on x, which may be nil: an origin connection that failed
// before it carried a request is charged to the client exchange that was
// waiting at the time. Both are nil if c was made for nobody the trace knows.
func (p *Pass) Front(c *flow.Conn, x *flow.Exchange) (*flow.Conn, *flow.Exchange) {
	if x != nil && x.Parent != 0 {
		if front := p.index.xs[x.Parent]; front != nil {
			return p.index.conns[front.Conn], front
		}
	}
	parent := p.index.conns[c.Parent]
	if c.Parent == 0 || parent == nil {
		return nil, nil
	}
	return parent, waiting(parent, c)
}

// waiting finds the exchange on parent that was open when c was started.
func waiting(parent, c *flow.Conn) *flow.Exchange {
	if len(parent.Exchanges) == 1 {
		return parent.Exchanges[0]
	}
	for _, x := range slices.Backward(parent.Exchanges) {
		if x.Started.IsZero() || c.Started.IsZero() || x.Started.After(c.Started) {
			continue
		}
		if x.Ended.IsZero() || !x.Ended.Before(c.Started) {
			return x
		}
	}
	return nil
}

// Conns gives the connections on which the rule's needs are met. For the
// others it says what is missing, where the need wants that.
func (p *Pass) Conns() []*flow.Conn {
	if len(p.rule.Needs) == 0 {
		return p.Trace.Conns
	}
	var out []*flow.Conn
	for _, c := range p.Trace.Conns {
		if p.meets(c) {
			out = append(out, c)
		}
	}
	return out
}

func (p *Pass) meets(c *flow.Conn) bool {
	for _, n := range p.rule.Needs {
		if n.Met(c) {
			continue
		}
		if n.Wanted != nil && n.Wanted(c) {
			p.CannotTell(c.ID, n.What)
		}
		return false
	}
	return true
}

// Blame names c and x in the finding, and the client connection and exchange
// that suffered. x may be nil.
func (p *Pass) Blame(f *Finding, c *flow.Conn, x *flow.Exchange) {
	if front, fx := p.Front(c, x); front != nil {
		f.addConn(front.ID)
		f.addExchange(fx)
	}
	f.addConn(c.ID)
	f.addExchange(x)
}

func (f *Finding) addConn(id flow.ConnID) {
	if !slices.Contains(f.Conns, id) {
		f.Conns = append(f.Conns, id)
	}
}

func (f *Finding) addExchange(x *flow.Exchange) {
	if x != nil && !slices.Contains(f.Exchanges, x.ID) {
		f.Exchanges = append(f.Exchanges, x.ID)
	}
}

// Fixes are those of the rule's catalogue page.
func (p *Pass) Fixes() []Fix { return p.rule.Doc.Fixes }

// Report adds a finding. Id, title, severity and fixes are the rule's where
// the finding leaves them empty, and the cause begins with a capital.
func (p *Pass) Report(f Finding) { p.ReportAs(p.rule.Severity, f) }

// ReportAs is Report with a severity of its own. What rests on silence is
// weighed by what the capture could have missed.
func (p *Pass) ReportAs(s Severity, f Finding) {
	if !f.Undecided && !p.weigh(&f) {
		return
	}
	f.ID, f.Severity = p.rule.ID, s
	if f.Title == "" {
		f.Title = p.rule.Title
	}
	f.Cause = capital(f.Cause)
	if f.Fixes == nil {
		f.Fixes = p.rule.Doc.Fixes
	}
	p.findings = append(p.findings, f)
}

// capital begins a sentence that may start with a name of something.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// CannotTell says that the rule suspects conn but lacks facts, and what would
// supply them.
func (p *Pass) CannotTell(conn flow.ConnID, what string) {
	p.ReportAs(Note, Finding{
		Cause:     "Cannot tell: needs " + what,
		Fixes:     []Fix{},
		Conns:     []flow.ConnID{conn},
		Missing:   []string{what},
		Undecided: true,
	})
}
