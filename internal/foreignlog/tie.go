package foreignlog

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"fanlight/internal/flow"
)

// Tie says which connection of a trace a line is about, and which exchange on
// it if that is known.
type Tie struct {
	Conn       flow.ConnID
	Exchange   flow.ExchangeID // 0: the connection as a whole
	Confidence string
	Why        string // what agreed

	Origin         flow.ConnID // with the origin the line names; 0: not in the trace, or Conn itself
	OriginExchange flow.ExchangeID
}

// Ties finds what lines are about. All lines of one log are shown to Learn
// first; then Settle estimates by how much the log's clock and the capture's
// differ. It is for one goroutine.
type Ties struct {
	byRequest map[string]*alike
	byClient  map[netip.AddrPort]*alike
	votes     []vote
	weak      []vote // of lines that share no address with the trace
	voters    int
	last      time.Time // of the trace

	Offset   time.Duration // the log's clock less the capture's
	Evidence int           // lines the offset rests on; 0: none, and Offset is not known
}

// place is an exchange, or a connection as a whole (x is nil).
type place struct {
	c *flow.Conn
	x *flow.Exchange
}

// slack is what a line may lie beside its exchange: logs are written late,
// and connections end later than their last exchange.
const slack = 2 * time.Second

// NewTies indexes a trace.
func NewTies(t *flow.Trace) *Ties {
	ties := &Ties{byRequest: map[string]*alike{}, byClient: map[netip.AddrPort]*alike{}}
	for _, c := range t.Conns {
		in(ties.byClient, c.Client).add(place{c: c})
		if n := len(c.Events); n > 0 && c.Events[n-1].At.After(ties.last) {
			ties.last = c.Events[n-1].At
		}
		for _, x := range c.Exchanges {
			if x.Method != "" {
				in(ties.byRequest, x.Method+" "+x.Target).add(place{c, x})
			}
		}
	}
	for _, a := range ties.byClient {
		a.settle(ties.last)
	}
	for _, a := range ties.byRequest {
		a.settle(ties.last)
	}
	return ties
}

// in gives the places of a key, none at first.
func in[K comparable](all map[K]*alike, key K) *alike {
	if all[key] == nil {
		all[key] = &alike{}
	}
	return all[key]
}

// span is when a place began and, if it has ended, when. An exchange without
// an answer ends with its connection.
func (p place) span() (from, to time.Time, ended bool) {
	if p.x == nil {
		return p.c.Started, p.c.Started.Add(p.c.Close.After), p.c.Close.Ended
	}
	switch x := p.x; {
	case !x.Ended.IsZero():
		return x.Started, x.Ended, true
	case !x.Responded.IsZero() && x.Over:
		return x.Started, x.Responded, true
	default:
		return x.Started, p.c.Started.Add(p.c.Close.After), p.c.Close.Ended
	}
}

// candidates are the places a line could be about, times aside, and others.
func (t *Ties) candidates(l *Line) *alike {
	if l.Method != "" {
		return t.byRequest[l.Method+" "+l.Target]
	}
	if l.Client.Port() != 0 {
		return t.byClient[l.Client]
	}
	return nil
}

// fitting are the candidates of a line whose time fits.
func (t *Ties) fitting(l *Line) iter.Seq[place] {
	return func(yield func(place) bool) {
		for p := range t.candidates(l).around(l.Time.Add(-t.Offset), slack+l.Tick) {
			if p.agreement(l) > 0 && t.inTime(l, p) && !yield(p) {
				return
			}
		}
	}
}

// agreement counts what a place and a line have in common; 0: they contradict
// each other. A capture may show the connection with the client, or that with
// the origin.
func (p place) agreement(l *Line) int {
	switch {
	case l.Upstream.Port() != 0 && l.Upstream == p.c.Server:
		return 2 // what the gateway sends there may have another Host, and what it answers another status
	case p.x != nil && (contradict(l.Status, p.x.Status) || l.Host != "" && p.x.Host != "" && !sameHost(l.Host, p.x.Host)):
		return 0
	case l.Client.Port() != 0 && l.Client == p.c.Client:
		return 4
	case l.Client.IsValid() && l.Client.Addr() == p.c.Client.Addr():
		if l.Client.Port() != 0 {
			return 0
		}
		return 3
	}
	return 1
}

