package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ReadRecords reads connections and exchanges that were written as JSON lines or
// as one document, and folds them again; other objects are passed over. Exchanges
// without their connection, as in an access log, get one of which nothing is
// known. Beside an error the trace is what could be read before the fault.
func ReadRecords(r io.Reader) (*Trace, error) {
	set := records{exchanges: map[string][]*ExchangeRecord{}}
	d := json.NewDecoder(r)
	var fault error
	for {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			if !errors.Is(err, io.EOF) {
				fault = fmt.Errorf("record behind byte %d: %w", d.InputOffset(), err)
			}
			break
		}
		if err := set.add(raw); err != nil {
			fault = fmt.Errorf("record before byte %d: %w", d.InputOffset(), err)
			break
		}
	}
	events, err := set.events()
	return Fold(events), errors.Join(fault, err)
}

// records are objects as they were read; exchanges by their connection.
type records struct {
	conns     []*ConnRecord
	exchanges map[string][]*ExchangeRecord
}

func (s *records) add(raw json.RawMessage) error {
	var kind struct {
		Type  string            `json:"type"`
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return err
	}
	switch kind.Type {
	case "connection":
		c := &ConnRecord{}
		s.conns = append(s.conns, c)
		return json.Unmarshal(raw, c)
	case "exchange":
		x := &ExchangeRecord{}
		if err := json.Unmarshal(raw, x); err != nil {
			return err
		}
		s.exchanges[x.Conn] = append(s.exchanges[x.Conn], x)
	}
	for _, item := range kind.Items {
		if err := s.add(item); err != nil {
			return err
		}
	}
	return nil
}

// events gives back what the records were folded from, as far as they tell.
func (s *records) events() (out []Event, err error) {
	known := map[string]bool{}
	for _, c := range s.conns {
		known[c.ID] = true
	}
	var lone []string
	for id := range s.exchanges {
		if !known[id] {
			lone = append(lone, id)
		}
	}
	slices.Sort(lone)
	conns := s.conns
	for _, id := range lone {
		conns = append(conns, &ConnRecord{ID: id, Started: s.exchanges[id][0].Started, Scheme: s.exchanges[id][0].Scheme})
	}
	var read recordReader
	for _, c := range conns {
		out = append(out, read.conn(c, s.exchanges[c.ID])...)
	}
	return out, read.err
}

// recordReader keeps the first fault of what it reads.
type recordReader struct{ err error }

func (r *recordReader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

// id reads c7 or x12; an empty one is 0.
func (r *recordReader) id(letter, s string) uint64 {
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(s, letter), 10, 64)
	if err != nil || !strings.HasPrefix(s, letter) {
		r.keep(fmt.Errorf("read id %q: expected %s and a number", s, letter))
	}
	return n
}

func (r *recordReader) time(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		r.keep(fmt.Errorf("read time %q: expected RFC 3339", s))
	}
	return at
}

// address reads one that may be absent.
func (r *recordReader) address(s string) (a netip.AddrPort) {
	if s == "" {
		return a
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		r.keep(fmt.Errorf("read address %q: expected IP:port", s))
	}
	return a
}

func (r *recordReader) conn(c *ConnRecord, exchanges []*ExchangeRecord) []Event {
	id, started := ConnID(r.id("c", c.ID)), r.time(c.Started)
	if id == 0 {
		r.keep(fmt.Errorf("read connection %q: it has no id", c.ID))
		return nil
	}
	o := &Opening{
		Parent: ConnID(r.id("c", c.Parent)), Self: parseSide(c.Self), Source: c.Source, Scheme: c.Scheme,
		Client: r.address(c.Client), Server: r.address(c.Server),
	}
	if c.TLS != nil {
		o.WhyNot = c.TLS.WhyNot
		if o.Keys = ParseSeen(c.TLS.Decrypted); c.TLS.Decrypted == "partial" {
			o.Keys = Yes
		}
	}
	byID, told := map[string]*ExchangeRecord{}, map[string]bool{}
	for _, x := range exchanges {
		byID[x.ID] = x
	}
	events := []Event{{At: started, Conn: id, Kind: Open, Open: o}}
	for i := range c.Events {
		e := &c.Events[i]
		if kind := ParseKind(e.Kind); kind == Request || kind == Response {
			told[e.Exchange] = true
		}
		events = append(events, r.event(e, id, started, byID[e.Exchange]))
	}
	for _, x := range exchanges {
		if !told[x.ID] {
			events = append(events, r.exchange(x, id)...)
		}
	}
	if !slices.ContainsFunc(events, func(e Event) bool { return e.At.IsZero() }) {
		slices.SortStableFunc(events[1:], func(a, b Event) int { return a.At.Compare(b.At) })
	}
	return events
}

