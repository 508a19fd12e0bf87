package dissect

import (
	"io"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
	"fanlight/internal/tlswire"
)

// conn is one TCP connection while its packets come.
type conn struct {
	w       *worker
	key     flowKey
	flipped bool // the server is the lower of the key's addresses
	prev    *conn
	next    *conn
	last    int64 // time of the last packet
	done    bool  // both ends have ended; it lingers for what trails
	guessed bool  // client and server are, by their ports
	settled bool  // its record was handed over

	tcp      reassembly.Conn
	early    early
	quality  quality
	hops     hops
	windows  tcpWindows
	refusal  []flow.Attr // of the SYN, by a router or host that is not its peer
	top      speaker
	session  *tlswire.Session
	rec      *flow.Conn // nil while it is packed, like opening
	opening  *flow.Opening
	packed   packed
	ids      *identity
	packets  int
	wire     [2]int64
	tunnels  int // that its bytes have been led into
	syns     int
	answered bool
	noise    [flow.InvalidRST + 1]uint8
	mark     reassembly.Mark // of the last packet
	memory   memory
	bodies   bodies
}

// identity is what a connection and its exchanges are called in the output;
// the collector's alone.
type identity struct {
	conn      flow.ConnID
	first     int         // packet; the worker's
	exchanges []named     // the last that were given out
	started   int         // exchanges the connection has begun; the worker's
	parent    flow.ConnID // that it was made for, as far as joining told
	joined    []joined
	lookups   []*lookup // that may have led to it, oldest first
}

// named is the name of an exchange by its number on the connection.
type named struct {
	number int
	id     flow.ExchangeID
}

// joined is an exchange that was made for another.
type joined struct {
	id, parent flow.ExchangeID
	how        string
}

const (
	keptEvents = 400 // of a connection; the oldest are dropped
	keptNoise  = 20  // events of each kind that packet loss makes many of
)

func (w *worker) open(key flowKey, flipped bool, client, server netip.AddrPort, m reassembly.Mark) *conn {
	c := &conn{w: w, key: key, flipped: flipped, last: m.Time, mark: m, ids: &identity{first: m.Packet}}
	c.tcp.Budget = w.a.budget
	c.opening = &flow.Opening{Source: w.source, Client: client, Server: server}
	c.rec = &flow.Conn{}
	c.top = &detect{choose: c.protocol, rec: c}
	c.emit(m, flow.Event{Kind: flow.Open, Open: c.opening})
	return c
}

// protocol makes the speaker of what the first bytes look like; nil if others
// may tell more.
func (c *conn) protocol(name string) speaker {
	switch name {
	case protocolTLS:
		if c.session == nil { // TLS inside of TLS is not read: the session is in use
			return c.secure()
		}
	case protocolNone:
		if c.session == nil && c.tcp.MidStream() && speaksTLS(c.opening.Server.Port()) {
			s := c.secure() // it begins inside of a record
			for dir := range c.wire {
				s.session.Skip(dir, 1, s.emit)
			}
			return s
		}
		if c.session == nil && !c.whole() {
			return nil // it may begin inside of a message
		}
		if c.session == nil && c.opening.Server.Port() == portDNS {
			return newDNSStream(c)
		}
	case protocolHTTP1, protocolHTTP2:
		if c.rec.Scheme == "" {
			c.rec.Scheme, c.opening.Scheme = "http", "http"
		}
		c.readable()
		if name == protocolHTTP2 {
			return newHTTP2(c)
		}
		return newHTTP1(c, &c.w.http)
	}
	return opaque{}
}

func (c *conn) secure() *secure {
	if c.session == nil {
		c.session = tlswire.NewSession(c.w.a.opts.Keys)
		c.session.Hold, c.session.Scratch = c.w.a.opts.Hold, &c.w.scratch
		c.session.Await = c.w.awaitOthers
	}
	c.rec.Scheme, c.opening.Scheme = "https", "https"
	return newSecure(c, c.session)
}

// speaksTLS tells of the ports that nothing but TLS is used on.
func speaksTLS(port uint16) bool { return port == 443 || port == 8443 || port == 9443 }

// readable says of a connection without TLS that its content can be read.
func (c *conn) readable() {
	if c.session == nil {
		c.opening.Keys = flow.Yes
	}
}

