package app_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fanlight/internal/flow"
)

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

const smugglingConfig = `
limits: {header_timeout: 400ms, body_timeout: 400ms, idle_timeout: 400ms}
sites:
  app:
    bind: ["http://127.0.0.2:$PORT app.test"]
    routes: [{path: /, to: "$TO", timeouts: {first_byte: 2s, between: 2s}}]
`

// Every payload reaches each origin as what the door's record and its answers
// say it was, or not at all.
func TestSmuggling(t *testing.T) {
	table := newTally()
	for _, start := range []func(testing.TB) countingOrigin{goOrigin, nginxOrigin, apacheOrigin} {
		o := start(t)
		s := &smuggling{t: t, d: serve(t, smugglingConfig, "$TO", o.url), origin: o, table: table}
		s.run(payloads(t, "h1-*"), s.sendHTTP1)
		s.check()
	}
	for _, start := range http2Origins() {
		throughHTTP2(t, table, start, strings.Replace(smugglingConfig, "{path: /,", `{path: /, http: "2",`, 1), payloads(t, "h1-*"), (*smuggling).sendHTTP1)
	}
	o := goOrigin(t)
	o.name = "in pieces"
	s := &smuggling{t: t, d: serve(t, smugglingConfig, "$TO", o.url), origin: o, table: table, piece: 7}
	s.run(payloads(t, "h1-*"), s.sendHTTP1)
	s.check()
	t.Log("\n" + table.String())
}

// smuggling is a run of payloads through one door to one origin.
type smuggling struct {
	t      *testing.T
	d      *door
	origin countingOrigin
	table  *tally
	piece  int  // bytes that are written at once; 0: all
	fails  bool // the origin is one that fails by itself, and what it loses is sent again

	mu   sync.Mutex
	sent []attempt
	lost []*payload // see lostToApache
}

// attempt is one payload as the client saw it.
type attempt struct {
	p      *payload
	ends   addresses
	ended  time.Time
	answer string // all that came back over HTTP/1
	// streams are those of HTTP/2 that were answered, with the status, 0 of a
	// reset; nil over HTTP/1.
	streams map[uint32]int
	behind  string // what went wrong for an honest client behind it
}

// addresses are those of a connection's ends; two connections to different
// addresses may have one port of ours.
type addresses struct{ from, to netip.AddrPort }

// among gives the connection of an attempt: a port of ours may have served
// another one before or after.
func (a *attempt) among(conns []*flow.Conn) (found *flow.Conn) {
	for _, c := range conns {
		if !c.Started.After(a.ended) && (found == nil || c.Started.After(found.Started)) {
			found = c
		}
	}
	return found
}

func endsOf(c net.Conn) addresses {
	return addresses{netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(c.RemoteAddr().String())}
}

// atOnce is how many payloads are under way together: enough for the ones that
// end by a timeout not to add up.
const atOnce = 12

func (s *smuggling) run(all []*payload, send func(*payload) (attempt, error)) {
	if s.origin.name == "nginx h2" {
		// Its socket speaks nothing else, it knows no WebSockets over HTTP/2, and
		// ends the connection, which others share, for trailers.
		all = slices.DeleteFunc(all, func(p *payload) bool { return p.has("upgrades") || p.has("trailers") })
	}
	work := make(chan *payload)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for p := range work {
				a, err := send(p)
				if err != nil {
					s.t.Errorf("%s: %v", p, err)
					continue
				}
				a.ended = time.Now()
				a.behind = s.honest(p)
				s.mu.Lock()
				s.sent = append(s.sent, a)
				s.mu.Unlock()
			}
		})
	}
	for _, p := range all {
		work <- p
	}
	close(work)
	workers.Wait()
}

