package flow

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fold turns events into a trace. It is a pure function: the same events give
// the same trace. Events of one connection must be in their order; connections
// may be mixed.
func Fold(events []Event) *Trace {
	f := NewFolder(0)
	for _, e := range events {
		f.Add(e)
	}
	return f.Trace()
}

// Folder folds events as they come. With a limit it keeps at most so many
// events and exchanges of each connection, as Conn.Fold does,
// so that it can follow a door that runs for months.
type Folder struct {
	limit int
	trace Trace
	conns map[ConnID]*Conn
}

// NewFolder makes a folder; limit 0 keeps everything.
func NewFolder(limit int) *Folder {
	return &Folder{limit: limit, conns: map[ConnID]*Conn{}}
}

// Trace is what has been folded so far.
func (f *Folder) Trace() *Trace { return &f.trace }

// Forget drops a connection.
func (f *Folder) Forget(id ConnID) {
	delete(f.conns, id)
	f.trace.Conns = slices.DeleteFunc(f.trace.Conns, func(c *Conn) bool { return c.ID == id })
}

// Add folds one event and gives the connection and exchange it belongs to,
// either of them nil.
func (f *Folder) Add(e Event) (*Conn, *Exchange) {
	if e.Conn == 0 {
		f.trace.Facts = append(f.trace.Facts, e)
		if f.limit > 0 && len(f.trace.Facts) > f.limit {
			f.trace.Facts = slices.Delete(f.trace.Facts, 0, 1)
		}
		return nil, nil
	}
	c := f.conns[e.Conn]
	if c == nil {
		c = &Conn{ID: e.Conn}
		f.conns[e.Conn] = c
		f.trace.Conns = append(f.trace.Conns, c)
	}
	return c, c.Fold(e, f.limit)
}

// Fold adds one event of this connection and gives the exchange it belongs to,
// nil if none. With a limit above 0 it keeps about so many events and exchanges,
// dropping the oldest, of exchanges those that are over first.
func (c *Conn) Fold(e Event, limit int) *Exchange {
	c.keep(e, limit)
	c.foldConn(&e)
	if e.Exchange == 0 {
		return nil
	}
	x := c.exchange(e.Exchange)
	x.fold(&e)
	return x
}

func (c *Conn) keep(e Event, limit int) {
	c.Events = append(c.Events, e)
	c.Kinds.Add(e.Kind)
	if limit == 0 {
		return
	}
	// Some more are kept for a while: to move all for each new one is slow.
	if spare := limit / 4; len(c.Events) > limit+spare {
		c.Events = slices.Delete(c.Events, 0, len(c.Events)-limit)
	}
	if spare := limit / 4; len(c.Exchanges) > limit+spare {
		c.forget(limit, spare)
	}
}

// forget drops exchanges beyond the limit: the oldest that are over, and of the
// others, which may still go on, only those that the spare has no room for.
func (c *Conn) forget(limit, spare int) {
	had := len(c.Exchanges)
	n := had - limit
	c.Exchanges = slices.DeleteFunc(c.Exchanges, func(x *Exchange) bool {
		drop := n > 0 && x.Over
		if drop {
			n--
		}
		return drop
	})
	c.Exchanges = slices.Delete(c.Exchanges, 0, max(len(c.Exchanges)-limit-spare, 0))
	c.Forgotten += had - len(c.Exchanges)
}

func (c *Conn) exchange(id ExchangeID) *Exchange {
	for i := len(c.Exchanges) - 1; i >= 0; i-- {
		if c.Exchanges[i].ID == id {
			return c.Exchanges[i]
		}
	}
	x := &Exchange{ID: id, Conn: c.ID, Scheme: c.Scheme}
	c.Exchanges = append(c.Exchanges, x)
	return x
}

func (c *Conn) foldConn(e *Event) {
	switch e.Kind {
	case Open:
		c.foldOpening(e)
	case LookedUp:
		c.foldLookup(e)
	case ProxyHeader:
		if e.Attr(KeyFault) == "" {
			c.Proxied, _ = netip.ParseAddrPort(e.Attr(KeyProxied)) // invalid: it told none
		}
	case FIN:
		c.closedBy(e, ByFIN)
	case RST:
		c.closedBy(e, ByRST)
	case ConnectFailed:
		c.endedAt(e.At)
	case Closed:
		c.Close.Why = e.Text
		c.Close.Ended = true
		c.endedAt(e.At)
		c.foldCount(e)
	case Chosen:
		switch e.Attr(KeyWhat) {
		case "origin":
			c.Origin = e.Text
		default:
			c.Site = e.Text
		}
	case ClientHello, ServerHello, TLSDone, TLSFailed, Alert:
		c.foldTLS(e)
	}
}

func (c *Conn) foldOpening(e *Event) {
	o := e.Open
	if o == nil {
		return
	}
	c.Parent, c.Self, c.Source, c.Scheme = o.Parent, o.Self, o.Source, o.Scheme
	c.Keys, c.WhyNot = o.Keys, o.WhyNot
	c.Client, c.Server = o.Client, o.Server
	if c.Started.IsZero() {
		c.Started = e.At
	}
}

