package compare

import (
	"slices"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// unit is what is compared: an exchange, or a connection as a whole.
type unit struct {
	conn     *flow.Conn
	at       *places
	x        *flow.Exchange // nil: the connection
	leg      leg
	position position // in a sign-in
	step     bool     // a challenge that the client went on to answer
	facts    []fact
	heads    map[string]int      // header blocks that were observed, with their event
	names    map[string][]string // of the fields of each block, in their order
	request  string              // method and shape of the target

	findings []int // indexes of the side's findings that name it
	failed   bool
	failure  int // index of the event that shows the failure; behind the last if none does
}

// leg tells the two legs of a proxy apart where a trace has both.
type leg uint8

const (
	alone leg = iota
	front     // a client's connection, with others made for it
	back      // made for a client's connection
)

// side is one of the two sets.
type side struct {
	conns, exchanges []*unit
	findings         []explain.Finding
	names            names
	leftOut          int // connections and exchanges beyond the limits
}

// limits of what is compared of a side, so that a large trace costs no more
// than a known amount.
const (
	maxConns     = 20_000
	maxExchanges = 50_000
)

// usualFacts is how many facts most units have.
const usualFacts = 24

func newSide(rules []explain.Rule, t *flow.Trace) *side {
	s := &side{findings: explain.Run(rules, t), names: names{}}
	parents := map[flow.ConnID]bool{}
	for _, c := range t.Conns {
		parents[c.Parent] = true
	}
	s.leftOut = max(len(t.Conns)-maxConns, 0)
	for _, c := range t.Conns[:len(t.Conns)-s.leftOut] {
		l := alone
		switch {
		case c.Parent != 0:
			l = back
		case parents[c.ID]:
			l = front
		}
		s.read(c, l)
	}
	s.judge()
	return s
}

func (s *side) read(c *flow.Conn, l leg) {
	at := placesOf(c)
	u := &unit{conn: c, at: at, leg: l, facts: make([]fact, 0, usualFacts)}
	u.readConn()
	s.conns = append(s.conns, u)
	signIn := signInOf(c)
	for i, x := range c.Exchanges {
		if len(s.exchanges) == maxExchanges {
			s.leftOut += len(c.Exchanges) - i
			return
		}
		xu := &unit{conn: c, at: at, x: x, leg: l, position: signIn[i], heads: map[string]int{}, names: map[string][]string{}, facts: make([]fact, 0, usualFacts)}
		xu.request = x.Method + " " + shape(x.Target)
		xu.step = x.Status == 401 && i+1 < len(c.Exchanges) && signIn[i+1] > signIn[i]
		xu.readExchange(i, s.names)
		s.exchanges = append(s.exchanges, xu)
	}
}

// judge ties findings to units and finds out which of these failed.
func (s *side) judge() {
	conns, exchanges := map[flow.ConnID][]int{}, map[flow.ExchangeID][]int{}
	for i, f := range s.findings {
		if f.Undecided || f.Severity == explain.Note {
			continue
		}
		for _, id := range f.Conns {
			conns[id] = append(conns[id], i)
		}
		for _, id := range f.Exchanges {
			exchanges[id] = append(exchanges[id], i)
		}
	}
	for _, u := range s.conns {
		u.findings = conns[u.conn.ID]
		u.judge(s.findings)
	}
	for _, u := range s.exchanges {
		u.findings = exchanges[u.x.ID]
		u.judge(s.findings)
	}
}

func (u *unit) judge(found []explain.Finding) {
	u.failure = u.failureEvent()
	u.failed = u.failure < len(u.conn.Events)
	if u.failed {
		return
	}
	if slices.ContainsFunc(u.findings, func(i int) bool { return found[i].Severity == explain.Error }) {
		u.failed = true
	}
	if len(u.findings) > 0 {
		if i := u.at.closing(); i >= 0 {
			u.failure = i
		}
	}
}

// failureEvent is the first event that shows that the unit failed.
func (u *unit) failureEvent() int {
	c := u.conn
	from := 0
	if u.x != nil {
		from = max(u.at.first(u.x.ID, flow.Request), 0)
	}
	for i := from; i < len(c.Events); i++ {
		e := &c.Events[i]
		if u.x != nil && e.Exchange != 0 && e.Exchange != u.x.ID {
			continue
		}
		if u.fails(e) || u.left(i) {
			return i
		}
		if u.x != nil && e.Kind == flow.ExchangeDone {
			break
		}
	}
	return len(c.Events)
}

func (u *unit) fails(e *flow.Event) bool {
	switch e.Kind {
	case flow.ConnectFailed, flow.TLSFailed, flow.Timeout, flow.Hanging, flow.Incident:
		return true
	case flow.Alert:
		return e.Text != "" && e.Text != "close_notify"
	case flow.Response:
		return e.Status >= 400 && !u.challenge(e)
	case flow.ExchangeDone:
		return e.Text != "" && e.Text != flow.Complete
	}
	return false
}

// left tells that a side ended while the request had no response yet. One that
// came later found nobody.
func (u *unit) left(i int) bool {
	if k := u.conn.Events[i].Kind; k != flow.FIN && k != flow.RST || u.x == nil || u.x.Started.IsZero() {
		return false
	}
	response := u.at.first(u.x.ID, flow.Response)
	return response < 0 || response > i
}

// challenge tells an answer that only asks to sign in from one that denies.
func (u *unit) challenge(e *flow.Event) bool {
	if e.Status != 401 && e.Status != 407 {
		return false
	}
	return u.x == nil || u.position != carriesToken
}

// between is the time from event i to event j of c.
func between(c *flow.Conn, i, j int) (time.Duration, bool) {
	if i < 0 || j < 0 || c.Events[i].At.IsZero() || c.Events[j].At.IsZero() {
		return 0, false
	}
	return c.Events[j].At.Sub(c.Events[i].At), true
}
