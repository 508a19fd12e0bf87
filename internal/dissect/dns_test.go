package dissect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"fanlight/internal/dnswire"
	"fanlight/internal/flow"
	"fanlight/internal/packet"
	"fanlight/internal/pcap"
	"fanlight/internal/reassembly"
)

// datagrams makes a capture of what is said on lines such as
//
//	+5.0 10.0.0.1:40000 > 10.0.0.2:53 7 app.test A 10.0.0.5 60
//
// the time in seconds, the client, > for a query and < for its answer, the name
// server, the message's number, name and type; of an answer addresses with
// their time to live, or NXDOMAIN. A line with tcp is a SYN.
func datagrams(t testing.TB, script string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := pcap.NewWriter(&out, pcap.WriterOptions{})
	face := w.AddInterface(pcap.LinkType(packet.LinkRaw), 0, "")
	for line := range strings.Lines(script) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		after, err := time.ParseDuration(strings.TrimPrefix(words[0], "+") + "s")
		if err != nil {
			t.Fatal(err)
		}
		frame := datagram(t, words[1:])
		if err := w.WritePacket(face, int64(1e18)+int64(after), len(frame), frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func datagram(t testing.TB, words []string) []byte {
	t.Helper()
	client, server := netip.MustParseAddrPort(words[0]), netip.MustParseAddrPort(words[2])
	if words[3] == "tcp" {
		return ipPacket(packet.TCP, client, server, []byte{0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, packet.SYN, 0xff, 0xff, 0, 0, 0, 0})
	}
	m := dnsMessage(t, words[1] == "<", words[3:])
	udp := binary.BigEndian.AppendUint16(nil, uint16(8+len(m)))
	udp = append(append(udp, 0, 0), m...)
	if words[1] == "<" {
		client, server = server, client
	}
	return ipPacket(packet.UDP, client, server, udp)
}

// ipPacket is an IPv4 packet whose transport header begins with the ports.
func ipPacket(proto uint8, from, to netip.AddrPort, rest []byte) []byte {
	p := []byte{0x45, 0}
	p = binary.BigEndian.AppendUint16(p, uint16(24+len(rest)))
	p = append(p, 0, 0, 0x40, 0, 64, proto, 0, 0)
	p = append(append(p, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	p = binary.BigEndian.AppendUint16(p, from.Port())
	return append(binary.BigEndian.AppendUint16(p, to.Port()), rest...)
}

func dnsMessage(t testing.TB, response bool, words []string) []byte {
	t.Helper()
	var id uint16
	if _, err := fmt.Sscan(words[0], &id); err != nil {
		t.Fatal(err)
	}
	types := map[string]dnsmessage.Type{"A": dnsmessage.TypeA, "AAAA": dnsmessage.TypeAAAA, "TXT": dnsmessage.TypeTXT}
	q := dnsmessage.Question{Name: dnsmessage.MustNewName(words[1] + "."), Type: types[words[2]], Class: dnsmessage.ClassINET}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, Response: response, RecursionDesired: true}, Questions: []dnsmessage.Question{q}}
	for _, word := range words[3:] {
		if word == "NXDOMAIN" {
			m.RCode = dnsmessage.RCodeNameError
			continue
		}
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: netip.MustParseAddr(word).As4()}})
	}
	out, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// told gives of each connection the lookup that led to it.
