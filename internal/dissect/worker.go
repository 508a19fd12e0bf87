package dissect

import (
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
	"fanlight/internal/pcap"
	"fanlight/internal/reassembly"
	"fanlight/internal/tlswire"
)

// flowKey is the two ends of a connection, the lower first.
type flowKey struct{ low, high netip.AddrPort }

// worker follows the connections that are its share.
type worker struct {
	a        *Analyzer
	source   string
	dec      packet.Decoder
	info     packet.Info
	flows    map[flowKey]*conn
	quic     map[flowKey]*quicConn
	heldQUIC int // as held
	dns      dnsConns
	oldest   *conn // of a list in the order of their last packets
	newest   *conn
	awake    *conn   // of it, the first whose record is not packed
	ending   []ended // in the order they were
	held     int     // bytes of memory that connections take, about
	now      int64
	swept    int64 // when idle QUIC connections were looked for
	out      []output
	made     int // bytes of memory that out takes, about
	number   int // of the packet in hand
	counts   Counts

	scratch    tlswire.Scratch
	http       httpScratch
	packer     packer
	sleepAfter int64
	at         atomic.Int64 // number of the packet in hand; all before it are done
}

// ended is a connection that is done, and since when.
type ended struct {
	conn *conn
	at   int64
}

const (
	// linger is how long a connection that is over waits for what trails.
	linger = int64(1e9)
	// forgetAfter is how long one that is over is remembered, so that a packet
	// that comes late opens none anew.
	forgetAfter = int64(60e9)
	// openLimit is the number of connections a worker follows; a further one
	// ends the record of the one that was idle longest.
	openLimit = 30_000
)

func newWorker(a *Analyzer) *worker {
	return &worker{a: a, source: a.opts.Source, flows: map[flowKey]*conn{}, quic: map[flowKey]*quicConn{}, dns: dnsConns{by: map[flowKey]*dnsConn{}}, sleepAfter: sleepAfter}
}

// awaitOthers returns when the other workers have read what came before the
// packet in hand. The one whose packet is the first of all never waits.
func (w *worker) awaitOthers() {
	for _, other := range w.a.workers {
		for other != w && other.at.Load() < int64(w.number) {
			time.Sleep(20 * time.Microsecond)
		}
	}
}

func (w *worker) packet(p *pcap.Packet) {
	w.number = p.Number
	if p.File < len(w.a.opts.Sources) {
		w.source = w.a.opts.Sources[p.File]
	}
	w.at.Store(int64(p.Number))
	if p.HasTime {
		w.now = max(w.now, p.Time)
	}
	if !w.dec.Decode(uint16(p.Link), p.Data, p.Length, p.Time, &w.info) {
		w.unread()
		return
	}
	m := reassembly.Mark{Time: p.Time, Packet: p.Number}
	switch w.info.Proto {
	case packet.TCP:
		if w.info.Undelivered != "" {
			w.undelivered(m)
			w.counts.Other++
		} else {
			w.segment(m)
		}
	case packet.UDP:
		if !w.datagramDNS(m) && !w.datagram(m) {
			w.counts.Other++
		}
	default:
		w.counts.Other++
	}
	w.tidy()
}

// unread counts a packet that gave nothing: apart if it should have.
func (w *worker) unread() {
	switch w.info.Skip {
	case packet.SkipARP, packet.SkipNotIP, packet.SkipProtocol, packet.SkipFragment:
		w.counts.Other++
	default:
		w.counts.skip(w.info.Skip)
	}
}

func (w *worker) segment(m reassembly.Mark) {
	in, t := &w.info, &w.info.TCP
	key, swapped := keyOf(in.Src, in.Dst)
	seg := reassembly.Segment{Time: m.Time, Packet: m.Packet, Seq: t.Seq, Ack: t.Ack, Window: t.Window,
		Flags: t.Flags, WScale: t.WScale, Payload: in.Payload, Length: in.PayloadLen}
	c := w.flows[key]
	if c != nil && c.tcp.Reuse(c.direction(swapped), &seg) {
		w.drop(c)
		c = nil
	}
	if c == nil {
		if len(w.flows) >= openLimit {
			w.evict(w.oldest)
		}
		c = w.begin(key, swapped, m)
	} else {
		w.touch(c)
	}
	if c.settled {
		return
	}
	c.quality.note(c.direction(swapped), in, m, c.last)
	c.hops.note(c.direction(swapped), in)
	c.windows.note(c.direction(swapped), in, m)
	c.last, c.mark = m.Time, m
	c.packets++
	c.add(c.direction(swapped), &seg)
	if !c.done && c.tcp.Done() {
		c.done = true
		w.ending = append(w.ending, ended{c, w.now})
	}
	c.charge()
	w.makeRoom()
}

func keyOf(src, dst netip.AddrPort) (key flowKey, swapped bool) {
	if src.Compare(dst) > 0 {
		return flowKey{dst, src}, true
	}
	return flowKey{src, dst}, false
}

