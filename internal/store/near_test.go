package store

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"fanlight/internal/flow"
)

// TestNear has connections of two clients and to three origins: those between
// the same two count, the closest in time first, and the other end of one.
func TestNear(t *testing.T) {
	s := New(4 << 20)
	rec := flow.NewRecorder(s)
	addr := netip.MustParseAddrPort
	open := func(self flow.Side, client, server, origin string) flow.ConnID {
		log := rec.Open(time.Unix(1, 0), flow.Opening{Self: self, Client: addr(client), Server: addr(server)})
		if origin != "" {
			log.Add(flow.Event{Kind: flow.Chosen, Text: origin, Attrs: flow.Attrs(flow.KeyWhat, "origin")})
		}
		log.Flush()
		return log.ID()
	}
	early := open(flow.Server, "192.0.2.1:1000", "10.0.0.1:443", "")
	otherClient := open(flow.Server, "192.0.2.2:1000", "10.0.0.1:443", "")
	mine := open(flow.Server, "192.0.2.1:1001", "10.0.0.1:443", "")
	leg := open(flow.Client, "10.0.0.1:2000", "10.0.0.5:80", "http://app.internal")
	otherAddress := open(flow.Client, "10.0.0.1:2001", "10.0.0.6:80", "http://app.internal")
	otherOrigin := open(flow.Client, "10.0.0.1:2002", "10.0.0.7:80", "http://mail.internal")
	otherEnd := open(flow.Server, "10.0.0.1:2000", "10.0.0.5:80", "")

	for _, test := range []struct {
		name  string
		of    []flow.ConnID
		limit int
		want  []flow.ConnID
	}{
		{"of a client", []flow.ConnID{mine}, 9, []flow.ConnID{early}},
		{"of an origin", []flow.ConnID{leg}, 9, []flow.ConnID{otherAddress, otherEnd}},
		{"the closest", []flow.ConnID{mine, leg}, 2, []flow.ConnID{otherAddress, early}},
		{"of none that is kept", []flow.ConnID{999}, 9, nil},
	} {
		if got := s.Near(test.of, test.limit); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v (the other client is %s, the other origin %s)", test.name, got, test.want, otherClient, otherOrigin)
		}
	}
}

// TestStoryBeside has a connection to compare with: few of its batches are in
// the story, also such as came after the exchange in focus.
func TestStoryBeside(t *testing.T) {
	s := New(4 << 20)
	rec := flow.NewRecorder(s)
	own, other := rec.Open(time.Unix(1, 0), flow.Opening{Self: flow.Server}), rec.Open(time.Unix(1, 0), flow.Opening{Self: flow.Server})
	x := rec.NextExchange()
	own.Add(flow.Event{Exchange: x, Kind: flow.Request, Text: "GET /"})
	own.Flush()
	for range 3 * besideBatches {
		other.Add(flow.Event{Exchange: rec.NextExchange(), Kind: flow.Request, Text: "GET /"})
		other.Flush()
	}
	tr := s.Story(Focus{Conns: []flow.ConnID{own.ID()}, Beside: []flow.ConnID{other.ID()}, Exchange: x, Batches: 99})
	if c := tr.Conn(other.ID()); c == nil || len(c.Exchanges) != besideBatches || c.Started.IsZero() {
		t.Errorf("got\n%s", tr)
	}
}

// TestStoryOfHanging has an exchange whose origin's side was published while it
// hung: how it ended is in the story too.
func TestStoryOfHanging(t *testing.T) {
	s := New(4 << 20)
	rec := flow.NewRecorder(s)
	client, server := rec.Open(time.Unix(1, 0), flow.Opening{Self: flow.Server}), rec.Open(time.Unix(1, 0), flow.Opening{Self: flow.Client})
	x, y := rec.NextExchange(), rec.NextExchange()
	client.Add(flow.Event{Exchange: x, Kind: flow.Request, Text: "GET /"})
	server.Add(flow.Event{Exchange: y, Parent: x, Kind: flow.Request, Text: "GET /"})
	server.Add(flow.Event{Exchange: y, Kind: flow.Hanging, Text: "first-byte"})
	client.Flush()
	server.Flush()
	server.Add(flow.Event{Exchange: y, Kind: flow.Response, Status: 200})
	server.Flush()
	tr := s.Story(Focus{Conns: []flow.ConnID{client.ID()}, Batches: 9})
	if leg := tr.Exchange(y); leg == nil || leg.Status != 200 {
		t.Errorf("the end of the origin's exchange is missing:\n%s", tr)
	}
}