// closedBy keeps the first end that was seen; what follows is its echo. A FIN
// is made worse by a later RST of the same side only in the events.
func (c *Conn) closedBy(e *Event, how How) {
	if c.Close.How != None {
		return
	}
	c.Close.By, c.Close.How = e.From, how
	c.Close.Ended = true
	if !e.At.IsZero() && !c.Started.IsZero() {
		c.Close.After = e.At.Sub(c.Started)
	}
}

func (c *Conn) endedAt(at time.Time) {
	c.Close.Ended = true
	if c.Close.How == None && !at.IsZero() && !c.Started.IsZero() {
		c.Close.After = at.Sub(c.Started)
	}
}

func (c *Conn) foldCount(e *Event) {
	client, err1 := strconv.ParseInt(e.Attr(KeyClientBytes), 10, 64)
	server, err2 := strconv.ParseInt(e.Attr(KeyServerBytes), 10, 64)
	if err1 == nil && err2 == nil {
		c.ClientBytes, c.ServerBytes, c.Counted = client, server, true
	}
	if n, err := strconv.Atoi(e.Attr(KeyPackets)); err == nil {
		c.Packets = n
	}
}

func (c *Conn) foldTLS(e *Event) {
	if c.TLS == nil {
		c.TLS = &TLS{}
	}
	t := c.TLS
	if t.Done == Yes && e.Kind != Alert {
		return // facts of the first handshake stay
	}
	switch e.Kind {
	case ClientHello:
		t.SNI = e.Attr(KeySNI)
		t.Offered = list(e.Attr(KeyALPN))
		t.Versions = list(e.Attr(KeyVersions))
		t.PHA = ParseSeen(e.Attr(KeyPHA))
	case ServerHello, TLSDone:
		if e.Kind == TLSDone {
			t.Done = Yes
			setIf(&t.Version, e.Text)
		}
		setIf(&t.Version, e.Attr(KeyVersion))
		setIf(&t.Cipher, e.Attr(KeyCipher))
		setIf(&t.ALPN, e.Attr(KeyALPN))
		if r := ParseSeen(e.Attr(KeyResumed)); r != NotObserved {
			t.Resumed = r
		}
	case TLSFailed:
		t.Done = No
	case Alert:
		if e.Text != "close_notify" {
			setIf(&c.Close.Alert, e.Text)
		}
	}
}

func setIf(dst *string, v string) {
	if v != "" {
		*dst = v
	}
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func (x *Exchange) fold(e *Event) {
	if e.Packet != 0 {
		if x.Packets[0] == 0 {
			x.Packets[0] = e.Packet
		}
		x.Packets[1] = e.Packet
	}
	switch e.Kind {
	case Request:
		x.foldRequest(e)
	case RequestDone:
		x.RequestDone, x.RequestBodyBytes = e.At, e.Bytes
		setIf(&x.RequestSHA256, e.Attr(KeySHA256))
	case Response:
		x.Responded, x.Status, x.Reason = e.At, e.Status, e.Text
		x.ResponseHeader = ParseFields(e.Header)
		setIf(&x.HTTP, e.Attr(KeyHTTP))
	case ResponseDone:
		x.ResponseDone, x.ResponseBodyBytes = e.At, e.Bytes
		setIf(&x.ResponseSHA256, e.Attr(KeySHA256))
	case Compressed:
		x.Compressed, x.PlainBytes = e.Text, e.Bytes
	case ExchangeDone:
		x.Over, x.Outcome = true, e.Text
		if e.Text != "" { // else only the record ends here
			x.Ended = e.At
		}
	case Tunnel:
		x.Tunnel = e.Text
	case Incident:
		x.Incident, x.Cause = e.Text, e.Attr(KeyCause)
		x.SubStatus, _ = strconv.Atoi(e.Attr(KeySubStatus))
	}
}

func (x *Exchange) foldRequest(e *Event) {
	x.Started = e.At
	x.Method, x.Target, _ = strings.Cut(e.Text, " ")
	x.HTTP, x.Host = e.Attr(KeyHTTP), e.Attr(KeyHost)
	setIf(&x.Scheme, e.Attr(KeyScheme))
	x.RequestHeader = ParseFields(e.Header)
	x.Stream, _ = strconv.Atoi(e.Attr(KeyStream))
	if x.Host == "" {
		host, _ := Get(x.RequestHeader, "Host")
		x.Host = strings.Clone(host) // it must not keep the whole header in memory
	}
	x.Parent = e.Parent
	x.Reused = ParseSeen(e.Attr(KeyReused))
	if ms, err := strconv.ParseFloat(e.Attr(KeyIdle), 64); err == nil {
		x.Idle = time.Duration(ms * float64(time.Millisecond))
	}
}
