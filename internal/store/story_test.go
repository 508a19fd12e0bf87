package store

import (
	"testing"
	"time"

	"fanlight/internal/flow"
)

// TestStoryIsBounded has a client connection with many exchanges over one
// shared origin connection: the story of the newest holds the beginning of
// both, the newest exchanges of both, and nothing of a third connection.
func TestStoryIsBounded(t *testing.T) {
	s := New(4 << 20)
	rec := flow.NewRecorder(s)
	client := rec.Open(time.Unix(1, 0), flow.Opening{Self: flow.Server})
	client.Add(flow.Event{Kind: flow.TLSDone, Text: "1.3"})
	server := rec.Open(time.Unix(1, 0), flow.Opening{Self: flow.Client})
	other := rec.Open(time.Unix(1, 0), flow.Opening{Self: flow.Server})
	var middle flow.ExchangeID
	for i := range 100 {
		x, y, z := rec.NextExchange(), rec.NextExchange(), rec.NextExchange()
		if i == 50 {
			middle = x
		}
		client.Add(flow.Event{Exchange: x, Kind: flow.Request, Text: "GET /"})
		server.Add(flow.Event{Exchange: y, Parent: x, Kind: flow.Request, Text: "GET /"})
		server.Flush()
		client.Flush()
		other.Add(flow.Event{Exchange: z, Kind: flow.Request, Text: "GET /other"})
		other.Flush()
	}
	server.Add(flow.Event{Kind: flow.Closed, Text: "idle timeout"})
	server.Flush()

	for _, test := range []struct {
		name  string
		focus Focus
		last  flow.ExchangeID
	}{
		{"newest", Focus{Conns: []flow.ConnID{client.ID()}, Batches: 3}, 298},
		{"in the middle", Focus{Conns: []flow.ConnID{client.ID()}, Exchange: middle, Batches: 3}, middle},
	} {
		tr := s.Story(test.focus)
		c, o := tr.Conn(client.ID()), tr.Conn(server.ID())
		if c == nil || o == nil || len(tr.Conns) != 2 {
			t.Fatalf("%s: connections: got\n%s", test.name, tr)
		}
		if len(c.Exchanges) != 3 || c.Exchanges[2].ID != test.last || len(o.Exchanges) != 3 || o.Exchanges[2].Parent != test.last {
			t.Errorf("%s: exchanges: got\n%s", test.name, tr)
		}
		if c.TLS == nil || c.Started.IsZero() || o.Close.Why != "idle timeout" {
			t.Errorf("%s: beginning or end is missing: got\n%s", test.name, tr)
		}
	}
}

// TestStoryTellsWhyItEnded has a connection that is given up with many streams
// open, each of which ends in a batch of its own behind that.
func TestStoryTellsWhyItEnded(t *testing.T) {
	s := New(4 << 20)
	rec := flow.NewRecorder(s)
	client := rec.Open(time.Unix(1, 0), flow.Opening{Self: flow.Server})
	var open []flow.ExchangeID
	for range 50 {
		open = append(open, rec.NextExchange())
		client.Add(flow.Event{Exchange: open[len(open)-1], Kind: flow.Request, Text: "GET /"})
	}
	client.Add(flow.Event{Kind: flow.GoAway, From: flow.Server, Text: "ENHANCE_YOUR_CALM"})
	client.Flush()
	for _, x := range open {
		client.Add(flow.Event{Exchange: x, Kind: flow.ExchangeDone, Text: flow.NoResponse})
		client.Flush()
	}
	for i, e := range s.Story(Focus{Conns: []flow.ConnID{client.ID()}, Batches: 3}).Conns[0].Events {
		if e.Kind == flow.GoAway {
			return
		}
		if i > 200 {
			t.Fatal("the story is not bounded")
		}
	}
	t.Error("the story does not say why the connection ended")
}

// TestStoryHasTheEndOfLongResponses has a leg that was published while its
// response flowed: the end comes in a batch that names no client.
func TestStoryHasTheEndOfLongResponses(t *testing.T) {
	s := New(4 << 20)
	rec := flow.NewRecorder(s)
	client := rec.Open(time.Unix(1, 0), flow.Opening{Self: flow.Server})
	server := rec.Open(time.Unix(1, 0), flow.Opening{Self: flow.Client})
	x, y := rec.NextExchange(), rec.NextExchange()
	client.Add(flow.Event{Exchange: x, Kind: flow.Request, Text: "GET /"})
	client.Flush()
	server.Add(flow.Event{Exchange: y, Parent: x, Kind: flow.Request, Text: "GET /"})
	server.Flush()
	server.Add(flow.Event{Exchange: y, Kind: flow.ExchangeDone, Text: flow.Truncated})
	server.Flush()
	leg := s.Story(Focus{Conns: []flow.ConnID{client.ID()}, Batches: 3}).Exchange(y)
	if leg == nil || leg.Outcome != flow.Truncated {
		t.Errorf("the leg is %+v", leg)
	}
}

// TestStoryGivesNothingTwice has a first batch that is both the beginning and
// among the newest.
func TestStoryGivesNothingTwice(t *testing.T) {
	s := New(4 << 20)
	rec := flow.NewRecorder(s)
	client := rec.Open(time.Unix(1, 0), flow.Opening{})
	client.Add(flow.Event{Exchange: rec.NextExchange(), Kind: flow.Request, Text: "GET /"})
	client.Flush()
	if got := s.Story(Focus{Conns: []flow.ConnID{client.ID()}, Batches: 9}).Conns[0].Events; len(got) != 2 {
		t.Errorf("events: got %d, want the opening and the request", len(got))
	}
}

// TestStoryPauses has a record of several pieces: a story of a connection
// pauses on its way through, one of no connection has no way to go.
func TestStoryPauses(t *testing.T) {
	s := New(4 << 20)
	rec := flow.NewRecorder(s)
	conn := rec.Open(time.Unix(1, 0), flow.Opening{Self: flow.Server})
	for range 10 {
		conn.Add(flow.Event{Kind: flow.Request, Header: make([]byte, piece)})
		conn.Flush()
	}
	pauses := 0
	count := func() { pauses++ }
	s.Story(Focus{Conns: []flow.ConnID{conn.ID()}, Batches: 1, Pause: count})
	if pauses != 20 { // twice through ten pieces
		t.Errorf("%d pauses, want 20", pauses)
	}
	rec.Fact(flow.Event{Kind: flow.SiteState, Text: "shop"})
	pauses = 0
	if tr := s.Story(Focus{Pause: count}); pauses != 0 || len(tr.Conns) != 0 || len(tr.Facts) != 1 {
		t.Errorf("no connection: %d pauses, got\n%s", pauses, tr)
	}
}
