package dissect

import (
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/reassembly"
)

// TestHTTP1Pipelined: requests without answers are not kept without end, and
// the responses that come go to those that are.
func TestHTTP1Pipelined(t *testing.T) {
	rec := &h2Record{conn: &flow.Conn{}}
	h := newHTTP1(rec)
	const asked = 3 * maxWaiting
	for range asked {
		h.bytes(fromClient, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), reassembly.Mark{Time: 1})
	}
	if n := len(h.waiting); n != maxWaiting {
		t.Fatalf("%d exchanges wait, want %d", n, maxWaiting)
	}
	for range maxWaiting {
		h.bytes(fromServer, []byte("HTTP/1.1 204 No Content\r\n\r\n"), reassembly.Mark{Time: 2})
	}
	outcomes := map[string]int{}
	for _, x := range rec.conn.Exchanges {
		outcomes[x.Outcome]++
	}
	if len(h.waiting) != 0 || outcomes[flow.Complete] != maxWaiting || outcomes[flow.NoResponse] != asked-maxWaiting {
		t.Errorf("%d wait, outcomes %v", len(h.waiting), outcomes)
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
