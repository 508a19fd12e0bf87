package dissect

import (
	"container/list"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"fanlight/internal/dnswire"
	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
)

// portDNS is where name servers listen (RFC 1035, section 4.2).
const portDNS = 53

// Limits on what is kept of DNS over UDP.
const (
	// dnsLimit is the number of pairs of ports that a worker follows, and
	// dnsBytes what they may take, in equal shares for the workers; for more, the
	// record of the one that was idle longest ends.
	dnsLimit = 10_000
	dnsBytes = 8 << 20
	// dnsLinger is how long a record waits for a further question when all were
	// answered, and dnsPatience when one was not: longer than the longest timeout
	// of glibc's resolver (resolv.conf(5): 30 s).
	dnsLinger   = int64(1e9)
	dnsPatience = int64(35e9)
	// dnsEvents is how many events of messages make a record whole: one who
	// keeps its port begins another.
	dnsEvents = 200
	// openQuestions bounds those that wait for their answers.
	openQuestions = 32
)

// questions follows the messages between a client and a name server.
type questions struct {
	w      *worker
	ids    *identity
	client netip.Addr
	emit   func(m reassembly.Mark, e flow.Event)
	open   []question
}

type question struct {
	id         uint16
	name, kind string
}

// message takes one message. What has no question of its own is passed over.
func (q *questions) message(dir int, p []byte, m reassembly.Mark) bool {
	d, ok := dnswire.Parse(p)
	if !ok || d.Response != (dir == fromServer) {
		return false
	}
	this := question{d.ID, d.Name, d.Type}
	i := slices.Index(q.open, this)
	if !d.Response {
		q.emit(m, queryEvent(&d))
		if i < 0 {
			q.open = append(q.open[max(len(q.open)-openQuestions, 0):], this)
		}
	} else {
		q.emit(m, answerEvent(&d))
		if i >= 0 {
			q.open = slices.Delete(q.open, i, i+1)
		}
	}
	if d.Type == "A" || d.Type == "AAAA" {
		q.w.emit(output{ids: q.ids, size: outputCost, asking: &asking{client: q.client, m: m, message: d}})
	}
	return true
}

func queryEvent(d *dnswire.Message) flow.Event {
	recursive := ""
	if !d.Recursive {
		recursive = flow.No.String()
	}
	return flow.Event{Kind: flow.Query, From: flow.Client, Text: d.Name, Attrs: flow.Attrs(flow.KeyType, d.Type, flow.KeyRecursive, recursive)}
}

func answerEvent(d *dnswire.Message) flow.Event {
	ttl, cut := "", ""
	if len(d.Addresses) > 0 {
		ttl = strconv.FormatUint(uint64(d.TTL), 10)
	}
	if d.Cut {
		cut = "yes"
	}
	return flow.Event{Kind: flow.Answer, From: flow.Server, Text: d.Name, Attrs: flow.Attrs(
		flow.KeyType, d.Type, flow.KeyRcode, d.Rcode, flow.KeyAddresses, flow.FormatAddresses(d.Addresses),
		flow.KeyCanonical, d.Canonical, flow.KeyTTLSeconds, ttl, flow.KeyCut, cut)}
}

// dnsConn is what passed over UDP between a port of a client and a name server.
type dnsConn struct {
	w         *worker
	key       flowKey
	questions questions
	rec       *flow.Conn
	last      int64
	packets   int
	bytes     [2]int64
	memory    memory
	place     *list.Element // in the worker's list of those that wait, or of those that do not
}

// dnsConns are a worker's, each in one of two lists in the order of their last
// packets: those with a question that is open, and those without.
type dnsConns struct {
	by             map[flowKey]*dnsConn
	asking, silent list.List
	held           int // bytes of memory, about
}