// sendHTTP1 writes a payload on a connection of its own and reads until the door
// has no more to say.
func (s *smuggling) sendHTTP1(p *payload) (attempt, error) {
	c, err := net.Dial("tcp", "127.0.0.2:"+s.d.port)
	if err != nil {
		return attempt{}, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(wait))
	for rest := p.bytes(s.t); rest != ""; {
		n := len(rest)
		if s.piece > 0 && n < 4000 {
			n = min(n, s.piece)
		}
		_, _ = io.WriteString(c, rest[:n]) // the door may have heard enough
		rest = rest[n:]
	}
	raw, err := io.ReadAll(c)
	if err != nil && !isReset(err) {
		return attempt{}, fmt.Errorf("the door does not end the connection: %w", err)
	}
	return attempt{p: p, ends: endsOf(c), answer: string(raw)}, nil
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// honest asks for something that nobody else asks for, over the connections that
// the payload may have poisoned, and tells what is wrong with the answer.
func (s *smuggling) honest(p *payload) string {
	want := "/honest/" + p.id
	status, body, err := s.d.fetch(want)
	if err != nil || status != 200 && !strings.HasPrefix(s.origin.name, "apache") || status == 200 && body != want {
		return fmt.Sprintf("behind it an honest client got %d %q, %v", status, body, err)
	}
	return ""
}

// check holds the door's record against what was expected, what the clients got
// and what the origin counted.
func (s *smuggling) check() {
	trace := s.d.ended()
	byEnds := map[addresses][]*flow.Conn{}
	for _, c := range trace.Conns {
		if c.Self == flow.Server {
			ends := addresses{c.Client, c.Server}
			byEnds[ends] = append(byEnds[ends], c)
		}
	}
	for _, a := range s.sent {
		c := a.among(byEnds[a.ends])
		faults := s.faults(trace, c, a)
		if a.behind != "" {
			faults = append(faults, a.behind)
		}
		if s.fails && len(faults) > 0 && lostToApache(trace, c, a.p) {
			s.lost = append(s.lost, a.p)
			continue
		}
		s.table.add(a.p.class, s.origin.name, len(faults) == 0)
		for _, f := range faults {
			s.t.Errorf("%s to %s: %s\n%s", a.p, s.origin.name, f, a.answer)
		}
	}
	s.checkReuse(trace)
	s.checkCount(trace)
	s.checkStreams(trace)
}

func (s *smuggling) faults(trace *flow.Trace, c *flow.Conn, a attempt) (out []string) {
	if c == nil {
		return []string{"the door has no record of the connection"}
	}
	var got, statuses []string
	for _, x := range c.Exchanges {
		got = append(got, became(trace, c, x))
		switch {
		case x.Status != 0 && x.Outcome == flow.Truncated:
			statuses = append(statuses, "torn")
		case x.Status != 0:
			statuses = append(statuses, fmt.Sprint(x.Status))
		}
	}
	for i := range c.Events {
		if e := &c.Events[i]; e.Kind == flow.GoAway && e.From == flow.Server && e.Text != "NO_ERROR" {
			got = append(got, "goaway "+e.Text+" "+e.Attr(flow.KeyReason))
		}
	}
	expect := a.p.expect
	if n := len(got); n > 0 && n <= len(expect) && a.streams == nil && (strings.Contains(c.Close.Why, "answered before the end") || strings.HasPrefix(got[n-1], "early ")) {
		expect = expect[:n] // the connection ends where the origin did not wait for a body
	}
	if a.p.has("whole") && len(got) > 0 && got[0] == "pass POST /"+a.p.id {
		got[0] = "early POST /" + a.p.id // it was whole before what is wrong came
	}
	if !matches(got, expect) {
		out = append(out, fmt.Sprintf("expected %q, the record says %q", a.p.expect, got))
	}
	if a.streams != nil {
		return append(out, a.streamFaults(c)...)
	}
	if answered := answers(a.answer, c.Exchanges); !slices.Equal(answered, statuses) {
		out = append(out, fmt.Sprintf("the record has answers %v, the client got %v", statuses, answered))
	}
	return out
}

// streamFaults compares the answers by stream.
func (a *attempt) streamFaults(c *flow.Conn) (out []string) {
	told := map[uint32]int{}
	for _, x := range c.Exchanges {
		told[uint32(x.Stream)] = x.Status
		if _, answered := a.streams[uint32(x.Stream)]; !answered {
			a.streams[uint32(x.Stream)] = 0 // the connection ended first
		}
	}
	if !maps.Equal(told, a.streams) {
		out = append(out, fmt.Sprintf("the record has answers by stream %v, the client got %v", told, a.streams))
	}
	return out
}

// became says what became of an exchange: `pass METHOD TARGET` if the origin
// has answered it, `refuse STATUS cause` if the door did before the origin had
// any of it, `cut STATUS cause` if the origin had a part, `torn STATUS cause` if
// the client got a part of the origin's response, `early METHOD TARGET`
// if the origin answered before the request was there to its end.
func became(trace *flow.Trace, c *flow.Conn, x *flow.Exchange) string {
	legs, whole, torn := 0, 0, x.Incident == "" && x.Outcome != flow.Complete
	for _, leg := range legsOf(trace, x) {
		if legs++; leg.Outcome == flow.Complete && (leg.Status != 101 || x.Status == 101) {
			whole++
		}
	}
	switch {
	case torn && x.Status != 0:
		return fmt.Sprintf("torn %d %s", x.Status, strings.Join(causes(trace, c, x), ", "))
	case x.Incident == "" && legs == 1 && whole == 1 && x.RequestDone.IsZero():
		return "early " + x.Method + " " + x.Target
	case x.Incident == "" && whole == 1 && (legs == 1 || retried(c, x)): // the log tells that the origin has seen it once
		return "pass " + x.Method + " " + x.Target
	case whole > 0 || legs > 1:
		return fmt.Sprintf("%d exchanges with the origin, %d of them whole, status %d", legs, whole, x.Status)
	}
	verb := "refuse"
	if legs > 0 {
		verb = "cut"
	}
	return fmt.Sprintf("%s %d %s", verb, x.Status, strings.Join(causes(trace, c, x), ", "))
}

// retried tells that the door sent a request again, which an origin of HTTP/2
// had not begun with.
func retried(c *flow.Conn, x *flow.Exchange) bool {
	return slices.ContainsFunc(c.Events, func(e flow.Event) bool { return e.Exchange == x.ID && e.Kind == flow.Retry })
}

func legsOf(trace *flow.Trace, x *flow.Exchange) (legs []*flow.Exchange) {
	for _, c := range trace.Conns {
		for _, leg := range c.Exchanges {
			if c.Self == flow.Client && leg.Parent == x.ID {
				legs = append(legs, leg)
			}
		}
	}
	return legs
}

// causes are the names that the record has for what was wrong, on the connection
// of the client or that of the origin.
func causes(trace *flow.Trace, c *flow.Conn, x *flow.Exchange) (names []string) {
	look := func(c *flow.Conn, x *flow.Exchange) {
		for i := range c.Events {
			e := &c.Events[i]
			if (e.Exchange == x.ID || e.Exchange == 0) && (e.Kind == flow.Irregular || e.Kind == flow.Timeout || e.Kind == flow.StreamReset) && !slices.Contains(names, e.Text) {
				names = append(names, e.Text)
			}
		}
	}
	look(c, x)
	for _, leg := range legsOf(trace, x) {
		look(trace.Conn(leg.Conn), leg)
	}
	if x.Cause != "" || len(names) == 0 {
		names = append(names, x.Cause+c.Close.Why)
	}
	return names
}

// matches compares outcomes: of a refusal the expected name must be among those
// the record has.
func matches(got, expect []string) bool {
	if len(expect) == 1 && expect[0] == "nothing" {
		return len(got) == 0
	}
	return slices.EqualFunc(got, expect, func(g, e string) bool {
		verb, rest, _ := strings.Cut(e, " ")
		switch {
		case verb == "pass":
			return g == e || g == "early "+rest
		case verb == "cut" && strings.HasPrefix(g, "refuse "+strings.TrimPrefix(e, "cut ")):
			return true // what is wrong came before the origin was asked
		case verb == "cut" && strings.HasPrefix(g, "early "):
			return true // it did not wait for what is wrong
		}
		status, name, _ := strings.Cut(rest, " ")
		if verb == "cut" && strings.HasPrefix(g, "torn ") {
			return strings.Contains(g, name) // the origin's answer had begun, and the client sees its end
		}
		return strings.HasPrefix(g, verb+" "+status+" ") && strings.Contains(g, name)
	})
}

// answers reads the responses in what a client got.
func answers(raw string, exchanges []*flow.Exchange) (statuses []string) {
	r := bufio.NewReader(strings.NewReader(raw))
	for i := 0; ; {
		if _, err := r.Peek(1); err != nil {
			return statuses
		}
		method := "GET"
		if i < len(exchanges) && exchanges[i].Method != "" {
			method = exchanges[i].Method
		}
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
		}
		if err != nil {
			return append(statuses, "torn")
		}
		if res.StatusCode >= 200 || res.StatusCode == 101 {
			statuses = append(statuses, fmt.Sprint(res.StatusCode))
			i++
		}
	}
}

