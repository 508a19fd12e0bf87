package flow

import (
	"fmt"
	"strings"
	"testing"
)

// sized is a connection with n exchanges, the last of them open, and heads of
// about so many bytes.
func sized(n, head int) *Conn {
	c := &Conn{}
	for id := range n {
		x := ExchangeID(id + 1)
		c.Fold(Event{Kind: Request, Exchange: x, Text: fmt.Sprint("GET /", id), Header: []byte("X: " + strings.Repeat("v", head) + "\r\n")}, 0)
		if id < n-1 {
			c.Fold(Event{Kind: ExchangeDone, Exchange: x, Text: Complete}, 0)
		}
	}
	return c
}

// The estimate grows with whatever a record keeps.
func TestSizeGrows(t *testing.T) {
	empty := (&Conn{}).Size()
	for name, c := range map[string]*Conn{
		"an event":     {Events: []Event{{}}},
		"a text":       {Events: []Event{{Text: strings.Repeat("t", 200)}}},
		"an attribute": {Events: []Event{{Attrs: Attrs(KeyNames, strings.Repeat("n", 200))}}},
		"an exchange":  {Exchanges: []*Exchange{{}}},
		"a target":     {Exchanges: []*Exchange{{Target: strings.Repeat("t", 200)}}},
		"a field":      {Exchanges: []*Exchange{{ResponseHeader: []Field{{"X", strings.Repeat("v", 200)}}}}},
		"TLS":          {TLS: &TLS{Offered: []string{strings.Repeat("p", 200)}}},
	} {
		if got := c.Size() - empty; got < 150 || got > 800 {
			t.Errorf("%s: %d bytes more", name, got)
		}
	}
	if small, large := sized(10, 100).Size(), sized(10, 10_000).Size(); large-small < 10*2*9_900 {
		t.Errorf("heads of 100 bytes: %d, of 10,000: %d; they are kept by events and exchanges", small, large)
	}
}

// What is over leaves first; what is open keeps its exchange, as long as that
// is possible.
func TestShrink(t *testing.T) {
	for _, test := range []struct{ limit, exchanges, events, headers int }{
		{1 << 20, 20, 39, 20},
		{200_000, 4, 39, 4}, // to its half
		{20_000, 1, 39, 0},
		{3140, 1, 4, 0},
		{10, 0, 1, 0}, // the first event stays
	} {
		c := sized(20, 10_000)
		c.Shrink(test.limit)
		headers := 0
		for _, x := range c.Exchanges {
			headers += len(x.RequestHeader)
		}
		if len(c.Exchanges) != test.exchanges || len(c.Events) != test.events || headers != test.headers {
			t.Errorf("to %d: %d exchanges, %d events, %d headers are left, want %+v", test.limit, len(c.Exchanges), len(c.Events), headers, test)
		}
		if len(c.Exchanges)+c.Forgotten != 20 {
			t.Errorf("to %d: %d exchanges and %d forgotten of 20", test.limit, len(c.Exchanges), c.Forgotten)
		}
		if got := c.Size(); got > test.limit && len(c.Events) > 1 {
			t.Errorf("to %d: it takes %d", test.limit, got)
		}
	}
}