func (r *recordReader) event(in *EventRecord, conn ConnID, started time.Time, x *ExchangeRecord) Event {
	e := Event{
		Conn: conn, Kind: ParseKind(in.Kind), From: parseSide(in.From), Packet: in.Packet,
		Exchange: ExchangeID(r.id("x", in.Exchange)), Parent: ExchangeID(r.id("x", in.Parent)),
		Status: in.Status, Text: in.Text, At: after(started, in.AtMS),
	}
	if in.Bytes != nil {
		e.Bytes = *in.Bytes
	}
	for key, value := range in.Facts {
		e.Attrs = append(e.Attrs, Attr{key, value})
	}
	slices.SortFunc(e.Attrs, func(a, b Attr) int { return strings.Compare(a.Key, b.Key) })
	switch {
	case x == nil:
	case e.Kind == Request:
		e.Header = fieldLines(x.RequestHeaders)
	case e.Kind == Response:
		e.Header = fieldLines(x.ResponseHeaders)
	}
	return e
}

// exchange gives the events of an exchange whose connection does not tell them.
func (r *recordReader) exchange(x *ExchangeRecord, conn ConnID) []Event {
	id, started := ExchangeID(r.id("x", x.ID)), r.time(x.Started)
	at := func(ms *float64) time.Time { return after(started, ms) }
	reused, idle, stream := "", "", ""
	if x.Reused != nil {
		reused = SeenIf(*x.Reused).String()
	}
	if x.IdleMS != nil {
		idle = strconv.FormatFloat(*x.IdleMS, 'f', -1, 64)
	}
	if x.Stream != 0 {
		stream = strconv.Itoa(x.Stream)
	}
	out := []Event{{At: started, Kind: Request, From: Client, Text: x.Method + " " + x.Target, Parent: ExchangeID(r.id("x", x.Parent)),
		Header: fieldLines(x.RequestHeaders), Attrs: Attrs(KeyHTTP, x.HTTP, KeyScheme, x.Scheme, KeyHost, x.Host, KeyStream, stream, KeyReused, reused, KeyIdle, idle)}}
	if x.RequestBodyBytes != nil {
		out = append(out, Event{At: started, Kind: RequestDone, From: Client, Bytes: *x.RequestBodyBytes})
	}
	if x.Status != 0 {
		out = append(out, Event{At: at(x.WaitMS), Kind: Response, From: Server, Status: x.Status, Text: x.Reason, Header: fieldLines(x.ResponseHeaders)})
	}
	if x.ResponseBodyBytes != nil {
		end := x.TotalMS
		if x.WaitMS != nil && x.ReceiveMS != nil {
			sum := *x.WaitMS + *x.ReceiveMS
			end = &sum
		}
		out = append(out, Event{At: at(end), Kind: ResponseDone, From: Server, Bytes: *x.ResponseBodyBytes})
	}
	if x.Incident != "" {
		out = append(out, Event{At: at(x.WaitMS), Kind: Incident, Text: x.Incident, Attrs: IncidentAttrs(x.Cause, x.SubStatus)})
	}
	if x.Outcome != "" {
		out = append(out, Event{At: at(x.TotalMS), Kind: ExchangeDone, Text: x.Outcome})
	}
	for i := range out {
		out[i].Conn, out[i].Exchange = conn, id
	}
	return out
}

// after is a time so many milliseconds after another; zero if either is not known,
// or it is farther away than any connection lasts.
func after(start time.Time, ms *float64) time.Time {
	if ms == nil || start.IsZero() || math.Abs(*ms) > maxOffset*1000 {
		return time.Time{}
	}
	return start.Add(time.Duration(math.Round(*ms * float64(time.Millisecond))))
}

func fieldLines(pairs [][2]string) []byte {
	fields := make([]Field, len(pairs))
	for i, p := range pairs {
		fields[i] = Field{p[0], p[1]}
	}
	return FormatFields(fields)
}
