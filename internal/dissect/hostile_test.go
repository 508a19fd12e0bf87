package dissect

import (
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
)

// TestHTTP1Pipelined: requests without answers are not kept without end. The
// responses that come belong to those that were asked first; of the rest nobody
// knows the outcome, and the record says so.
func TestHTTP1Pipelined(t *testing.T) {
	rec := &h2Record{conn: &flow.Conn{}}
	h := newHTTP1(rec, new(httpScratch))
	const asked = 3 * maxWaiting
	for range asked {
		h.bytes(fromClient, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), reassembly.Mark{Time: 1})
	}
	if n := len(h.waiting); n != maxWaiting {
		t.Fatalf("%d exchanges wait, want %d", n, maxWaiting)
	}
	for range asked {
		h.bytes(fromServer, []byte("HTTP/1.1 204 No Content\r\n\r\n"), reassembly.Mark{Time: 2})
	}
	h.over(reassembly.Mark{Time: 3})
	outcomes := map[string]int{}
	for i, x := range rec.conn.Exchanges {
		outcomes[x.Outcome]++
		if !x.Over || (x.Outcome == flow.Complete) != (i < maxWaiting) || (x.Status == 204) != (i < maxWaiting) {
			t.Fatalf("exchange %d: over %v, status %d, outcome %q", i+1, x.Over, x.Status, x.Outcome)
		}
	}
	if len(outcomes) != 2 || outcomes[""] != asked-maxWaiting {
		t.Errorf("outcomes %v", outcomes)
	}
	if said := strings.Count(strings.Join(rec.lines, "\n"), "buffer-full by client "+tooMany); said != 1 {
		t.Errorf("said %d times that there were too many", said)
	}
}

// TestTunnelsInTunnels: each layer costs all bytes after it a call, so their
// number is bounded.
func TestTunnelsInTunnels(t *testing.T) {
	c := &conn{}
	for i := range maxTunnels {
		if _, is := c.tunnel("CONNECT").(*detect); !is {
			t.Fatalf("tunnel %d is not read", i+1)
		}
	}
	if _, is := c.tunnel("CONNECT").(opaque); !is {
		t.Error("tunnels are read at any depth")
	}
}