// checkReuse looks for an exchange behind one that was irregular or not whole,
// on connections of clients and of origins.
func (s *smuggling) checkReuse(trace *flow.Trace) {
	for _, c := range trace.Conns {
		if len(c.Exchanges) > 0 && c.Exchanges[0].HTTP == "2" {
			continue // streams are framed by themselves
		}
		doubtful := map[flow.ExchangeID]string{}
		for i := range c.Events {
			if e := &c.Events[i]; e.Kind == flow.Irregular {
				doubtful[e.Exchange] = e.Text
			}
		}
		for i, x := range c.Exchanges {
			why := doubtful[x.ID]
			switch {
			case why != "":
			case x.RequestDone.IsZero():
				why = "the request's end was not seen"
			case x.Outcome != flow.Complete:
				why = "its outcome is " + x.Outcome
			default:
				continue
			}
			if i != len(c.Exchanges)-1 {
				s.t.Errorf("%s: %s (%s %s) carries another exchange behind it: %s", s.origin.name, c.ID, x.Method, x.Target, why)
			}
		}
	}
}

// checkCount compares the origin's log with the door's record: all that was
// answered is in the log, and nothing that the door did not send.
func (s *smuggling) checkCount(trace *flow.Trace) {
	if s.origin.logged == nil {
		return
	}
	begun, whole := map[string]int{}, map[string]int{}
	for _, c := range trace.Conns {
		if c.Self != flow.Client {
			continue
		}
		for _, x := range c.Exchanges {
			line := x.Method + " " + x.Target
			if begun[line]++; x.Outcome == flow.Complete {
				whole[line]++
			}
		}
	}
	logged := map[string]int{}
	for _, line := range s.origin.logged() {
		logged[line]++
	}
	for line, n := range logged {
		if n > begun[line] {
			s.t.Errorf("%s saw %q %d times, the door sent it %d times", s.origin.name, line, n, begun[line])
		}
	}
	for line, n := range whole {
		if logged[line] < n {
			s.t.Errorf("%s saw %q %d times, the door had %d answers", s.origin.name, line, logged[line], n)
		}
	}
}