// datagramDNS takes a datagram if it is a message of DNS.
func (w *worker) datagramDNS(m reassembly.Mark) bool {
	in := &w.info
	client, server, dir := in.Src, in.Dst, fromClient
	switch {
	case in.Dst.Port() == portDNS:
	case in.Src.Port() == portDNS:
		client, server, dir = in.Dst, in.Src, fromServer
	default:
		return false
	}
	if client.Port() == portDNS && len(in.Payload) > 2 && in.Payload[2]&0x80 != 0 && dir == fromClient { // both are: the QR bit tells
		client, server, dir = in.Dst, in.Src, fromServer
	}
	w.dropDNS()
	key, _ := keyOf(client, server)
	c := w.dns.by[key]
	begun := c == nil
	if begun {
		c = w.newDNS(key, client, server, m)
	}
	if !c.questions.message(dir, in.Payload, m) {
		return false
	}
	if begun {
		w.dns.by[key] = c
	}
	c.packets++
	c.bytes[dir] += int64(in.PayloadLen)
	c.last = m.Time
	w.dns.move(c)
	if len(c.questions.open) == 0 && len(c.rec.Events) > dnsEvents {
		w.settleDNS(c)
	}
	w.makeRoomDNS()
	return true
}

func (w *worker) newDNS(key flowKey, client, server netip.AddrPort, m reassembly.Mark) *dnsConn {
	c := &dnsConn{w: w, key: key, rec: &flow.Conn{}, questions: questions{w: w, ids: &identity{first: m.Packet}, client: client.Addr()}}
	c.questions.emit = c.add
	c.add(m, flow.Event{Kind: flow.Open, Open: &flow.Opening{Source: w.source, Client: client, Server: server, Scheme: flow.SchemeDNS, Keys: flow.Yes}})
	return c
}

func (c *dnsConn) add(m reassembly.Mark, e flow.Event) {
	if m.Time != 0 {
		e.At = time.Unix(0, m.Time).UTC()
	}
	e.Packet = m.Packet
	c.rec.Fold(e, keptEvents)
	c.memory.grew(c.rec, &e)
}

// move puts a connection behind the others of its list.
func (d *dnsConns) move(c *dnsConn) {
	d.leave(c)
	if len(c.questions.open) > 0 {
		c.place = d.asking.PushBack(c)
	} else {
		c.place = d.silent.PushBack(c)
	}
	d.held += c.memory.size() - c.memory.charged
	c.memory.charged = c.memory.size()
}

func (d *dnsConns) leave(c *dnsConn) {
	if c.place != nil {
		d.asking.Remove(c.place) // it is in one of them; the other leaves it alone
		d.silent.Remove(c.place)
		c.place = nil
	}
}

// makeRoomDNS ends records until there are no more than there may be.
func (w *worker) makeRoomDNS() {
	for len(w.dns.by) > dnsLimit || w.dns.held > dnsBytes/len(w.a.workers) && len(w.dns.by) > 1 {
		oldest := w.dns.silent.Front()
		if oldest == nil {
			oldest = w.dns.asking.Front()
		}
		w.settleDNS(oldest.Value.(*dnsConn))
	}
}

// dropDNS hands over the connections that have been idle for long enough.
func (w *worker) dropDNS() {
	w.dropIdleDNS(&w.dns.silent, dnsLinger)
	w.dropIdleDNS(&w.dns.asking, dnsPatience)
}

func (w *worker) dropIdleDNS(from *list.List, idle int64) {
	for e := from.Front(); e != nil; e = from.Front() {
		c := e.Value.(*dnsConn)
		if !w.atEnd() && w.now-c.last <= idle {
			return
		}
		w.settleDNS(c)
	}
}

func (w *worker) settleDNS(c *dnsConn) {
	w.dns.leave(c)
	delete(w.dns.by, c.key)
	w.dns.held -= c.memory.charged
	r := c.rec
	r.ClientBytes, r.ServerBytes, r.Counted, r.Packets = c.bytes[0], c.bytes[1], true, c.packets
	w.emit(output{size: c.memory.size(), ids: c.questions.ids, conn: r})
}
