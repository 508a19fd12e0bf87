package flow

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var sampleText = `facts  at 2026-11-21T10:00:00Z
  +0.000 bind-failed 127.0.0.2:443 site=shop holder=nginx pid=812 on=0.0.0.0:443
conn 7  192.0.2.10:51544 -> 10.0.0.5:443  source bad.pcapng  keys yes  at 2026-11-21T10:00:00.5Z
  +0.000 syn   +0.001 established   +0.004 > client-hello sni=app.example alpn=h2,http/1.1
  +0.019 tls-done 1.2
  +0.021 > POST /pay 4096 B http=1.1 x1
    > Host: app.example
    > Cookie: a=b; c="d"
  +0.022 > request-done 4096 B x1   +0.030 < hello-request [#118]   +120.030 rst by client [#131]
conn 8  ? -> [::1]:443  source live  self client  parent c7  scheme https
  +0.000 connect-failed refused
  +0.001 < 404 "Not Found" x2
    < Server: Microsoft-HTTPAPI/2.0
  +0.002 < response-done 0 B x2   +0.002 exchange-done complete x2   +0.003000001 fin by server
`

func TestTextRoundTrip(t *testing.T) {
	trace, err := Parse(sampleText)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleText, trace.String()); diff != "" {
		t.Errorf("text changed (-want +got):\n%s", diff)
	}
}

func TestFoldFacts(t *testing.T) {
	trace, err := Parse(sampleText)
	if err != nil {
		t.Fatal(err)
	}
	c := trace.Conn(7)
	want := Close{By: Client, How: ByRST, After: 120030 * time.Millisecond, Ended: true}
	if c.Close != want {
		t.Errorf("close: got %+v, want %+v", c.Close, want)
	}
	if c.TLS.SNI != "app.example" || c.TLS.Version != "1.2" || c.TLS.Done != Yes || c.TLS.Resumed != NotObserved {
		t.Errorf("tls: got %+v", c.TLS)
	}
	x := c.Exchanges[0]
	if x.Method != "POST" || x.Target != "/pay" || x.Host != "app.example" || x.RequestBodyBytes != 4096 || x.Status != 0 {
		t.Errorf("exchange: got %+v", x)
	}
	if _, known := x.Wait(); known {
		t.Error("a wait is known although no response was seen")
	}
	if got := trace.Conn(8); got.Parent != 7 || got.Self != Client || got.Close.By != Server {
		t.Errorf("second connection: got %+v", got)
	}
}

// memory is a sink that keeps a copy of every batch.
type memory struct {
	events  []Event
	notable int
}

func (m *memory) Take(_ ConnID, notable bool, b Batch) {
	if notable {
		m.notable++
	}
	kept := append(Batch(nil), b...)
	for e := range kept.Events {
		m.events = append(m.events, e)
	}
}

func TestLogRoundTrip(t *testing.T) {
	want, err := ParseEvents(sampleText)
	if err != nil {
		t.Fatal(err)
	}
	var sink memory
	rec := NewRecorder(&sink)
	rec.Fact(want[0])
	log := rec.Open(want[1].At, *want[1].Open)
	for i := range 6 {
		rec.Open(time.Time{}, Opening{}) // numbers 2 to 7
		_ = i
	}
	for _, e := range want[2:] {
		if e.Conn == 7 {
			log.Add(e)
		}
	}
	log.Flush()
	log.Flush()
	var got []Event
	for _, e := range sink.events {
		if e.Conn == 1 || e.Conn == 0 {
			got = append(got, e)
		}
	}
	var expect []Event
	for _, e := range want {
		if e.Conn <= 7 {
			if e.Conn == 7 {
				e.Conn = 1
			}
			expect = append(expect, e)
		}
	}
	if diff := cmp.Diff(expect, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("events changed (-want +got):\n%s", diff)
	}
	if sink.notable != 2 {
		t.Errorf("notable batches: got %d, want the fact and the connection", sink.notable)
	}
}

func TestNilRecorder(t *testing.T) {
	var rec *Recorder
	log := rec.Open(time.Time{}, Opening{})
	log.Add(Event{Kind: SYN})
	log.Flush()
	if log.ID() != 0 || rec.NextExchange() != 0 {
		t.Error("a nil recorder gave an id")
	}
}

// TestEveryKindHasAName guards the table against a kind that was added without
// a word for it.
func TestEveryKindHasAName(t *testing.T) {
	for k := range Kind(len(kindNames)) {
		if got := ParseKind(k.String()); got != k {
			t.Errorf("kind %d is written %q, which reads as kind %d", k, k, got)
		}
	}
	if WAFMatch != Kind(len(kindNames)-1) {
		t.Error("the last kind is not the last of the table of names")
	}
}