func told(t *testing.T, script string) []string {
	t.Helper()
	trace, _, err := analyse(t, datagrams(t, script), "names", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range trace.Conns {
		switch l := c.Lookup; {
		case c.Scheme == flow.SchemeDNS:
		case l == nil:
			out = append(out, c.Server.String()+" nothing")
		default:
			out = append(out, fmt.Sprintf("%s %s %s by %s", c.Server, l.Name, l.Took, l.DNS))
		}
	}
	return out
}

func TestLookupBehindConnection(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"both families", `
			+0.000 10.0.0.1:40000 > 10.0.0.2:53 1 app.test A
			+0.000 10.0.0.1:40000 > 10.0.0.2:53 2 app.test AAAA
			+0.001 10.0.0.1:40000 < 10.0.0.2:53 1 app.test A 10.0.0.5
			+0.003 10.0.0.1:40000 < 10.0.0.2:53 2 app.test AAAA
			+0.004 10.0.0.1:51000 > 10.0.0.5:80 tcp`, "10.0.0.5:80 app.test 3ms by c1"},
		{"asked again of the same port, for both, because one did not come", `
			+0.000 10.0.0.1:40000 > 10.0.0.2:53 1 app.test A
			+0.000 10.0.0.1:40000 > 10.0.0.2:53 2 app.test AAAA
			+0.001 10.0.0.1:40000 < 10.0.0.2:53 1 app.test A 10.0.0.5
			+5.001 10.0.0.1:40000 > 10.0.0.2:53 1 app.test A
			+5.002 10.0.0.1:40000 < 10.0.0.2:53 1 app.test A 10.0.0.5
			+5.002 10.0.0.1:40000 > 10.0.0.2:53 2 app.test AAAA
			+5.003 10.0.0.1:40000 < 10.0.0.2:53 2 app.test AAAA
			+5.004 10.0.0.1:51000 > 10.0.0.5:80 tcp`, "10.0.0.5:80 app.test 5.003s by c1"},
		{"asked again of another port and server", `
			+0.000 10.0.0.1:40000 > 10.0.0.3:53 1 app.test A
			+5.000 10.0.0.1:40001 > 10.0.0.2:53 2 app.test A
			+5.001 10.0.0.1:40001 < 10.0.0.2:53 2 app.test A 10.0.0.5
			+5.002 10.0.0.1:51000 > 10.0.0.5:80 tcp`, "10.0.0.5:80 app.test 5.001s by c1"},
		{"another visit, an hour later", `
			+0.000 10.0.0.1:40000 > 10.0.0.2:53 1 app.test A
			+0.001 10.0.0.1:40000 < 10.0.0.2:53 1 app.test A 10.0.0.5
			+3600.0 10.0.0.1:40001 > 10.0.0.2:53 2 app.test A
			+3600.002 10.0.0.1:40001 < 10.0.0.2:53 2 app.test A 10.0.0.5
			+3600.003 10.0.0.1:51000 > 10.0.0.5:80 tcp`, "10.0.0.5:80 app.test 2ms by c2"},
		{"another visit, at once", `
			+0.000 10.0.0.1:40000 > 10.0.0.2:53 1 app.test A
			+1.000 10.0.0.1:40001 > 10.0.0.3:53 1 app.test A
			+1.001 10.0.0.1:40001 < 10.0.0.3:53 1 app.test A 10.0.0.5
			+1.002 10.0.0.1:51000 > 10.0.0.5:80 tcp
			+1.010 10.0.0.1:40002 > 10.0.0.2:53 2 app.test A
			+2.010 10.0.0.1:40003 > 10.0.0.3:53 2 app.test A
			+2.011 10.0.0.1:40003 < 10.0.0.3:53 2 app.test A 10.0.0.5
			+2.012 10.0.0.1:51001 > 10.0.0.5:80 tcp`, "10.0.0.5:80 app.test 1.001s by c1, 10.0.0.5:80 app.test 1.001s by c3"},
		{"another client's, another address, an answer that came too late", `
			+0.000 10.0.0.1:40000 > 10.0.0.2:53 1 app.test A
			+0.001 10.0.0.1:40000 < 10.0.0.2:53 1 app.test A 10.0.0.5
			+0.002 10.0.0.9:51000 > 10.0.0.5:80 tcp
			+0.003 10.0.0.1:51000 > 10.0.0.6:80 tcp
			+0.004 10.0.0.1:40000 > 10.0.0.2:53 2 late.test A
			+0.005 10.0.0.1:51000 > 10.0.0.7:80 tcp
			+0.006 10.0.0.1:40000 < 10.0.0.2:53 2 late.test A 10.0.0.7`, "10.0.0.5:80 nothing, 10.0.0.6:80 nothing, 10.0.0.7:80 nothing"},
		{"asked through the loopback interface", `
			+0.000 127.0.0.1:40000 > 127.0.0.53:53 1 app.test A
			+0.001 127.0.0.1:40000 < 127.0.0.53:53 1 app.test A 10.0.0.5
			+0.002 10.0.0.1:51000 > 10.0.0.5:80 tcp`, "10.0.0.5:80 app.test 1ms by c1"},
		{"both ports are those of name servers", `
			+0.000 10.0.0.1:53 > 10.0.0.2:53 1 app.test A
			+0.001 10.0.0.1:53 < 10.0.0.2:53 1 app.test A 10.0.0.5
			+0.002 10.0.0.1:51000 > 10.0.0.5:80 tcp`, "10.0.0.5:80 app.test 1ms by c1"},
	} {
		if got := strings.Join(told(t, test.script), ", "); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// What is said between two ports is one record, until nothing is left to wait
// for.
func TestDNSRecord(t *testing.T) {
	trace, counts, err := analyse(t, datagrams(t, `
		+0.000 10.0.0.1:40000 > 10.0.0.2:53 1 app.test A
		+0.001 10.0.0.1:40000 < 10.0.0.2:53 1 app.test A 10.0.0.5 10.0.0.6
		+0.002 10.0.0.1:40000 > 10.0.0.2:53 2 none.test A
		+0.003 10.0.0.1:40000 < 10.0.0.2:53 2 none.test A NXDOMAIN
		+9.000 10.0.0.1:40000 > 10.0.0.2:53 3 lost.test TXT
		+20.00 10.0.0.1:40000 > 10.0.0.2:53 3 lost.test TXT
		+90.00 10.0.0.1:40000 > 10.0.0.2:53 4 lost.test TXT
	`), "names", nil, 1)
	if err != nil || counts.Other != 0 {
		t.Fatalf("%v, %+v", err, counts)
	}
	want := `conn 1  10.0.0.1:40000 -> 10.0.0.2:53  source names  keys yes  scheme dns  at 2001-09-09T01:46:40Z
  +0.000 > query app.test type=A [#1]
  +0.001 < answer app.test type=A rcode=NOERROR addresses=10.0.0.5,10.0.0.6 ttl_s=60 [#2]
  +0.002 > query none.test type=A [#3]   +0.003 < answer none.test type=A rcode=NXDOMAIN [#4]
conn 2  10.0.0.1:40000 -> 10.0.0.2:53  source names  keys yes  scheme dns  at 2001-09-09T01:46:49Z
  +0.000 > query lost.test type=TXT [#5]   +11.000 > query lost.test type=TXT [#6]
conn 3  10.0.0.1:40000 -> 10.0.0.2:53  source names  keys yes  scheme dns  at 2001-09-09T01:48:10Z
  +0.000 > query lost.test type=TXT [#7]
`
	if got := trace.String(); got != want {
		t.Errorf("got\n%s", got)
	}
}

// The output does not depend on the number of workers.
func TestDNSWorkers(t *testing.T) {
	var b strings.Builder
	for n := range 300 {
		at, client := float64(n)/10, fmt.Sprintf("10.0.%d.1:%d", n%3, 40000+n)
		fmt.Fprintf(&b, "+%.3f %s > 10.0.9.9:53 %d n%d.test A\n", at, client, n, n%7)
		fmt.Fprintf(&b, "+%.3f %s < 10.0.9.9:53 %d n%d.test A 10.1.0.%d\n", at+0.001, client, n, n%7, n%5+1)
		fmt.Fprintf(&b, "+%.3f 10.0.%d.1:%d > 10.1.0.%d:80 tcp\n", at+0.002, n%3, 20000+n, n%5+1)
	}
	raw := datagrams(t, b.String())
	one, _, err := analyse(t, raw, "names", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	four, _, err := analyse(t, raw, "names", nil, 4)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one.Sorted().String(), four.Sorted().String()); diff != "" {
		t.Errorf("one worker and four tell different things:\n%s", diff)
	}
	if n := strings.Count(one.String(), "looked-up"); n != 300 {
		t.Errorf("%d lookups told, want 300", n)
	}
}

// The names that are remembered are bounded, those in use stay.
func TestLookupsBounded(t *testing.T) {
	n := newLookups()
	client := netip.MustParseAddr("10.0.0.1")
	say := func(i int, response bool) {
		words := []string{"1", fmt.Sprintf("n%d.test", i), "A"}
		if response {
			words = append(words, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String(), "10.9.9.9")
		}
		d := parsed(t, dnsMessage(t, response, words))
		d.m.Time, d.client = int64(i)*1e9, client
		n.note(d, 1)
	}
	for i := range keptLookups + 500 {
		say(i, false)
		say(i, true)
	}
	if len(n.now) != keptLookups || len(n.order) != keptLookups || len(n.led) != keptLookups+1 || len(n.led[lead{client, netip.MustParseAddr("10.9.9.9")}]) != keptLeads {
		t.Errorf("%d names, %d in order, %d leads", len(n.now), len(n.order), len(n.led))
	}
}

func parsed(t testing.TB, p []byte) *asking {
	t.Helper()
	m, ok := dnswire.Parse(p)
	if !ok {
		t.Fatal("no message")
	}
	return &asking{message: m}
}

// Pairs of ports that are open at a time are bounded in number; none is lost.
func TestDNSBounded(t *testing.T) {
	var b strings.Builder
	for n := range dnsLimit + 100 {
		fmt.Fprintf(&b, "+%.6f 10.0.%d.%d:40000 > 10.9.9.9:53 1 app.test A\n", float64(n)/1e6, n>>8, n&255)
	}
	trace, _, err := analyse(t, datagrams(t, b.String()), "names", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(trace.Conns) != dnsLimit+100 {
		t.Errorf("%d records", len(trace.Conns))
	}
}

// Over TCP a message stands behind its length, however it is cut into segments.
func TestDNSOverTCP(t *testing.T) {
	query, answer := dnsMessage(t, false, []string{"1", "app.test", "A"}), dnsMessage(t, true, []string{"1", "app.test", "A", "10.0.0.5"})
	framed := func(p []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(p))), p...) }
	both := slices.Concat(framed(query), framed(query))
	for cut := 1; cut < len(both); cut++ {
		var got []string
		s := &dnsStream{}
		s.questions = questions{w: newWorker(New(Options{Workers: 1})), ids: &identity{}, emit: func(_ reassembly.Mark, e flow.Event) { got = append(got, e.Kind.String()) }}
		s.bytes(fromClient, both[:cut], reassembly.Mark{})
		s.bytes(fromClient, both[cut:], reassembly.Mark{})
		s.bytes(fromServer, framed(answer), reassembly.Mark{})
		if strings.Join(got, " ") != "query query answer" || s.held() != 0 {
			t.Fatalf("cut at %d: %v, %d bytes held", cut, got, s.held())
		}
	}
}