// maxTunnels bounds how deep tunnels are read inside of each other: TLS to a
// proxy, CONNECT, TLS, WebSocket are four.
const maxTunnels = 8

func (c *conn) tunnel(protocol string) speaker {
	if c.tunnels++; c.tunnels > maxTunnels {
		return opaque{}
	}
	switch protocol {
	case "tls:h2", "h2c":
		return newHTTP2(c)
	case "tls:http/1.1", "tls:http/1.0":
		return newHTTP1(c, &c.w.http)
	}
	return &detect{choose: c.protocol, rec: c}
}

func (c *conn) hashing() bool { return c.w.a.opts.Hash }

func (c *conn) bodyTo(x flow.ExchangeID, dir int) io.Writer {
	if b := c.w.a.opts.Body; b != nil && b.Of.conn == c.ids.first && b.Of.number == int(x) && b.Request == (dir == fromClient) {
		return b.To
	}
	if most := c.w.a.opts.RequestBodies; most > 0 && dir == fromClient {
		return c.bodies.to(x, most)
	}
	return nil
}

func (c *conn) whole() bool {
	if c.tcp.MidStream() || c.noise[flow.Gap] > 0 {
		return false
	}
	if c.session == nil {
		return true
	}
	state, _ := c.session.Decrypted()
	return state == tlswire.Yes
}

func (c *conn) newExchange() flow.ExchangeID {
	c.ids.started++
	return flow.ExchangeID(c.ids.started)
}

func (c *conn) emit(m reassembly.Mark, e flow.Event) {
	if m.Time != 0 {
		e.At = time.Unix(0, m.Time).UTC()
	}
	e.Packet = m.Packet
	x := c.rec.Fold(e, keptEvents)
	maimed := c.memory.grew(c.rec, &e)
	if x != nil && e.Kind == flow.ExchangeDone {
		c.w.exchange(c, x)
	}
	if maimed {
		c.emit(m, flow.Event{Kind: flow.BufferFull, Text: headerDropped})
	}
}

// Bytes, Skip and Note make conn the reassembly.Handler.
func (c *conn) Bytes(dir int, p []byte, m reassembly.Mark) {
	c.wire[dir] += int64(len(p))
	c.top.bytes(dir, p, m)
}

func (c *conn) Skip(dir int, n int64, m reassembly.Mark) {
	c.wire[dir] += n
	c.top.skip(dir, n, m)
}

func (c *conn) Note(dir int, kind reassembly.NoteKind, n int64, m reassembly.Mark) {
	from := side(dir)
	switch kind {
	case reassembly.SYN:
		c.syns++
		c.emit(m, flow.Event{Kind: flow.SYN, From: from})
	case reassembly.SYNACK:
		c.answered = true
	case reassembly.Established: // which acknowledges a SYN-ACK, captured or not
		c.answered = true
		c.emit(m, flow.Event{Kind: flow.Established})
	case reassembly.FIN:
		c.emit(m, flow.Event{Kind: flow.FIN, From: from})
		c.top.end(dir, flow.Yes, m)
	case reassembly.RST:
		c.reset(dir, m)
	case reassembly.MidStream:
		e := flow.Event{Kind: flow.MidStream, From: from}
		if c.guessed {
			e.Attrs = flow.Attrs(flow.KeySides, "guessed")
		}
		c.emit(m, e)
	default:
		if k := noteKinds[kind]; k != flow.KindUnknown {
			c.noteMany(k, from, n, m)
		}
	}
}

// noteKinds are the events of notes. That bytes were cut off by the snap length
// is a gap like others: they passed and were not captured.
var noteKinds = map[reassembly.NoteKind]flow.Kind{
	reassembly.Retransmission: flow.Retransmission,
	reassembly.OutOfOrder:     flow.OutOfOrder,
	reassembly.Overlap:        flow.Overlap,
	reassembly.Gap:            flow.Gap,
	reassembly.Snapped:        flow.Gap,
	reassembly.Dropped:        flow.BufferFull,
	reassembly.KeepAlive:      flow.KeepAlive,
	reassembly.ZeroWindow:     flow.ZeroWindow,
	reassembly.WindowOpen:     flow.WindowOpen,
	reassembly.AckedUnseen:    flow.AckedUnseen,
	reassembly.Stray:          flow.Stray,
	reassembly.InvalidRST:     flow.InvalidRST,
}

