package cli

import (
	"fmt"
	"strings"
	"testing"

	"fanlight/internal/flow"
)

// keptConn is a connection with a complete and a failed exchange, both with
// about 20 KB of header.
func keptConn(id int, more ...flow.Event) *flow.Conn {
	c := &flow.Conn{ID: flow.ConnID(id)}
	header := []byte("X: " + strings.Repeat("v", 10_000) + "\r\n")
	for x, status := range []int{200, 502} {
		x := flow.ExchangeID(x + 1)
		c.Fold(flow.Event{Kind: flow.Request, Exchange: x, Text: "GET /", Header: header}, 0)
		c.Fold(flow.Event{Kind: flow.Response, Exchange: x, Status: status}, 0)
		c.Fold(flow.Event{Kind: flow.ExchangeDone, Exchange: x, Text: flow.Complete}, 0)
	}
	for _, e := range more {
		c.Fold(e, 0)
	}
	return c
}

func keptIDs(k *kept) string {
	var ids []string
	for _, c := range k.Conns {
		ids = append(ids, fmt.Sprint(c.ID))
	}
	return strings.Join(ids, " ")
}

// Connections that went well leave first, then header fields, then what comes
// last; in bytes as in number.
func TestKept(t *testing.T) {
	trouble := []flow.Event{{Kind: flow.RST, From: flow.Server}, {Kind: flow.GoAway, From: flow.Server, Text: "ENHANCE_YOUR_CALM"}}
	for name, test := range map[string]struct {
		count, size    int
		eventful       string // of the connections, which are eventful
		want           string
		dropped, bared int
	}{
		"room":                   {10, 1 << 20, "-x-x", "c1 c2 c3 c4", 0, 0},
		"too many":               {2, 1 << 20, "-xxx", "c2 c3", 2, 0},
		"too many, all is well":  {2, 1 << 20, "----", "c1 c2", 2, 0},
		"too large, one is well": {10, 130_000, "x-xx", "c1 c3 c4", 1, 0},
		"too large":              {10, 130_000, "xxxxx", "c1 c2 c3 c4 c5", 0, 5},
		"far too large":          {10, 60_000, "xxxxx", "c1 c2", 3, 2},
	} {
		k := newKept(test.count, test.size)
		for i, r := range test.eventful {
			if r == 'x' {
				k.add(keptConn(i+1, trouble[i%2]))
			} else {
				k.add(keptConn(i+1, flow.Event{Kind: flow.GoAway, From: flow.Server, Text: "NO_ERROR"}))
			}
		}
		if got := keptIDs(&k); got != test.want || k.dropped != test.dropped || len(k.bared) != test.bared {
			t.Errorf("%s: kept %s, %d dropped, %d bared; want %+v", name, got, k.dropped, len(k.bared), test)
		}
		holds := 0
		for _, c := range k.Conns {
			holds += c.Size()
			if len(c.Exchanges[1].RequestHeader) == 0 {
				t.Errorf("%s: the failed exchange of %v lost its header", name, c.ID)
			}
		}
		if k.holds != holds || holds > test.size {
			t.Errorf("%s: %d bytes are counted, %d held, of %d", name, k.holds, holds, test.size)
		}
	}
}

// Exchanges that wait for the end of their connections are bounded in bytes.
func TestWaitingIsBounded(t *testing.T) {
	f := traceFlags{filter: "http.response.code == 404", output: outputFlags{jsonl: true}}
	var out, errs strings.Builder
	v, err := f.view(streams{out: &out, err: &errs})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		c := &flow.Conn{ID: flow.ConnID(i + 1)}
		v.exchange(c, &flow.Exchange{ID: 1, Status: 404, RequestHeader: []flow.Field{{Name: "X", Value: strings.Repeat("v", 1<<20)}}})
	}
	if v.waits > 16 || v.hasty != 100-v.waits || v.summary.Exchanges != v.hasty {
		t.Errorf("%d wait, %d did not, %d were printed", v.waits, v.hasty, v.summary.Exchanges)
	}
	for i := range 100 {
		v.conn(&flow.Conn{ID: flow.ConnID(i + 1)})
	}
	if v.waits != 0 || v.waitSize != 0 || v.summary.Exchanges != 100 {
		t.Errorf("at the end %d wait with %d bytes, %d were printed", v.waits, v.waitSize, v.summary.Exchanges)
	}
}
