package store

import (
	"fmt"
	"testing"
	"time"

	"fanlight/internal/flow"
)

// BenchmarkSearch asks a disk with a million exchanges for the newest hundred
// that match. `go run ./bench store-page store-search` has the bars.
func BenchmarkSearch(b *testing.B) {
	const exchanges = 1_000_000
	d := openDoor(b, b.TempDir(), DiskOptions{})
	began := time.Now()
	d.many(b, exchanges)
	b.Logf("written in %v: %+v", time.Since(began), d.disk.Stats())
	for _, q := range []struct{ name, expr string }{
		{"no filter", ""},
		{"200", "http.response.code == 200"},
		{"shop7.test and agent", "http.host == shop7.test && http.user_agent contains agent-7"},
		{"502", "http.response.code == 502"},
		{"shop7.test and 5xx", "http.host == shop7.test && http.response.code >= 500"},
		{"absent target", "ip.src == 192.0.2.1 && http.request.uri contains /never"},
		{"absent incident", "incident == NEVER"},
	} {
		s := Search{Limit: 100}
		if q.expr != "" {
			if err := s.Choose(q.expr); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := d.disk.Search(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// many records connections with 50 exchanges each, no faster than they are
// written.
func (d *diskDoor) many(b testing.TB, n int) {
	at := start
	for i := 0; i < n; {
		log := d.Open(at, flow.Opening{Source: "live", Self: flow.Server, Scheme: "https", Client: testAddr(1, 50000), Server: testAddr(2, 443)})
		for range 50 {
			x := d.NextExchange()
			status := 200
			if i%10_000 == 77 {
				status = 502
			}
			at = at.Add(time.Millisecond)
			log.Add(flow.Event{At: at, Kind: flow.Request, Exchange: x, Text: fmt.Sprint("GET /some/longer/path/", i%1000), From: flow.Client,
				Attrs: flow.Attrs("http", "1.1"), Header: fmt.Appendf(nil, "Host: shop%d.test\r\nUser-Agent: agent-%d/1.0\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n", i%20, i%10)})
			log.Add(flow.Event{At: at, Kind: flow.RequestDone, Exchange: x, From: flow.Client})
			log.Add(flow.Event{At: at, Kind: flow.Response, Exchange: x, Status: status, Text: "OK", From: flow.Server, Header: []byte("Content-Type: text/html\r\nContent-Length: 1024\r\nServer: nginx\r\n")})
			log.Add(flow.Event{At: at, Kind: flow.ResponseDone, Exchange: x, Bytes: 1024, From: flow.Server})
			log.Add(flow.Event{At: at, Kind: flow.ExchangeDone, Exchange: x, Text: flow.Complete})
			log.Flush()
			i++
		}
		if i%5000 == 0 {
			d.flush(b)
		}
	}
	d.flush(b)
	if s := d.disk.Stats(); s.Lost > 0 {
		b.Fatalf("lost %d batches", s.Lost)
	}
}
