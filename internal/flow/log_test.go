package flow

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What was parked comes in the same batch, in front of what was added behind
// it, however often and of however many logs.
func TestPark(t *testing.T) {
	var sink memory
	rec := NewRecorder(&sink)
	logs := []*Log{rec.Open(time.Time{}, Opening{}), rec.Open(time.Time{}, Opening{})}
	texts := []string{"short", strings.Repeat("long ", 1000), "", "once more"}
	for _, text := range texts {
		for _, l := range logs {
			l.Add(Event{Kind: Request, Text: text})
			l.Add(Event{Kind: RequestDone})
			l.Park()
			l.Park()
		}
	}
	for i, l := range logs {
		l.Flush()
		l.Park() // of nothing
		l.Flush()
		if sink.notable != 0 {
			t.Error("a batch was notable")
		}
		var got []string
		for _, e := range sink.events {
			if e.Conn != l.ID() {
				t.Fatalf("log %d: event of %s", i, e.Conn)
			}
			if e.Kind == Request {
				got = append(got, e.Text)
			}
		}
		if len(sink.events) != 1+2*len(texts) || !slices.Equal(got, texts) {
			t.Errorf("log %d: %d events, texts %.50q", i, len(sink.events), got)
		}
		sink.events = nil
	}
}

func TestParkKeepsNotable(t *testing.T) {
	var sink memory
	l := NewRecorder(&sink).Open(time.Time{}, Opening{})
	l.Add(Event{Kind: Alert})
	l.Park()
	l.Add(Event{Kind: Closed})
	l.Flush()
	if sink.notable != 1 || len(sink.events) != 3 {
		t.Errorf("%d events, %d notable batches", len(sink.events), sink.notable)
	}
}

func TestNotableEvents(t *testing.T) {
	for _, test := range []struct {
		event Event
		want  bool
	}{
		{Event{Kind: Response}, false},
		{Event{Kind: Timeout, Text: "write"}, true},
		{Event{Kind: StreamReset, Text: "CANCEL"}, false},
		{Event{Kind: StreamReset, Text: "REFUSED_STREAM"}, true},
		{Event{Kind: GoAway, Text: "NO_ERROR"}, false},
		{Event{Kind: GoAway, Text: "INADEQUATE_SECURITY"}, true},
	} {
		if got := test.event.Notable(); got != test.want {
			t.Errorf("%s %s: got %v", test.event.Kind, test.event.Text, got)
		}
	}
}

// waiting are connections to an origin, each with an exchange under way.
type waiting struct {
	rec    *Recorder
	logs   []*Log
	header []byte
}

func newWaiting(rec *Recorder, n int) *waiting {
	w := &waiting{rec: rec, header: []byte(strings.Repeat("X-Field: of some length, as they are\r\n", 6))}
	for range n {
		w.logs = append(w.logs, rec.Open(time.Now(), Opening{}))
	}
	return w
}

func (w *waiting) ask(i int) {
	at := time.Now()
	w.logs[i].Add(Event{At: at, Exchange: 1, Kind: Request, From: Client, Text: "GET /", Header: w.header, Attrs: []Attr{{KeyHTTP, "1.1"}}})
	w.logs[i].Add(Event{At: at, Exchange: 1, Kind: RequestDone, From: Client})
	w.logs[i].Park()
}

func (w *waiting) answer(i int) {
	at := time.Now()
	w.logs[i].Add(Event{At: at, Exchange: 1, Kind: Response, From: Server, Status: 200, Text: "OK", Header: w.header})
	w.logs[i].Add(Event{At: at, Exchange: 1, Kind: ResponseDone, From: Server, Bytes: 1024})
	w.logs[i].Add(Event{At: at, Exchange: 1, Kind: ExchangeDone, Text: Complete})
	w.logs[i].Flush()
}

// BenchmarkLogWaiting records exchanges of which 1024 are under way at a time,
// while what else the door does for each passes through the caches.
func BenchmarkLogWaiting(b *testing.B) {
	const n = 1024
	w := newWaiting(NewRecorder(&discard{}), n)
	other := make([]byte, 64<<20)
	at := 0
	rest := func() {
		for range 16 << 10 / 64 {
			other[at%len(other)]++
			at += 64
		}
	}
	for i := range n {
		w.ask(i)
	}
	i := 0
	var took []time.Duration
	for b.Loop() {
		rest()
		began := time.Now()
		w.answer(i)
		one := time.Since(began)
		rest()
		began = time.Now()
		w.ask(i)
		took = append(took, one+time.Since(began))
		i = (i + 1) % n
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "ns/median")
}
