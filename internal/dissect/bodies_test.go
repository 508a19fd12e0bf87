package dissect

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/pcap"
)

// TestRequestBodies: the beginnings of request bodies come with their exchanges,
// and say what is missing.
func TestRequestBodies(t *testing.T) {
	const open = "> S 100 0\n< SA 500 101\n> A 101 501\n"
	for name, test := range map[string]struct {
		script string
		kept   string
		seen   int64
		bytes  int64
		done   bool
	}{
		"whole": {`> A 101 501 "POST / HTTP/1.1^Host: a^Content-Length: 5^^hello"
			< A 501 157 "HTTP/1.1 204 No Content^^"`, "hello", 5, 5, true},
		"longer": {`> A 101 501 "POST / HTTP/1.1^Host: a^Content-Length: 12^^hello world!"
			< A 501 165 "HTTP/1.1 204 No Content^^"`, "hello wo", 12, 12, true},
		"chunked": {`> A 101 501 "POST / HTTP/1.1^Host: a^Transfer-Encoding: chunked^^2^he^3^llo^0^^"
			< A 501 178 "HTTP/1.1 204 No Content^^"`, "hello", 5, 5, true},
		"cut": {`> A 101 501 "POST / HTTP/1.1^Host: a^Content-Length: 50^^hello"
			> F 158 501`, "hello", 5, 0, false},
		"none": {`> A 101 501 "GET / HTTP/1.1^Host: a^^"
			< A 501 128 "HTTP/1.1 204 No Content^^"`, "", 0, 0, true},
	} {
		var got *flow.Exchange
		a := New(Options{RequestBodies: 8, Exchange: func(_ *flow.Conn, x *flow.Exchange) { got = x }})
		r, err := pcap.NewReader(bytes.NewReader(tape(t, 80, open+test.script)), "x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Run(context.Background(), r); err != nil || got == nil {
			t.Fatalf("%s: %v, exchange %v", name, err, got)
		}
		body := got.RequestBody
		if body == nil {
			body = &flow.Body{}
		}
		if string(body.Kept) != test.kept || body.Seen != test.seen || got.RequestBodyBytes != test.bytes || got.RequestDone.IsZero() == test.done {
			t.Errorf("%s: kept %q, seen %d, bytes %d, done %v", name, body.Kept, body.Seen, got.RequestBodyBytes, !got.RequestDone.IsZero())
		}
	}
}

// TestBodiesAreBounded: one connection does not keep more than it may, and gives
// back what it kept.
func TestBodiesAreBounded(t *testing.T) {
	var all bodies
	piece := []byte(strings.Repeat("x", 1<<20))
	for x := range flow.ExchangeID(20) {
		if _, err := all.to(x, 2<<20).Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if all.held != bodiesBytes {
		t.Errorf("it holds %d bytes, want %d", all.held, bodiesBytes)
	}
	last := all.take(19)
	if last == nil || len(last.Kept) != 0 || last.Seen != 1<<20 {
		t.Errorf("the one that came too late: %+v", last)
	}
	for x := range flow.ExchangeID(19) {
		all.take(x)
	}
	if all.held != 0 || len(all.of) != 0 {
		t.Errorf("it holds %d bytes when all are given", all.held)
	}
}