// direction is that of a packet, swapped when its source is the key's higher
// address.
func (c *conn) direction(swapped bool) int {
	if swapped != c.flipped {
		return fromServer
	}
	return fromClient
}

func (w *worker) begin(key flowKey, swapped bool, m reassembly.Mark) *conn {
	in := &w.info
	client, server := in.Src, in.Dst
	if fromTheServer(in) {
		client, server = server, client
		swapped = !swapped
	}
	c := w.open(key, swapped, client, server, m)
	c.guessed = in.TCP.Flags&packet.SYN == 0
	if !c.guessed {
		w.began(c.ids, client, server)
	}
	w.flows[key] = c
	w.append(c)
	return c
}

// fromTheServer guesses by the first packet of a connection.
func fromTheServer(in *packet.Info) bool {
	switch in.TCP.Flags & (packet.SYN | packet.ACK) {
	case packet.SYN:
		return false
	case packet.SYN | packet.ACK:
		return true
	}
	if a, b := known(in.Src.Port()), known(in.Dst.Port()); a != b {
		return a
	}
	return in.Src.Port() < in.Dst.Port()
}

func known(port uint16) bool {
	switch port {
	case 80, 443, 3128, 8000, 8080, 8443, 8888, 9443:
		return true
	}
	return port < 1024
}

// tidy hands over what is over, and forgets what was over long ago.
func (w *worker) tidy() {
	if w.now-w.swept > quicIdle/4 {
		w.swept = w.now
		w.dropQUIC(w.now - quicIdle)
	}
	w.dropDNS()
	w.sleepers()
	for len(w.ending) > 0 && w.now-w.ending[0].at > linger {
		w.ending[0].conn.wake()
		w.ending[0].conn.settle()
		w.ending = w.ending[1:]
	}
	for c := w.oldest; c != nil && c.settled && w.now-c.last > forgetAfter; c = w.oldest {
		w.drop(c)
	}
}

// drop ends the record of a connection and forgets it.
func (w *worker) drop(c *conn) {
	c.wake()
	c.settle()
	w.remove(c)
	w.held -= c.memory.charged
	if w.flows[c.key] == c {
		delete(w.flows, c.key)
	}
}

// atEnd is the number of the packet in hand behind the last.
const atEnd = math.MaxInt

func (w *worker) atEnd() bool { return w.number == atEnd }

// flush ends all records, at the end of the capture.
func (w *worker) flush() {
	w.number = atEnd
	for w.oldest != nil {
		w.drop(w.oldest)
	}
	w.ending = nil
	w.dropQUIC(math.MaxInt64)
	w.dropDNS()
}

func (w *worker) append(c *conn) {
	c.prev, c.next = w.newest, nil
	if w.newest != nil {
		w.newest.next = c
	} else {
		w.oldest = c
	}
	w.newest = c
	if w.awake == nil {
		w.awake = c
	}
}

func (w *worker) remove(c *conn) {
	if w.awake == c {
		w.awake = c.next
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		w.oldest = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		w.newest = c.prev
	}
	c.prev, c.next = nil, nil
}

func (w *worker) touch(c *conn) {
	c.wake()
	if w.newest != c {
		w.remove(c)
		w.append(c)
	}
}

// output is one record that is ready, with the packet that made it so.
type output struct {
	packet   int   // atEnd: the end of the capture
	at       int64 // time of that packet
	ids      *identity
	size     int // of memory, about
	exchange *flow.Exchange
	number   int        // of the exchange on its connection
	conn     *flow.Conn // with an exchange: its facts so far
	asking   *asking    // a message instead of a record
	led      *lead      // a connection begins between these addresses; instead of a record
}

// exchange hands over a copy: the connection's own may still change.
func (w *worker) exchange(c *conn, x *flow.Exchange) {
	cp, facts := *x, *c.rec
	facts.Events, facts.Exchanges = nil, nil
	if facts.TLS != nil {
		tls := *facts.TLS
		facts.TLS = &tls
	}
	if c.session != nil {
		facts.Keys = flow.Yes
	}
	cp.RequestBody = c.bodies.take(x.ID)
	full := w.made > batchBytes && !w.atEnd() // at the end, what is open is within its own bounds
	if full && len(cp.RequestHeader)+len(cp.ResponseHeader) > 0 {
		w.counts.Bared++
		cp.RequestHeader, cp.ResponseHeader, cp.RequestBody = nil, nil, nil
	}
	w.emit(output{size: cp.Size() + outputCost, ids: c.ids, exchange: &cp, number: int(x.ID), conn: &facts})
}

func (w *worker) connection(c *conn) {
	w.emit(output{size: c.memory.size(), ids: c.ids, conn: c.rec})
}

// began asks the collector what was looked up for a connection.
func (w *worker) began(ids *identity, client, server netip.AddrPort) {
	w.emit(output{ids: ids, size: outputCost, led: &lead{client.Addr(), server.Addr()}})
}

func (w *worker) emit(o output) {
	o.packet, o.at = w.number, w.now
	w.made += o.size
	w.out = append(w.out, o)
}
