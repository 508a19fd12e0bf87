package dissect

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/packet"
	"fanlight/internal/pcap"
	"fanlight/internal/reassembly"
)

// segments is a source of packets that a test makes up.
type segments struct {
	batches []pcap.Batch
	number  int
	next    map[int]*[2]uint32 // sequence numbers by connection
}

const linkRaw = 101

// add has a side of a connection, known by its number, send bytes to or from
// port 80, a millisecond after those before it.
func (s *segments) add(conn, dir int, flags uint8, payload string) {
	if s.next == nil {
		s.next = map[int]*[2]uint32{}
	}
	if s.next[conn] == nil {
		s.next[conn] = &[2]uint32{1000, 5000}
	}
	seq := s.next[conn]
	ip := make([]byte, 40, 40+len(payload))
	ip[0], ip[8], ip[9], ip[32], ip[33] = 0x45, 64, 6, 5<<4, flags
	binary.BigEndian.PutUint16(ip[2:], uint16(40+len(payload)))
	ends := [2][]byte{{10, 0, byte(conn >> 8), byte(conn)}, {192, 0, 2, 1}}
	ports := [2]uint16{40000, 80}
	copy(ip[12:], ends[dir])
	copy(ip[16:], ends[1-dir])
	binary.BigEndian.PutUint16(ip[20:], ports[dir])
	binary.BigEndian.PutUint16(ip[22:], ports[1-dir])
	binary.BigEndian.PutUint32(ip[24:], seq[dir])
	binary.BigEndian.PutUint32(ip[28:], seq[1-dir])
	ip[34] = 0xff
	seq[dir] += uint32(len(payload))
	if flags&(packet.SYN|packet.FIN) != 0 {
		seq[dir]++
	}
	s.number++
	if s.number%100 == 1 {
		s.batches = append(s.batches, pcap.Batch{})
	}
	b := &s.batches[len(s.batches)-1]
	b.Packets = append(b.Packets, pcap.Packet{Link: linkRaw, Data: append(ip, payload...), Length: cap(ip),
		Time: int64(1e18) + int64(s.number)*1e6, HasTime: true, Number: s.number})
}

// open has a client connect.
func (s *segments) open(conn int) {
	s.add(conn, fromClient, packet.SYN, "")
	s.add(conn, fromServer, packet.SYN|packet.ACK, "")
	s.add(conn, fromClient, packet.ACK, "")
}

// send has a side send bytes in segments of up to 60,000.
func (s *segments) send(conn, dir int, payload string) {
	for len(payload) > 0 {
		n := min(len(payload), 60_000)
		s.add(conn, dir, packet.ACK, payload[:n])
		payload = payload[n:]
	}
}

func (s *segments) NextBatch(b *pcap.Batch) error {
	if len(s.batches) == 0 {
		return io.EOF
	}
	*b, s.batches = s.batches[0], s.batches[1:]
	return nil
}