// noteMany keeps the first of a kind of which loss makes many.
func (c *conn) noteMany(kind flow.Kind, from flow.Side, n int64, m reassembly.Mark) {
	if kind == flow.Retransmission && c.syns > 0 && !c.answered && from == flow.Client && n == 0 {
		c.syns++
	}
	if c.noise[kind] < keptNoise {
		c.noise[kind]++
		c.emit(m, flow.Event{Kind: kind, From: from, Bytes: n})
	}
}

func (c *conn) reset(dir int, m reassembly.Mark) {
	refused := c.syns > 0 && !c.answered && dir == fromServer
	c.emit(m, flow.Event{Kind: flow.RST, From: side(dir), Attrs: append(c.hops.odd(dir), c.silence(dir, m)...)})
	if refused {
		c.emit(m, flow.Event{Kind: flow.ConnectFailed, Text: "refused"})
	}
	c.top.end(dir, flow.No, m)
	c.top.end(1-dir, flow.No, m)
}

// silence is how long the peer of dir had not been heard.
func (c *conn) silence(dir int, m reassembly.Mark) []flow.Attr {
	heard := c.quality.last[1-dir].at
	if heard == 0 || m.Time-heard < int64(time.Second) {
		return nil
	}
	return flow.Attrs(flow.KeySilent, strconv.FormatInt((m.Time-heard)/int64(time.Millisecond), 10))
}

// settle hands over the record. A connection that has not ended stays open in
// it.
func (c *conn) settle() {
	if c.settled {
		return
	}
	c.settled = true
	c.flushHeld()
	c.tcp.Flush(c)
	c.top.over(c.mark)
	c.hanging()
	c.flaws()
	c.fullWindows()
	switch {
	case c.answered || c.early.seen[fromServer] || c.done:
	case c.refusal != nil:
		c.emit(c.mark, flow.Event{Kind: flow.ConnectFailed, Text: "unreachable", Attrs: c.refusal})
	case c.syns > 2:
		c.emit(c.mark, flow.Event{Kind: flow.ConnectFailed, Text: "timeout"})
	}
	if c.session != nil {
		c.decrypted()
	}
	if c.done {
		c.emit(c.mark, flow.Event{Kind: flow.Closed, Attrs: flow.Attrs(
			flow.KeyClientBytes, strconv.FormatInt(c.wire[0], 10), flow.KeyServerBytes, strconv.FormatInt(c.wire[1], 10))})
	}
	r := c.rec
	r.ClientBytes, r.ServerBytes, r.Counted, r.Packets = c.wire[0], c.wire[1], true, c.packets
	r.Keys, r.WhyNot = c.opening.Keys, c.opening.WhyNot
	for _, x := range r.Exchanges {
		if !x.Over {
			c.w.exchange(c, x)
		}
	}
	c.w.connection(c)
	c.top, c.session, c.rec = nil, nil, nil
}

// hangAfter is how long an exchange has to wait for its response to hang, as
// with the door.
const hangAfter = 2 * time.Second

// hanging tells of exchanges that waited when the capture ended.
func (c *conn) hanging() {
	if !c.w.atEnd() {
		return
	}
	now := reassembly.Mark{Time: c.w.a.ended}
	told := 0
	for _, x := range slices.Clone(c.rec.Exchanges) {
		waited := time.Unix(0, now.Time).Sub(x.Started)
		if x.Over || x.Status != 0 || x.Started.IsZero() || x.RequestDone.IsZero() || waited <= hangAfter || told == keptNoise {
			continue
		}
		told++
		c.emit(now, flow.Event{Kind: flow.Hanging, Exchange: x.ID, Text: "first-byte"})
	}
}

func (c *conn) decrypted() {
	state, why := c.session.Decrypted()
	switch state {
	case tlswire.Yes:
		c.opening.Keys = flow.Yes
	case tlswire.Partial:
		c.opening.Keys, c.opening.WhyNot = flow.Yes, why
	case tlswire.No:
		c.opening.Keys, c.opening.WhyNot = flow.No, why
	}
}
