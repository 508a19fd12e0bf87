package rules

import (
	"testing"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

// BenchmarkBusy explains what a door looks at when 64 clients of HTTP/2 leave
// at once: for each the end of a long connection, and some to its origin beside.
func BenchmarkBusy(b *testing.B) {
	t := flow.Fold(busy(64, 60, 40, 24))
	rules := All()
	for b.Loop() {
		explain.Run(rules, t)
	}
}

// busy makes the events of clients with so many exchanges each, the last of
// which are cut off, and of origin connections.
func busy(clients, asked, origins, carried int) (events []flow.Event) {
	at := time.Unix(1700000000, 0)
	fields := []byte("server: nginx\r\ndate: Sun, 22 Nov 2026 07:53:35 GMT\r\ncontent-type: text/plain\r\netag: \"6b029df6-400\"\r\ncontent-length: 1024\r\n")
	x := flow.ExchangeID(0)
	add := func(e flow.Event) {
		at = at.Add(time.Microsecond)
		e.At = at
		events = append(events, e)
	}
	for n := range clients + origins {
		id, self, exchanges := flow.ConnID(n+1), flow.Server, asked
		if n >= clients {
			self, exchanges = flow.Client, carried
		}
		add(flow.Event{Conn: id, Kind: flow.Open, Open: &flow.Opening{Self: self, Source: "live", Keys: flow.Yes, Scheme: "https"}})
		add(flow.Event{Conn: id, Kind: flow.Established})
		for i := range exchanges {
			x++
			add(flow.Event{Conn: id, Exchange: x, Kind: flow.Request, From: flow.Client, Text: "GET /1k", Header: []byte("user-agent: h2load\r\n"),
				Attrs: flow.Attrs(flow.KeyHTTP, "2", flow.KeyScheme, "https", flow.KeyHost, "bench.test", flow.KeyStream, "7")})
			add(flow.Event{Conn: id, Exchange: x, Kind: flow.RequestDone, From: flow.Client})
			if i >= exchanges-16 && self == flow.Server {
				continue
			}
			add(flow.Event{Conn: id, Exchange: x, Kind: flow.Response, From: flow.Server, Status: 200, Header: fields})
			add(flow.Event{Conn: id, Exchange: x, Kind: flow.ResponseDone, From: flow.Server, Bytes: 1024})
			add(flow.Event{Conn: id, Exchange: x, Kind: flow.ExchangeDone, Text: flow.Complete})
		}
		if self == flow.Server {
			add(flow.Event{Conn: id, Kind: flow.RST, From: flow.Client})
			add(flow.Event{Conn: id, Kind: flow.Closed})
		}
	}
	return events
}