// run gives all that the packets tell, and the worker that read them.
func (s *segments) run(t *testing.T) (conns []*flow.Conn, counts Counts, w *worker) {
	t.Helper()
	exchanges := 0
	a := New(Options{Workers: 1, Exchange: func(*flow.Conn, *flow.Exchange) { exchanges++ }, Conn: func(c *flow.Conn) {
		conns = append(conns, c)
		exchanges -= c.Forgotten + len(c.Exchanges)
	}})
	counts, err := a.Run(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	if exchanges != 0 {
		t.Errorf("%d exchanges more than connections have", exchanges)
	}
	return conns, counts, a.workers[0]
}

func hasEvent(c *flow.Conn, kind flow.Kind, text string) bool {
	for _, e := range c.Events {
		if e.Kind == kind && e.Text == text {
			return true
		}
	}
	return false
}

// Connections that keep long heads open end, those idle longest first, and say
// so; nothing is left charged.
func TestOpenConnectionsAreBounded(t *testing.T) {
	s := &segments{}
	head := "GET / HTTP/1.1\r\nX: " + strings.Repeat("v", 200_000)
	const n = 400 // of 200 KB
	for i := range n {
		s.open(i)
		s.send(i, fromClient, head)
	}
	conns, counts, w := s.run(t)
	if len(conns) != n || counts.Evicted < n/6 || counts.Evicted > n/2 {
		t.Errorf("%d connections, %d ended early", len(conns), counts.Evicted)
	}
	for i, c := range conns {
		if evicted := hasEvent(c, flow.BufferFull, crowdedOut); evicted != (i < counts.Evicted) {
			t.Errorf("connection %d of %d that were ended early: says so: %v", i, counts.Evicted, evicted)
		}
	}
	if w.held != 0 {
		t.Errorf("%d bytes are charged at the end", w.held)
	}
}

// Nobody knows what becomes of an exchange whose connection is not followed to
// its end for want of room.
func TestEvictedExchangesHaveNoOutcome(t *testing.T) {
	s := &segments{}
	const n = openLimit + 10
	for i := range n {
		s.open(i)
		s.send(i, fromClient, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	conns, counts, _ := s.run(t)
	for i, c := range conns {
		if x := c.Exchanges[0]; x.Outcome != "" || x.Over != (i < counts.Evicted) {
			t.Fatalf("exchange %d with %d ended early: over %v, %q", i, counts.Evicted, x.Over, x.Outcome)
		}
	}
	if counts.Evicted < 10 {
		t.Errorf("%d ended early", counts.Evicted)
	}
}

// The record of a connection with long heads keeps the last exchanges; when
// it is not enough that those leave that are over, it says so.
func TestRecordIsBounded(t *testing.T) {
	head := "X: " + strings.Repeat("v", 50_000) + "\r\n\r\n"
	for _, answered := range []bool{true, false} {
		s := &segments{}
		s.open(1)
		for i := range 100 {
			s.send(1, fromClient, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: a\r\n", i)+head)
			if answered {
				s.send(1, fromServer, "HTTP/1.1 204 No\r\n\r\n")
			}
		}
		conns, counts, _ := s.run(t)
		c := conns[0]
		if len(conns) != 1 || counts.Evicted != 0 || c.Size() > recordBytes+recordBytes/2 {
			t.Errorf("answered %v: %d connections, %d ended early, the first takes %d bytes", answered, len(conns), counts.Evicted, c.Size())
		}
		if said := hasEvent(c, flow.BufferFull, headerDropped); said == answered {
			t.Errorf("answered %v: header was dropped: %v", answered, said)
		}
		if last := c.Exchanges[len(c.Exchanges)-1]; last.Target != "/99" || len(last.RequestHeader) != 2 {
			t.Errorf("answered %v: the last exchange is %s with %d fields", answered, last.Target, len(last.RequestHeader))
		}
	}
}

// Answers that were captured in front of their questions wait within the budget
// of reassembly; without room they wait no longer, and nothing is lost.
func TestEarlySegmentsAreBounded(t *testing.T) {
	body := strings.Repeat("b", 50_000)
	for name, test := range map[string]struct {
		total int64
		holds bool
	}{"room": {1 << 20, true}, "no room": {1000, false}} {
		a := New(Options{Workers: 1})
		a.budget = reassembly.NewBudget(reassembly.Limits{Total: test.total})
		s := &segments{}
		s.open(1)
		answer := len(s.batches[0].Packets) + 1
		s.send(1, fromClient, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		s.send(1, fromServer, "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n"+body)
		packets := s.batches[0].Packets
		packets[answer-1], packets[answer] = packets[answer], packets[answer-1]
		w, most := a.workers[0], int64(0)
		for i := range packets {
			w.packet(&packets[i])
			most = max(most, a.budget.Held())
		}
		w.flush()
		if (most > 50_000) != test.holds || a.budget.Held() != 0 {
			t.Errorf("%s: %d bytes are held at most, %d at the end", name, most, a.budget.Held())
		}
		if x := givenOut(w.out)[0].exchange; x == nil || x.ResponseBodyBytes != 50_000 {
			t.Errorf("%s: the answer was not read: %+v", name, x)
		}
	}
}

// A handshake message that claims megabytes is not kept; the record says so, and
// what follows it is read.
func TestLongHandshakeMessage(t *testing.T) {
	record := func(b []byte) string { return string([]byte{22, 3, 3, byte(len(b) >> 8), byte(len(b))}) + string(b) }
	hello := func(typ byte, rest ...byte) string {
		body := append(append([]byte{3, 3}, make([]byte, 33)...), rest...)
		return record(append([]byte{typ, 0, 0, byte(len(body))}, body...))
	}
	s := &segments{}
	s.open(1)
	s.send(1, fromClient, hello(1, 0, 2, 0xc0, 0x2f, 1, 0))
	s.send(1, fromServer, hello(2, 0xc0, 0x2f, 0))
	const claimed = 2 << 20
	message := append([]byte{11, claimed >> 16, 0, 0}, make([]byte, claimed)...)
	message = append(message, 13, 0, 0, 8, 1, 1, 0, 2, 4, 1, 0, 0)
	for len(message) > 0 {
		n := min(16000, len(message))
		s.send(1, fromServer, record(message[:n]))
		message = message[n:]
	}
	conns, _, _ := s.run(t)
	said, asked := false, false
	for _, e := range conns[0].Events {
		said = said || e.Kind == flow.BufferFull && e.Bytes == claimed && e.Text == "TLS certificate is too long to be kept"
		asked = asked || e.Kind == flow.CertificateRequest
	}
	if !said || !asked {
		t.Errorf("said %v, certificate request %v:\n%s", said, asked, (&flow.Trace{Conns: conns}).String())
	}
}

// Of the names of exchanges as many are remembered as are asked for again, and
// the record names its exchanges as they were given out.
func TestNamesAreBounded(t *testing.T) {
	s := &segments{}
	s.open(1)
	const n = 3*knownNames + 100
	for i := range n {
		s.send(1, fromClient, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i))
		s.send(1, fromServer, "HTTP/1.1 204 No\r\n\r\n")
	}
	given := map[flow.ExchangeID]string{}
	var c *flow.Conn
	a := New(Options{Workers: 1,
		Exchange: func(_ *flow.Conn, x *flow.Exchange) { given[x.ID] = "GET " + x.Target },
		Conn:     func(conn *flow.Conn) { c = conn }})
	if _, err := a.Run(context.Background(), s); err != nil || len(given) != n {
		t.Fatalf("%d of %d exchanges: %v", len(given), n, err)
	}
	for _, x := range c.Exchanges {
		if given[x.ID] != "GET "+x.Target {
			t.Errorf("%v of the record is %s, what was given is %s", x.ID, x.Target, given[x.ID])
		}
	}
	for _, e := range c.Events {
		if e.Kind == flow.Request && given[e.Exchange] != e.Text {
			t.Errorf("%v of the events is %s, what was given is %s", e.Exchange, e.Text, given[e.Exchange])
		}
	}
	ids := &identity{}
	for i := range 100_000 {
		a.newExchangeID(ids, i+1)
	}
	if len(ids.exchanges) > 2*knownNames {
		t.Errorf("%d names are remembered", len(ids.exchanges))
	}
}

// A connection that is over is handed over, even if packets of it keep coming.
func TestTrailingPackets(t *testing.T) {
	s := &segments{}
	s.open(1)
	s.add(1, fromClient, packet.FIN|packet.ACK, "")
	s.add(1, fromServer, packet.FIN|packet.ACK, "")
	for range 1500 { // a millisecond each
		s.add(1, fromClient, packet.ACK, "")
	}
	w := New(Options{Workers: 1}).workers[0]
	for _, b := range s.batches {
		for i := range b.Packets {
			w.packet(&b.Packets[i])
		}
	}
	if given := givenOut(w.out); len(given) != 1 || len(w.ending) != 0 {
		t.Errorf("%d records, %d connections are ending", len(given), len(w.ending))
	}
}

// givenOut leaves out what a worker asks and tells the collector.
func givenOut(all []output) []output {
	return slices.DeleteFunc(slices.Clone(all), func(o output) bool { return o.conn == nil })
}