// checkStreams reads the bytes that the origin got in every way that servers are
// known to read them.
func (s *smuggling) checkStreams(trace *flow.Trace) {
	if s.origin.streams == nil {
		return
	}
	streams := s.origin.streams()
	for _, c := range trace.Conns {
		if c.Self != flow.Client || len(c.Exchanges) == 0 {
			continue
		}
		var want []string
		for _, x := range c.Exchanges {
			want = append(want, x.Method+" "+x.Target)
		}
		stream := streams[c.Client]
		for _, r := range readers() {
			if got, _ := r.requests(stream); !slices.Equal(got, want) {
				s.t.Errorf("%s: the door sent %q, a reader %q sees %q in\n%q", c.ID, want, r.name, got, stream)
			}
		}
	}
}

// tally counts payloads by class and origin.
type tally struct {
	classes, origins []string
	good, all        map[[2]string]int
}

func newTally() *tally {
	return &tally{good: map[[2]string]int{}, all: map[[2]string]int{}}
}

func (y *tally) add(class, origin string, good bool) {
	if !slices.Contains(y.classes, class) {
		y.classes = append(y.classes, class)
	}
	if !slices.Contains(y.origins, origin) {
		y.origins = append(y.origins, origin)
	}
	if y.all[[2]string{class, origin}]++; good {
		y.good[[2]string{class, origin}]++
	}
}

func (y *tally) String() string {
	var b strings.Builder
	slices.Sort(y.classes)
	fmt.Fprintf(&b, "%-24s", "class")
	for _, o := range y.origins {
		fmt.Fprintf(&b, "%12s", o)
	}
	for _, c := range y.classes {
		fmt.Fprintf(&b, "\n%-24s", c)
		for _, o := range y.origins {
			fmt.Fprintf(&b, "%12s", fmt.Sprintf("%d/%d", y.good[[2]string{c, o}], y.all[[2]string{c, o}]))
		}
	}
	return b.String()
}