// contradict: 499 and 444 are nginx's words for its own log, and were never
// sent.
func contradict(logged, seen int) bool {
	return logged != seen && seen != 0 && logged != 0 && logged != 499 && logged != 444
}

func sameHost(a, b string) bool { return strings.EqualFold(bareHost(a), bareHost(b)) }

func bareHost(host string) string {
	if at := address(host); at.IsValid() {
		return at.Addr().String()
	}
	if i := lastColon(host); i >= 0 {
		return host[:i]
	}
	return host
}

func lastColon(s string) int {
	for i := len(s) - 1; i >= 0 && s[i] >= '0' && s[i] <= ':'; i-- {
		if s[i] == ':' {
			return i
		}
	}
	return -1
}

// Of finds what a line is about; false if nothing fits.
func (t *Ties) Of(l *Line) (Tie, bool) {
	if l.Time.IsZero() {
		return Tie{}, false
	}
	var fit []place
	best := 0
	for p := range t.fitting(l) {
		n := p.agreement(l)
		if n > best {
			fit, best = fit[:0], n
		}
		if n == best {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		return Tie{}, false
	}
	slices.Reverse(fit) // the first to begin comes first
	fit = withoutLegs(fit)
	slices.SortStableFunc(fit, func(a, b place) int { return cmp.Compare(t.away(l, a), t.away(l, b)) })
	out := tie(t.onConn(l, fit[0]), best, len(fit))
	t.origin(l, &out)
	return out, true
}

// withoutLegs leaves out the origin's side of an exchange whose client's side
// is there.
func withoutLegs(fit []place) []place {
	there := map[flow.ExchangeID]bool{}
	for _, p := range fit {
		if p.x != nil {
			there[p.x.ID] = true
		}
	}
	return slices.DeleteFunc(fit, func(p place) bool { return p.x != nil && p.x.Parent != 0 && there[p.x.Parent] })
}

// origin finds the exchange with the origin that a line names, if there is
// exactly one.
func (t *Ties) origin(l *Line, out *Tie) {
	var found []place
	if l.Upstream.Port() == 0 {
		return
	}
	for p := range t.fitting(l) {
		if p.x != nil && p.c.ID != out.Conn && p.c.Server == l.Upstream {
			found = append(found, p)
		}
	}
	if len(found) == 1 {
		out.Origin, out.OriginExchange = found[0].c.ID, found[0].x.ID
	}
}

func tie(p place, agreement, fits int) Tie {
	out := Tie{Conn: p.c.ID, Confidence: Likely, Why: [...]string{"", "request and time", "request, origin's address and port, and time",
		"request, client's address and time", "client's address and port, and time"}[agreement]}
	if p.x != nil {
		out.Exchange = p.x.ID
	}
	switch {
	case fits > 1:
		out.Confidence, out.Why = Possible, out.Why+"; others fit as well"
	case agreement == 1:
		out.Confidence = Possible
	case agreement == 4:
		out.Confidence = Proof
	}
	return out
}

// onConn finds the exchange that was under way on a connection that was found
// by its address alone.
func (t *Ties) onConn(l *Line, p place) place {
	if p.x != nil {
		return p
	}
	for _, x := range slices.Backward(p.c.Exchanges) {
		if on := (place{p.c, x}); t.inTime(l, on) {
			return on
		}
	}
	return p
}

func (t *Ties) inTime(l *Line, p place) bool {
	from, _, _ := p.span()
	return !from.IsZero() && t.away(l, p) <= slack+l.Tick
}

// away is how far a line lies from the time of a place.
func (t *Ties) away(l *Line, p place) time.Duration {
	from, to, ended := p.span()
	if !ended {
		to = t.last
	}
	at := l.Time.Add(-t.Offset)
	switch {
	case at.Before(from):
		return from.Sub(at)
	case at.After(to):
		return at.Sub(to)
	}
	return 0
}
