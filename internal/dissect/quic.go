package dissect

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/quicwire"
	"fanlight/internal/reassembly"
	"fanlight/internal/tlswire"
)

// quicConn is one QUIC connection: its hellos and its close, and why there is
// no more.
type quicConn struct {
	w        *worker
	key      flowKey
	flipped  bool
	last     int64
	mark     reassembly.Mark
	wire     quicwire.Conn
	hellos   [2]tlswire.Handshakes
	rec      *flow.Conn
	opening  *flow.Opening
	ids      *identity
	hello    *tlswire.ServerHello
	finished int
	packets  int
	bytes    [2]int64
	closed   bool
	emit     func(*quicwire.Event)
	memory   memory
}

const (
	quicIdle  = int64(120e9)
	quicLimit = 10_000 // connections followed by a worker
)

// datagram takes a UDP datagram if it is of QUIC.
func (w *worker) datagram(m reassembly.Mark) bool {
	in := &w.info
	key, swapped := keyOf(in.Src, in.Dst)
	c := w.quic[key]
	if c == nil {
		if !quicwire.LooksLikeQUIC(in.Payload) {
			return false
		}
		if len(w.quic) >= quicLimit {
			w.crowdedOutQUIC()
		}
		c = &quicConn{w: w, key: key, flipped: swapped, ids: &identity{first: m.Packet}, rec: &flow.Conn{}}
		c.opening = &flow.Opening{Source: w.source, Client: in.Src, Server: in.Dst, Scheme: "https",
			Keys: flow.No, WhyNot: "HTTP/3 is not read"}
		c.emit = c.event
		c.wire.Secrets = func(random []byte) (quicwire.Secrets, bool) {
			t, ok := w.a.opts.Keys.Traffic(random)
			return quicwire.Secrets(t), ok
		}
		w.quic[key] = c
		c.add(m, flow.Event{Kind: flow.Open, Open: c.opening})
		w.began(c.ids, in.Src, in.Dst)
	}
	dir := fromClient
	if swapped != c.flipped {
		dir = fromServer
	}
	c.packets++
	c.bytes[dir] += int64(in.PayloadLen)
	c.last, c.mark = m.Time, m
	c.wire.Datagram(dir, in.Payload, c.emit)
	w.chargeQUIC(c)
	return true
}

// dropQUIC hands over the connections that were idle since a time. UDP has no
// end that would do.
func (w *worker) dropQUIC(since int64) {
	var idle []*quicConn
	for _, c := range w.quic {
		if c.last <= since {
			idle = append(idle, c)
		}
	}
	slices.SortFunc(idle, func(a, b *quicConn) int { return cmp.Compare(a.ids.first, b.ids.first) })
	for _, c := range idle {
		c.settle()
		delete(w.quic, c.key)
		w.heldQUIC -= c.memory.charged
	}
}

// crowdedOutQUIC makes room: it ends the records of the quarter that was idle
// longest.
func (w *worker) crowdedOutQUIC() {
	last := make([]int64, 0, len(w.quic))
	for _, c := range w.quic {
		last = append(last, c.last)
	}
	slices.Sort(last)
	since := last[len(last)/4]
	for _, c := range w.quic {
		if c.last <= since {
			w.counts.Evicted++
			c.add(c.mark, flow.Event{Kind: flow.BufferFull, Text: crowdedOut})
		}
	}
	w.dropQUIC(since)
}

func (c *quicConn) add(m reassembly.Mark, e flow.Event) {
	if m.Time != 0 {
		e.At = time.Unix(0, m.Time).UTC()
	}
	e.Packet = m.Packet
	c.rec.Fold(e, keptEvents)
	c.memory.grew(c.rec, &e)
}

func (c *quicConn) event(e *quicwire.Event) {
	from := side(e.Dir)
	switch e.Kind {
	case quicwire.Crypto:
		if e.Level == quicwire.OneRTT {
			return // session tickets
		}
		// A damaged message shows in what follows.
		_ = c.hellos[e.Dir].Add(e.Data, func(typ uint8, body []byte) { c.message(typ, body) })
	case quicwire.Retry:
		c.add(c.mark, flow.Event{Kind: flow.HelloRetry, From: from, Text: "QUIC Retry"})
	case quicwire.Close:
		c.close(e)
	}
}

func (c *quicConn) message(typ uint8, body []byte) {
	switch typ {
	case tlswire.TypeClientHello:
		if h, err := tlswire.ParseClientHello(body); err == nil {
			c.add(c.mark, clientHello(h, 'q'))
		}
	case tlswire.TypeServerHello:
		if h, err := tlswire.ParseServerHello(body); err == nil {
			c.hello = h
			c.add(c.mark, serverHello(h))
		}
	case tlswire.TypeFinished: // readable with secrets only
		if c.finished++; c.finished == 2 && c.hello != nil {
			c.add(c.mark, flow.Event{Kind: flow.TLSDone, Text: "1.3", Attrs: flow.Attrs(
				flow.KeyCipher, tlswire.CipherName(c.hello.Cipher), flow.KeyResumed, flow.SeenIf(c.hello.PSK).String())})
		}
	}
}

func (c *quicConn) close(e *quicwire.Event) {
	if c.closed {
		return
	}
	c.closed = true
	name := quicwire.ErrorName(e.Code)
	if e.App {
		name = quicwire.HTTP3ErrorName(e.Code)
	}
	if alert, ok := quicwire.Alert(e.Code); ok && !e.App {
		name += " " + tlswire.AlertName(alert)
		c.add(c.mark, flow.Event{Kind: flow.Alert, From: side(e.Dir), Text: tlswire.AlertName(alert), Attrs: flow.Attrs(flow.KeyLevel, "fatal")})
	}
	c.add(c.mark, flow.Event{Kind: flow.FIN, From: side(e.Dir), Text: strings.TrimSpace("QUIC close: " + name + " " + e.Reason)})
	c.add(c.mark, flow.Event{Kind: flow.Closed, Attrs: flow.Attrs(
		flow.KeyClientBytes, strconv.FormatInt(c.bytes[0], 10), flow.KeyServerBytes, strconv.FormatInt(c.bytes[1], 10))})
}

func (c *quicConn) settle() {
	r := c.rec
	r.ClientBytes, r.ServerBytes, r.Counted, r.Packets = c.bytes[0], c.bytes[1], true, c.packets
	if why := c.wire.WhyNot(); why != "" {
		c.opening.WhyNot = "HTTP/3 is not read; " + why
	}
	r.Keys, r.WhyNot = c.opening.Keys, c.opening.WhyNot
	c.w.emit(output{size: c.memory.size(), ids: c.ids, conn: r})
}