func TestBatchTruncated(t *testing.T) {
	events, _ := ParseEvents(sampleText)
	var b []byte
	for i := range events {
		b = Batch(b).Append(&events[i])
	}
	for n := range b {
		for range Batch(b[:n]).Events {
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"hello", `line 1: expected a line that begins with conn or facts, found "hello"`},
		{"conn 1 a", `line 1: read "conn 1 a": a connection is written conn N CLIENT -> SERVER`},
		{"conn 1 1.1.1.1 -> 2.2.2.2:1", `line 1: read address "1.1.1.1": expected IP:port`},
		{"conn 1 ? -> ?\n +0.0 nonsense", `line 2: read event "nonsense": not an event kind, a status or METHOD target`},
		{"conn 1 ? -> ?\n +x syn", `line 2: read time +x: expected seconds such as +0.021`},
		{"conn 1 ? -> ?\n > A: b", `line 2: read header field "A: b": no event before it`},
		{"conn 1 ? -> ? colour red", `line 1: read "colour": not a word of a head line (source, keys, why-not, self, parent, scheme, at)`},
	} {
		_, err := Parse(test.text)
		if err == nil || err.Error() != test.want {
			t.Errorf("%q: got %v, want %s", test.text, err, test.want)
		}
	}
}

// TestControlBytesAreQuoted keeps what a client sent from writing on the
// terminal of who reads the record.
func TestControlBytesAreQuoted(t *testing.T) {
	e := Event{At: notation, Conn: 1, Exchange: 1, Kind: Request, From: Client, Text: "GET /\x1b[2J", Header: []byte("Host: a\x00b\r\nX\x1bY: z\r\nUser-Agent: caf\xe9\r\nETag: \"x\"\r\n")}
	text := Fold([]Event{{At: notation, Conn: 1, Kind: Open, Open: &Opening{}}, e}).String()
	for _, b := range []byte(text) {
		if b < ' ' && b != '\n' || b >= 0x7f {
			t.Fatalf("byte %#x in %q", b, text)
		}
	}
	again, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ParseFields(e.Header), again.Conns[0].Exchanges[0].RequestHeader); diff != "" {
		t.Errorf("fields changed (-want +got):\n%s", diff)
	}
}

// FuzzParse checks that whatever can be read is written and read again as the
// same text.
func FuzzParse(f *testing.F) {
	f.Add(sampleText)
	f.Add("conn 1  ? -> ?\n  +? > request \"GET\" x1\n  +-0.5 alert \"a b\" level=fatal\n")
	f.Fuzz(func(t *testing.T, text string) {
		first, err := Parse(text)
		if err != nil {
			return
		}
		once := first.String()
		second, err := Parse(once)
		if err != nil {
			t.Fatalf("cannot read what was written: %v\n%s", err, once)
		}
		if twice := second.String(); twice != once {
			t.Fatalf("text changed:\n%s\n%s", once, twice)
		}
	})
}

func BenchmarkLogExchange(b *testing.B) {
	rec := NewRecorder(&discard{})
	log := rec.Open(time.Now(), Opening{})
	header := []byte("Host: app.example\r\nUser-Agent: wrk\r\nAccept: */*\r\n")
	b.ReportAllocs()
	for b.Loop() {
		x := rec.NextExchange()
		now := time.Now()
		log.Add(Event{At: now, Exchange: x, Kind: Request, From: Client, Text: "GET /", Header: header, Attrs: []Attr{{KeyHTTP, "1.1"}}})
		log.Add(Event{At: now, Exchange: x, Kind: RequestDone, From: Client})
		log.Add(Event{At: now, Exchange: x, Kind: Response, From: Server, Status: 200, Text: "OK", Header: header})
		log.Add(Event{At: now, Exchange: x, Kind: ResponseDone, From: Server, Bytes: 1024})
		log.Add(Event{At: now, Exchange: x, Kind: ExchangeDone, Text: Complete})
		log.Flush()
	}
}

type discard struct{}

func (discard) Take(ConnID, bool, Batch) {}

// Of too many exchanges those that are not over stay.
func TestFoldForgetsWhatIsOver(t *testing.T) {
	const limit = 8
	c := &Conn{}
	at := time.Unix(1, 0)
	c.Fold(Event{At: at, Exchange: 1, Kind: Request, Text: "GET /stream"}, limit)
	for id := ExchangeID(2); id < 40; id++ {
		c.Fold(Event{At: at, Exchange: id, Kind: Request, Text: "GET /short"}, limit)
		c.Fold(Event{At: at, Exchange: id, Kind: ExchangeDone, Text: Complete}, limit)
	}
	if n := len(c.Exchanges); n < limit || n > limit+limit/4 || n+c.Forgotten != 39 {
		t.Errorf("%d exchanges kept, %d forgotten of 39", n, c.Forgotten)
	}
	if x := c.Exchanges[0]; x.ID != 1 || x.Target != "/stream" {
		t.Errorf("the first that is kept is %s %s", x.ID, x.Target)
	}
	for id := ExchangeID(100); id < 140; id++ {
		c.Fold(Event{At: at, Exchange: id, Kind: Request, Text: "GET /open"}, limit)
	}
	if n := len(c.Exchanges); n > limit+limit/4+1 {
		t.Errorf("%d exchanges kept though none is over", n)
	}
}

// An alert that nobody could read says nothing against one before it.
func TestFoldKeepsTheAlertThatWasRead(t *testing.T) {
	c := &Conn{}
	c.Fold(Event{Kind: Alert, From: Client, Text: "no_renegotiation"}, 0)
	c.Fold(Event{Kind: Alert, From: Client}, 0)
	if c.Close.Alert != "no_renegotiation" {
		t.Errorf("the alert is %q", c.Close.Alert)
	}
}
